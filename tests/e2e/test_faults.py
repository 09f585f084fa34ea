"""Whatever goes wrong, and however often: once it is quiet, the index is the projection of ``order_returns``.

``FAULT_SEEDS=11,12,13`` runs other seeds than the usual ones.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.campaign import CRON_SECONDS, Campaign, faults
from tests.e2e.harness import LocalCloud, local_cloud

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

SEEDS = [int(seed) for seed in os.environ.get("FAULT_SEEDS", "1").split(",")]
# More than one full batch of the sync, so that a run is several tasks.
RETURN_IDS = [f"R-{number}" for number in range(1_200)]
# What the troubled part of a campaign is about: few enough for changes to meet.
BUSY = RETURN_IDS[::50]
STEPS = 40


def settled(cloud: LocalCloud, seed: int) -> Campaign:
    """All returns are in, and a first run has begun."""
    campaign = Campaign(cloud, seed)
    for start in range(0, len(RETURN_IDS), 500):
        campaign.put(*(campaign.message(return_id) for return_id in RETURN_IDS[start : start + 500]))
    return campaign


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("faults") / "local") as cloud:
        settled(cloud, 0)
        yield cloud


@pytest.mark.parametrize("seed", SEEDS)
def test_it_converges(troubled: LocalCloud, seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    campaign = Campaign(troubled, seed)
    campaign.set_faults(faults(seed))
    campaign.trouble(STEPS, BUSY)
    campaign.until_quiet()
    campaign.check()


def test_a_kill_of_the_functions_in_the_middle_of_a_run(troubled: LocalCloud) -> None:
    campaign = Campaign(troubled, 90)
    campaign.advance(CRON_SECONDS)
    for start in range(0, len(RETURN_IDS), 500):
        campaign.put(*(campaign.message(return_id) for return_id in RETURN_IDS[start : start + 500]))
    campaign.cron()
    _until_a_batch_is_under_way(campaign)
    (functions,) = psutil.Process(troubled.process.pid).children()
    functions.send_signal(signal.SIGKILL)
    campaign.until_quiet()
    campaign.check()


def test_a_kill_of_everything_in_the_middle_of_a_run(tmp_path: Path) -> None:
    with local_cloud(tmp_path) as first:
        campaign = settled(first, 91)
        campaign.poison("poison-91")
        campaign.cron()
        _until_a_batch_is_under_way(campaign)
        first.stop(signal.SIGKILL)
        second = first.restarted()
        try:
            again = Campaign(second.wait_for("ready"), 92)
            again.acknowledged, again.poisoned = campaign.acknowledged, campaign.poisoned
            again.until_quiet()
            again.check()
        finally:
            second.stop()


def _until_a_batch_is_under_way(campaign: Campaign) -> None:
    while not campaign.cloud.http.get("/_local/queues").json()["returnSyncProcessing"]["dispatched"]:
        pass
