"""A world in which jobs can be run a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client; the queues and the room's work are fakes written by
hand, and every call to the outside stops at a gate (tests/integration/steps.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from functions.ops.jobs_sweeper import JobSweeper
from infra.local.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.jobs.findings import Finding, Findings
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.records import ACTIVE, SILENT, SLOTS, Job, JobKind, JobTask, Subject
from shared.jobs.running import JobRunner, Step
from shared.jobs.store import Jobs
from shared.problems import Problem
from shared.tasks import Attempt, Queue
from tests.integration.steps import FakeQueues, Task, Workshop, gate

STEPS = 4
PAUSE = timedelta(seconds=10)


def finding(number: int) -> Finding:
    """What step ``number`` finds."""
    return Finding("missing", f"R-{number}", f"account-{number % 2}")


@dataclass
class Room:
    """Work in four steps, each of which finds one thing; the second waits before it goes on."""

    failure: Exception | None = None
    abandoned: list[str] = field(default_factory=list)
    # As which step each that was begun was.
    begun: list[int] = field(default_factory=list)

    async def step(self, job: Job) -> Step:
        self.begun.append(job.step)
        await gate()
        if self.failure:
            raise self.failure
        number = job.state.get("number", 0)
        return Step(
            {"number": number + 1},
            "looking",
            is_last=number + 1 == STEPS,
            done=1,
            total=STEPS,
            counts={"checked": 1, "missing": 1},
            uses={"firestore_reads": 10},
            findings=[finding(number)],
            pause=PAUSE if number == 1 else timedelta(0),
        )

    async def abandon(self, job: Job) -> None:
        await gate()
        self.abandoned.append(job.id)


class Queues(FakeQueues):
    """Cloud Tasks, which also remembers when tasks are due that are to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.due: dict[str, datetime] = {}

    async def enqueue(
        self, queue: Queue[Any], payload: BaseModel, *, key: str, not_before: datetime | None = None
    ) -> bool:
        if not_before is not None:
            self.due[key] = not_before
        return await super().enqueue(queue, payload, key=key)


class World(Workshop):
    """Jobs with everything around them."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db, self.clock = db, clock
        self.queues, self.room = Queues(), Room()
        self.jobs = Jobs(db, self.queues, clock.now, EVERY_QUEUE)  # type: ignore[arg-type]
        self.runner = JobRunner(db, self.jobs, {"audit": self.room, "repair": self.room}, clock.now)
        self.refusals: list[str] = []

    # What happens in the world

    async def start(self, subject: Subject = "returns", kind: JobKind = "audit") -> None:
        await self.begin("start", lambda: self._operated(self._start(subject, kind)))

    async def _start(self, subject: Subject, kind: JobKind) -> None:
        await self.jobs.start(kind, subject, "olga")

    async def deliver(self, task: Task, *, last: bool = False) -> None:
        """An attempt at a task. One that fails, or is killed, comes again, unless it was the last."""
        if last:
            self.queues.waiting.remove(task)
        payload = task.payload
        assert isinstance(payload, JobTask)

        async def attempt() -> None:
            await self.runner.run(payload, Attempt("t", 12 if last else 1, 12))
            if task in self.queues.waiting:
                self.queues.waiting.remove(task)

        await self.begin("task", attempt)

    async def cancel(self, job: Job) -> None:
        await self.begin("cancel", lambda: self._operated(self.jobs.cancel(job)))

    async def resume(self, job: Job) -> None:
        await self.begin("resume", lambda: self._operated(self.jobs.resume(job)))

    async def sweep(self) -> None:
        await self.begin("sweep", self._sweep)

    async def _sweep(self) -> None:
        await JobSweeper(self.jobs).sweep()

    async def _operated(self, doing: Any) -> None:
        try:
            await doing
        except Problem as problem:
            self.refusals.append(problem.kind)

    async def run_all(self) -> None:
        """Whatever is under way ends, and each waiting task is delivered."""
        await self.finish()
        for task in list(self.queues.waiting):
            await self.deliver(task)
            await self.finish()

    async def until_quiet(self) -> None:
        """Time passes, sweepers come, and tasks are delivered, until no job is active and no task waits."""
        self.room.failure = None
        await self.run_all()
        while self.queues.waiting or any(job.is_active for job in await self.all()):
            await self.run_all()
            if not self.queues.waiting:
                self.clock.advance(SILENT.total_seconds() * 2**6)
                await self.sweep()
                await self.finish()

    # What there is in the world

    async def all(self) -> list[Job]:
        """All jobs, the newest first."""
        return await self.jobs.page(100)

    async def only(self) -> Job:
        """The only job."""
        (job,) = await self.all()
        return job

    async def slots(self) -> dict[str, str]:
        """Who has which slot."""
        return {each.id: each.get("job_id") async for each in self.db.collection(SLOTS).stream()}

    async def findings(self, job: Job) -> list[Finding]:
        """What a job has found, in order."""
        pages = Findings(self.db).pages(job.id)
        return [each async for page in pages for each in page.findings]

    async def check_slots(self) -> None:
        """Each active job has its subject's slot, and nobody else has one."""
        active = {job.subject: job.id for job in await self.all() if job.status in ACTIVE}
        assert await self.slots() == active

    async def check_done(self, job: Job) -> None:
        """All steps of a job count once each, however often they were made."""
        assert (job.done, job.total, job.step) == (STEPS, STEPS, STEPS)
        assert job.counts == {"checked": STEPS, "missing": STEPS}
        assert job.uses == {"firestore_reads": 10 * STEPS}
        assert job.by_account == {"account-0": {"missing": 2}, "account-1": {"missing": 2}}
        assert await self.findings(job) == [finding(number) for number in range(STEPS)]


TRANSIENT = TransientError("The index is out of reach.")
PERMANENT = PermanentError("There is no such audit.")
