"""An operator whose jobs are worked on by the test, a step at a time, over the database of a world."""

from collections.abc import Callable, Mapping
from typing import Any

from google.cloud.firestore import AsyncClient

from infra.local.clock import Clock
from shared.jobs.findings import Finding, FindingPage, Findings
from shared.jobs.records import Job, JobKind, JobTask, Subject
from shared.jobs.running import JobRunner, Work
from shared.jobs.store import Jobs
from shared.tasks import Attempt, Queue
from tests.integration.steps import FakeQueues, Workshop

Works = Callable[[Jobs], Mapping[str, Work]]
# More than any job here takes.
_MOST_STEPS = 200


class JobDesk:
    """Begins jobs of a subject and works on them. ``passing`` is what happens elsewhere between two steps."""

    def __init__(
        self, db: AsyncClient, clock: Clock, subject: Subject, queue: Queue[JobTask], works: Works
    ) -> None:
        self.db = db
        self.clock = clock
        self.subject = subject
        self.queues: Any = FakeQueues()
        self.jobs = Jobs(db, self.queues, clock.now, {subject: queue})
        self.runner = JobRunner(db, self.jobs, works(self.jobs), clock.now)

    async def start(self, kind: JobKind, **options: Any) -> Job:
        """A job whose first step waits."""
        return await self.jobs.start(kind, self.subject, "olga", options)

    async def step(self) -> None:
        """Work on the task that waits."""
        task = self.queues.waiting.pop(0).payload
        await self.runner.run(task, Attempt("task", 1, 12))

    async def audit(self) -> list[Finding]:
        """Audit, and what was found."""
        job = await self.to_its_end(await self.start("audit"))
        return await self.found_by(job)

    async def to_its_end(self, job: Job, elsewhere: Callable[[], Any] | None = None) -> Job:
        """Work on a job until it is done. Time passes, and ``elsewhere`` happens, after each step."""
        for _ in range(_MOST_STEPS):
            await self.step()
            found = await self.jobs.get(job.id)
            assert found
            if not found.is_active:
                assert found.status == "done", found.error
                return found
            self.clock.advance(10)
            if elsewhere:
                await elsewhere()
        raise AssertionError(f"{job.id} comes to no end")

    async def cut_off_everywhere(self, workshop: Workshop, job: Job) -> Job:
        """Work on a job to its end, while each step is killed once at each of its gates before it comes to its own."""
        gates = 0
        while self.queues.waiting:
            task = self.queues.waiting[0]
            await workshop.begin("step", self.step)
            step = workshop.works[-1] if workshop.works else None
            for _ in range(gates):
                if step in workshop.works:
                    await workshop.step(step)
            gates += 1
            if step in workshop.works:
                await workshop.kill(step)
                self.queues.waiting.append(task)
            else:
                gates = 0
                self.clock.advance(10)
        done = await self.jobs.get(job.id)
        assert done
        assert done.status == "done", done.error
        return done

    async def pages(self, job: Job) -> list[FindingPage]:
        """What an audit found, and what repairs made of it."""
        return [page async for page in Findings(self.db).pages(job.id)]

    async def found_by(self, job: Job) -> list[Finding]:
        """All that an audit found."""
        return [finding for page in await self.pages(job) for finding in page.findings]

    async def outcomes(self, job: Job) -> dict[str, str]:
        """What became of each finding of an audit, by id."""
        pages = await self.pages(job)
        return {
            finding.id: outcome
            for page in pages
            for finding, outcome in zip(page.findings, page.outcomes, strict=True)
        }
