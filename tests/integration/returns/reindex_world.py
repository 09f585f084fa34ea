"""The returns sync with a re-index going on beside it, a step at a time and killed at any step."""

import copy
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from functions.returns import reindex_stages
from functions.returns.batches import PUSH_TIME
from functions.returns.ingestion import Put, Removal
from functions.returns.model import Return
from functions.returns.reindex import Reindex
from infra.local.clock import Clock
from infra.local.firestore.stats import Stats
from shared.errors import TransientError
from shared.jobs.queues import RETURN_MAINTENANCE
from shared.jobs.records import Job, JobTask
from shared.jobs.running import JobRunner
from shared.jobs.store import Jobs
from shared.return_sync.runs import IDLE, JOB_TYPE, STATE
from shared.search import BrowsedPage, IndexMissingError, RefusedError
from shared.tasks import Attempt
from tests.integration import steps
from tests.integration.returns.world import MAX_RECORD_BYTES, World
from tests.integration.steps import Task, gate
from tests.unit.returns.examples import AT, content

LIVE = "order_returns"
Records = dict[str, dict[str, Any]]


@contextmanager
def small_pages() -> Iterator[None]:
    """So that a handful of returns makes several pages and steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reindex_stages, "PAGE_SIZE", 2)
        patch.setattr(reindex_stages, "PAGES_PER_STEP", 2)
        yield


class FakeAlgolia:
    """An application with its indices. What it has accepted it does later, in that order, when it is asked for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.indices: dict[str, Records] = {}
        # What it was told, and what it was asked.
        self.requests = 0
        self.reads = 0
        # How many moves it has accepted.
        self.moves = 0
        self.refuses: set[str] = set()
        self._accepted: list[Callable[[dict[str, Records]], None]] = []
        self._done = 0

    def accept(self, task: Callable[[dict[str, Records]], None]) -> int:
        """Take a task in; its number."""
        self._accepted.append(task)
        return self._done + len(self._accepted)

    def is_done(self, task: int) -> bool:
        """Whether it is; if not, it will be when somebody asks again."""
        is_done = task <= self._done
        self.settle()
        return is_done

    def settle(self) -> None:
        """Do all that has been accepted."""
        for task in self._accepted:
            task(self.indices)
        self._done += len(self._accepted)
        self._accepted.clear()

    def to_be(self, name: str = LIVE) -> Records:
        """What an index will hold once all that has been accepted is done."""
        after = copy.deepcopy(self.indices)
        for task in self._accepted:
            task(after)
        return after.get(name, {})

    def temporary(self) -> set[str]:
        """The names of what is beside the live index."""
        return {name for name in self.indices if name != LIVE}


class FakeIndex:
    """One of its indices, as the product sees it. A request that is on its way for too long has timed out."""

    def __init__(self, algolia: FakeAlgolia, name: str = LIVE) -> None:
        self.algolia = algolia
        self.name = name

    @property
    def requests(self) -> int:
        """How many there have been, of all indices."""
        return self.algolia.requests

    def sibling(self, name: str) -> "FakeIndex":
        return FakeIndex(self.algolia, name)

    async def _write(
        self, task: Callable[[dict[str, Records]], None], accepted: Callable[[], None] = lambda: None
    ) -> int:
        sent = self.algolia.clock.now()
        await gate()
        if self.algolia.clock.now() - sent > PUSH_TIME:
            raise TransientError("timed out")
        self.algolia.requests += 1
        number = self.algolia.accept(task)
        accepted()
        await gate()
        return number

    async def batch(self, requests: Sequence[dict[str, Any]]) -> int:
        if self.algolia.refuses.intersection(each["body"]["objectID"] for each in requests):
            raise RefusedError("one of them is not acceptable")

        def apply(indices: dict[str, Records]) -> None:
            records = indices.setdefault(self.name, {})
            for each in requests:
                records.pop(each["body"]["objectID"], None)
                if each["action"] == "addObject":
                    records[each["body"]["objectID"]] = each["body"]

        return await self._write(apply)

    async def set_settings(self, settings: Mapping[str, Any], replica: str = "") -> None:
        await self._write(lambda indices: None if replica else indices.setdefault(self.name, {}) and None)

    async def copy_settings_to(self, destination: str) -> int:
        return await self._write(lambda indices: indices.setdefault(destination, {}) and None)

    async def move_to(self, destination: str) -> int:
        def apply(indices: dict[str, Records]) -> None:
            if self.name in indices:
                indices[destination] = indices.pop(self.name)

        def accepted() -> None:
            self.algolia.moves += 1

        return await self._write(apply, accepted)

    async def drop(self) -> int:
        return await self._write(lambda indices: indices.pop(self.name, None) and None)

    async def is_published(self, task: int) -> bool:
        await self._read()
        return self.algolia.is_done(task)

    async def records(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        await self._read()
        return [self._content().get(each) for each in ids]

    async def browse(self, attributes: Sequence[str], cursor: str = "") -> BrowsedPage:
        await self._read()
        return BrowsedPage([], "", len(self._content()))

    async def _read(self) -> None:
        await gate()
        self.algolia.reads += 1

    def _content(self) -> Records:
        if self.name not in self.algolia.indices:
            raise IndexMissingError(f"no index {self.name}")
        return self.algolia.indices[self.name]


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, and worlds in it."""

    def world(self) -> "ReindexWorld":
        """A world of its own. To be called inside the loop that serves."""
        return ReindexWorld(self.database(), self.clock, self.service.stats)


class ReindexWorld(World):
    """The sync and its index, and jobs that build the index anew."""

    def __init__(self, db: AsyncClient, clock: Clock, stats: Stats) -> None:
        self.algolia = FakeAlgolia(clock)
        super().__init__(db, clock, stats, FakeIndex(self.algolia))
        self.jobs = Jobs(db, self.queues, clock.now, {"returns": RETURN_MAINTENANCE})  # type: ignore[arg-type]
        work = Reindex(db, self.runs, self.index, clock.now, MAX_RECORD_BYTES)
        self._runner = JobRunner(db, self.jobs, {"reindex": work}, clock.now)

    async def _run(self, task: Task) -> None:
        if isinstance(task.payload, JobTask):
            await self._runner.run(task.payload, Attempt("task", 1, 12))
        else:
            await super()._run(task)

    # What the test decides

    async def reindex(self, **options: Any) -> Job:
        """Begin a job; its steps wait in the queue."""
        return await self.jobs.start("reindex", "returns", "ola", options)

    async def cancel_job(self, job: Job) -> None:
        """Have a job end before its time, as soon as nobody is at a step of it."""
        latest = await self.job(job)
        await self.jobs.cancel(latest)

    async def job(self, job: Job) -> Job:
        """As it is now."""
        latest = await self.jobs.get(job.id)
        assert latest is not None
        return latest

    async def sync(self) -> None:
        """A run of the sync begins and, if nothing is in its way, ends; no job goes on meanwhile."""
        await self._alone(self.cron())
        for _ in range(20):
            if not (tasks := [each for each in self.queues.waiting if not isinstance(each.payload, JobTask)]):
                return
            self.queues.waiting.remove(tasks[0])
            await self._alone(self.deliver(tasks[0]))

    async def step_of_job(self) -> None:
        """What waits of the job is delivered, once."""
        for task in [each for each in self.queues.waiting if isinstance(each.payload, JobTask)]:
            self.queues.waiting.remove(task)
            await self._alone(self.deliver(task))

    async def _alone(self, beginning: Awaitable[None]) -> None:
        """Begin a piece of work, and let nobody but it go on until it ends."""
        others = [id(each) for each in self.works]
        await beginning
        for work in [each for each in self.works if id(each) not in others]:
            await self.to_its_end(work)

    async def until_rest(self) -> None:
        """Until nothing waits any more; time passes between attempts."""
        await self._until_rest()
        self.algolia.settle()

    async def until_stage(self, job: Job, stage: str) -> None:
        """Work on whatever waits until a job has come to a stage."""
        for _ in range(50):
            if (await self.job(job)).state.get("stage") == stage:
                return
            await self.run_all()
            self.clock.advance(timedelta(seconds=1).total_seconds())
        raise AssertionError(f"never came to {stage}: {await self.job(job)}")


async def in_step(server: FirestoreServer) -> ReindexWorld:
    world = server.world()
    await world.ingest(*(put(f"R-{n}") for n in range(9)))
    await world.cron()
    await world.until_rest()
    world.clock.advance(7200)
    return world


def put(return_id: str, seconds: int = 0, **changes: Any) -> Put:
    at = (AT + timedelta(seconds=seconds)).isoformat()
    return Put(Return.model_validate(content(return_id=return_id, external_updated_at=at, **changes)))


def removal(return_id: str) -> Removal:
    return Removal(return_id, AT + timedelta(seconds=1), "acme")


async def falls_due(world: ReindexWorld, after: timedelta) -> None:
    """Let there be a return that leaves the index after some time, and that nobody has changed for hours."""
    due = world.clock.now() + timedelta(hours=2) + after
    await world.ingest(put("DUE", next_status="cancelled", next_status_at=due.isoformat()))
    await world.until_quiet(crons=1)
    world.clock.advance(timedelta(hours=2).total_seconds() - 900)
    assert "DUE" in world.algolia.to_be()


async def is_in_step(world: ReindexWorld) -> bool:
    """Whether the index is the projection, and nothing is left of a re-index."""
    left = world.algolia.temporary()
    state = (await world.db.collection(STATE).document(JOB_TYPE).get()).to_dict() or {}
    should = await world.projection(world.clock.now())
    return not left and state["status"] == IDLE and world.algolia.to_be() == should
