"""Whatever happens in whatever order: a job ends, what it counted counts once, and the next one can begin."""

import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from infra.local.clock import Clock
from tests.integration.shared.jobs.world import PERMANENT, TRANSIENT, World
from tests.integration.steps import FirestoreServer, Machine, any_of_them, how_far, serving

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Chains.server = FirestoreServer(Clock())
    with serving(Chains, Chains.server):
        yield


class Chains(Machine):
    """Jobs at the mercy of their surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())

    async def _new_world(self) -> World:
        world = World(self.server.database(), self.server.clock)
        await world.start()
        return world

    @rule(subject=st.sampled_from(["returns", "images"]), steps=how_far)
    def a_job_is_started(self, subject: str, steps: int) -> None:
        self.do(self.world.start(subject))
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.queues.waiting)
    @rule(which=any_of_them, how=st.sampled_from(["once", "last", "lost"]), steps=how_far)
    def a_task_is_delivered(self, which: int, how: str, steps: int) -> None:
        task = self.world.queues.waiting[which % len(self.world.queues.waiting)]
        if how == "lost":
            self.world.queues.waiting.remove(task)
            return
        self.do(self.world.deliver(task, last=how == "last"))
        self.latest_goes_on(steps)

    @rule(which=any_of_them, what=st.sampled_from(["cancel", "resume"]), steps=how_far)
    def an_operator_interferes(self, which: int, what: str, steps: int) -> None:
        if jobs := self.do(self.world.all()):
            act = self.world.cancel if what == "cancel" else self.world.resume
            self.do(act(jobs[which % len(jobs)]))
            self.latest_goes_on(steps)

    @rule(steps=how_far)
    def a_sweeper_comes(self, steps: int) -> None:
        self.do(self.world.sweep())
        self.latest_goes_on(steps)

    @rule(failure=st.sampled_from([None, None, TRANSIENT, PERMANENT]))
    def steps_fail(self, failure: Exception | None) -> None:
        self.world.room.failure = failure

    @rule(seconds=st.sampled_from([1, 11, 300, 601, 3_600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    def teardown(self) -> None:
        self.do(self._converge())

    async def _converge(self) -> None:
        await self.world.until_quiet()
        await self.world.check_slots()
        for job in await self.world.all():
            assert job.status in ("done", "failed", "cancelled")
            assert (job.finished_at is None, job.deadline) == (False, None)
            assert bool(job.error) == (job.status == "failed")
            if job.status == "done":
                await self.world.check_done(job)
            if job.status == "cancelled":
                assert job.id in self.world.room.abandoned
        await self.world.start()
        await self.world.until_quiet()
        newest, *_ = await self.world.all()
        await self.world.check_done(newest)


Chains.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "7")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestChains = Chains.TestCase
