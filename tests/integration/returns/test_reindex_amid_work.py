"""Re-indexing amid everything else: no record is missing at any moment, and once quiet the index is the projection.

The interleavings are those of the sync's own campaign (test_convergence.py). Beside them, the index is built anew, jobs
are cancelled and given tasks again, runs that hold the lock are cancelled too, and Algolia does what it has accepted
when it likes.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from functions.returns import planner
from functions.returns.ingestion import Put
from functions.returns.model import Return
from infra.local.clock import Clock
from shared.jobs.records import Job
from tests.integration.returns.reindex_world import LIVE, FirestoreServer, ReindexWorld, small_pages
from tests.integration.returns.test_convergence import Sync
from tests.integration.steps import how_far, serving
from tests.unit.returns.examples import AT, content

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

# Nobody changes them, so they are found at every moment.
STEADY = ("A-1", "R-3a", "Z-1")


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Reindexed.server = FirestoreServer(Clock())
    with serving(Reindexed, Reindexed.server) as patch, small_pages():
        patch.setattr(planner, "BATCH_SIZE", 2)
        patch.setattr(planner, "BATCHES_PER_PAGE", 2)
        yield


class Reindexed(Sync):
    """The sync at the mercy of its surroundings, and its index being built anew."""

    server: ClassVar[FirestoreServer]
    world: ReindexWorld

    def __init__(self) -> None:
        super().__init__()
        # A new index is ahead of the watermark.
        self.cancelled = True
        self.job: Job | None = None

    @initialize()
    def some_returns_are_in_the_index(self) -> None:
        for return_id in STEADY:
            message = content(return_id=return_id, external_updated_at=AT.isoformat())
            self.do(self.world.ingest(Put(Return.model_validate(message))))
        self.do(self.world.until_quiet(crons=1))
        self.world.algolia.settle()

    @rule(rounds=st.integers(0, 12))
    def the_index_is_built_anew(self, rounds: int) -> None:
        if self._job() is None:
            self.job = self.do(self.world.reindex())
        for _ in range(rounds):
            self.all_work_comes_to_its_end()

    @rule()
    def the_job_is_cancelled(self) -> None:
        if job := self._job():
            self.do(self.world.begin("cancel job", lambda: self._steered(self.world.jobs.cancel, job)))

    @rule(steps=how_far)
    def the_sweeper_finds_the_job(self, steps: int) -> None:
        if job := self._job():
            self.do(self.world.begin("sweeper", lambda: self._steered(self.world.jobs.restart, job)))
            self.latest_goes_on(steps)

    @rule()
    def algolia_does_what_it_has_accepted(self) -> None:
        self.world.algolia.settle()

    async def _steered(self, act: Any, job: Job) -> None:
        await act(job)

    def _job(self) -> Job | None:
        """The job that is under way, as it is now."""
        return self.do(self.world.jobs.active("returns"))

    def _indexed(self) -> dict[str, dict[str, Any]]:
        return self.world.algolia.to_be()

    @invariant()
    def what_nobody_has_changed_is_found(self) -> None:
        if live := self.world.algolia.indices.get(LIVE):
            assert set(STEADY) <= set(live)

    async def _converge(self) -> None:
        for _ in range(20):
            await self.world.until_quiet(crons=1)
            job = await self.world.jobs.active("returns")
            if job is None:
                break
            self.world.clock.advance(timedelta(minutes=10).total_seconds())
            await self.world.jobs.restart(job)
        assert await self.world.jobs.active("returns") is None
        assert self.job is None or (await self.world.job(self.job)).status in ("done", "cancelled")
        await super()._converge()
        # What one has left behind that died just before its end, the next one clears away.
        job = await self.world.reindex()
        await self.world.until_quiet()
        assert (await self.world.job(job)).status == "done"
        assert self.world.algolia.temporary() == set()


Reindexed.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "7")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestReindexed = Reindexed.TestCase
