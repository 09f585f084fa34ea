"""Whatever goes wrong, and however often: once it is quiet, the partner has the latest version of each product, or a
dead letter says why not, and it never got an older version after a newer one.

``CATALOG_FAULT_SEEDS=11,12,13`` runs other seeds than the usual ones.
"""

import os
from collections.abc import Iterator

import pytest

from tests.e2e.catalog_campaign import CatalogCampaign
from tests.e2e.harness import LocalCloud

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

SEEDS = [int(seed) for seed in os.environ.get("CATALOG_FAULT_SEEDS", "1,2").split(",")]
STEPS = 90


@pytest.fixture
def calm(system: LocalCloud) -> Iterator[LocalCloud]:
    """Without the faults of the test before."""
    yield system
    system.http.put("/_local/faults", json={}).raise_for_status()


@pytest.mark.parametrize("seed", SEEDS)
def test_it_converges(calm: LocalCloud, seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    campaign = CatalogCampaign(calm, seed)
    campaign.trouble(STEPS)
    campaign.until_quiet()
    campaign.check()
    campaign.replay_letters()
    campaign.check()
