"""Re-indexing amid everything else: searches never find less or older, and once quiet the index is the projection.

The interleavings are those of the sync's own campaign (test_convergence.py). Beside them, the index is built anew, jobs
are cancelled and given tasks again, runs that hold the lock are cancelled too, and Algolia does what it has accepted
when it likes.
"""

import itertools
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
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
from tests.integration.returns.test_convergence import RETURN_IDS, Sync, return_ids
from tests.integration.steps import how_far, serving
from tests.unit.returns.examples import AT, content

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

# What becomes of a return that keeps changing.
HOWS = ("put", "due soon", "cancelled", "removed")
# Nobody changes them, so they are found at every moment.
STEADY = ("A-1", "R-3a", "Z-1")


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Reindexed.server = FirestoreServer(Clock())
    with serving(Reindexed, Reindexed.server) as patch, small_pages():
        patch.setattr(planner, "BATCH_SIZE", 2)
        patch.setattr(planner, "BATCHES_PER_PAGE", 2)
        yield


class Seen:
    """What has been found of one return, which may only become newer.

    Its versions are numbered as they were stored. One whose status falls due counts twice: as it was, and half a
    number later as it is from then on.
    """

    def __init__(self) -> None:
        self._versions: list[dict[str, Any]] = []
        self._newest = -1.0

    def stored(self, version: dict[str, Any]) -> None:
        """Note a version, unless it is the one before."""
        if version not in self._versions[-1:]:
            self._versions.append(version)

    def found(self, record: dict[str, Any] | None, now: datetime) -> bool:
        """Whether what is found, or that nothing is, is at least as new as what was found before."""
        if record is None and self._newest < 0:
            return True
        states = list(self._of(record)) if record else list(self._unlisted(now))
        newer = [each for each in states if each >= self._newest]
        self._newest = min(newer, default=self._newest)
        return bool(newer)

    def _of(self, record: dict[str, Any]) -> Iterator[float]:
        for number, version in enumerate(self._versions):
            if version.get("reason") == record["reason"]:
                yield number

    def _unlisted(self, now: datetime) -> Iterator[float]:
        for number, version in enumerate(self._versions):
            if version["deleted"] or version["status"] == "cancelled":
                yield number
            elif version["next_status_at"] and version["next_status_at"] <= now:
                yield number + 0.5


class Reindexed(Sync):
    """The sync at the mercy of its surroundings, and its index being built anew."""

    server: ClassVar[FirestoreServer]
    world: ReindexWorld

    def __init__(self) -> None:
        super().__init__()
        # A new index is ahead of the watermark.
        self.cancelled = True
        self.job: Job | None = None
        self.seen = {return_id: Seen() for return_id in RETURN_IDS}

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

    @rule(
        return_id=return_ids,
        hows=st.lists(st.sampled_from(HOWS), min_size=1, max_size=4),
        times=st.sampled_from([3, 9, 20]),
    )
    def a_return_keeps_changing_while_the_index_is_built_anew(
        self, return_id: str, hows: list[str], times: int
    ) -> None:
        """Each change is pushed, unless the re-index has the lock by then; after each, the job makes a step."""
        self.do(self.world.until_quiet(crons=1))
        if self._job() is None:
            self.job = self.do(self.world.reindex())
        for how in itertools.islice(itertools.cycle(hows), times):
            self.a_return_changes(return_id, how)
            self.nothing_is_found_as_it_was_before()
            self.do(self.world.sync())
            self.do(self.world.step_of_job())
            self.nothing_is_found_as_it_was_before()
            self.world.clock.advance(5)

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

    @invariant()
    def nothing_is_found_as_it_was_before(self) -> None:
        self.do(self._note_versions())
        live = self._indexed()
        for return_id, seen in self.seen.items():
            assert seen.found(live.get(return_id), self.world.clock.now()), return_id

    async def _note_versions(self) -> None:
        for return_id, stored in (await self.world.documents()).items():
            if return_id in self.seen:
                self.seen[return_id].stored(stored)

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
    # Each takes two seconds, so there are fewer than of others.
    max_examples=max(3, int(os.environ.get("CONVERGENCE_EXAMPLES", "0")) // 3),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestReindexed = Reindexed.TestCase
