"""What a run costs, counted: Algolia's operations and requests, Firestore's reads, the functions' memory.

``COST_RETURNS=100000`` counts with more returns; `make bench-returns` holds 10,000 and 100,000 to the same limits.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from tests.e2e.campaign import CRON_SECONDS, Campaign
from tests.e2e.clients import records
from tests.e2e.harness import LocalCloud, local_cloud

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

RETURNS = int(os.environ.get("COST_RETURNS", "5000"))
MAX_READS_PER_RETURN = 2.2
MAX_MEMORY_BYTES = 200 * 1024 * 1024
# One for each batch of 1,000, and two to spare.
MAX_WRITE_REQUESTS = RETURNS // 1000 + 2


@dataclass(frozen=True)
class Costs:
    """What the services counted for the run that pushed all changes, and up to the end of two more after it.

    ``memory``: the most bytes that the functions process was seen to hold in the first of them.
    """

    first_run: dict[str, Any]
    three_runs: dict[str, Any]
    memory: int
    records: int


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("cost") / "local") as running:
        yield running


@pytest.fixture(scope="module")
def costs(cloud: LocalCloud) -> Costs:
    campaign = Campaign(cloud, 0)
    campaign.put(campaign.message("R-0"))
    campaign.run()
    # Out of reach of the next run's overlap.
    campaign.advance(3 * CRON_SECONDS)
    campaign.drain()
    cloud.wait_out_schedules()
    for start in range(0, RETURNS, 500):
        campaign.put(*(campaign.message(f"R-{n}") for n in range(start, min(start + 500, RETURNS))))
    cloud.http.post("/_local/stats:reset").raise_for_status()
    campaign.cron()
    memory = _memory_until_idle(cloud)
    first_run = cloud.http.get("/_local/stats").json()
    print(  # noqa: T201  # figures, for whoever asks with -s
        f"{RETURNS:,} changes: {first_run['algolia']}, {first_run['firestore']['reads'] / RETURNS:.3f} reads "
        f"a return, {memory / 2**20:.0f} MiB"
    )
    for _ in range(2):
        campaign.advance(CRON_SECONDS)  # which is when the schedule fires
        campaign.drain()
    return Costs(first_run, cloud.http.get("/_local/stats").json(), memory, len(records(cloud)))


def _memory_until_idle(cloud: LocalCloud) -> int:
    (functions,) = psutil.Process(cloud.process.pid).children()
    most = functions.memory_info().rss
    while cloud.http.post("/_local/idle?timeout=0.05").status_code != 200:
        most = max(most, functions.memory_info().rss)
    return max(most, functions.memory_info().rss)


def test_a_run_takes_few_requests(costs: Costs) -> None:
    assert costs.records == RETURNS
    assert costs.first_run["algolia"]["write_requests"] <= MAX_WRITE_REQUESTS


def test_a_changed_return_costs_one_operation_however_many_windows_it_lies_in(costs: Costs) -> None:
    assert costs.first_run["algolia"]["index_operations"] == RETURNS
    assert costs.three_runs["algolia"]["index_operations"] == RETURNS


def test_a_changed_return_is_read_twice(costs: Costs) -> None:
    assert costs.first_run["firestore"]["reads"] <= MAX_READS_PER_RETURN * RETURNS


def test_the_functions_hold_batches_and_not_the_window(costs: Costs) -> None:
    assert costs.memory < MAX_MEMORY_BYTES
