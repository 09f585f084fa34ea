"""The chain of tasks that a job is: begun, gone on with, cut off, cancelled, failed and resumed."""

from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from functions.ops.jobs_sweeper import JobSweeper
from shared.errors import TransientError
from shared.jobs.findings import PAGE_SIZE, Finding, Findings
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.records import KEPT, MAX_RESTARTS, SILENT, Job
from shared.jobs.running import JobRunner, Step
from shared.jobs.store import Jobs
from shared.problems import Problem
from shared.tasks import Attempt
from tests.integration.shared.jobs.world import PAUSE, PERMANENT, TRANSIENT, Room, World
from tests.integration.steps import TO_ITS_END, FakeQueues, Work


async def some_steps(world: World, work: Work, steps: int) -> None:
    for _ in range(steps):
        if work in world.works:
            await world.step(work)


async def begun(world: World, steps: int = 0) -> None:
    """A job that has made some steps."""
    await world.start()
    await world.finish()
    for _ in range(steps):
        await world.run_all()


async def test_a_job_goes_through_all_of_its_steps(world: World) -> None:
    await begun(world)
    await world.until_quiet()
    job = await world.only()
    assert (job.status, job.phase, job.error, job.created_by) == ("done", "looking", "", "olga")
    await world.check_done(job)
    await world.check_slots()


async def test_of_one_subject_one_job_is_active(world: World) -> None:
    first = await world.jobs.start("audit", "returns", "olga")
    with pytest.raises(Problem) as refused:
        await world.jobs.start("reindex", "returns", "otto")
    assert (refused.value.status, refused.value.kind) == (409, "job-active")
    assert first.id in refused.value.detail
    await world.jobs.start("audit", "products", "otto")
    await world.check_slots()


async def test_of_two_that_start_at_once_one_is_refused(world: World) -> None:
    await world.start()
    await world.start()
    for _ in range(TO_ITS_END):
        for work in list(world.works):
            await world.step(work)
    assert world.refusals == ["job-active"]
    await world.until_quiet()
    await world.check_done(await world.only())


@pytest.mark.parametrize("gates", range(14))
async def test_a_task_that_is_killed_at_any_line_is_made_good_by_the_next(world: World, gates: int) -> None:
    await begun(world, steps=1)
    await world.deliver(world.queues.waiting[0])
    work = world.works[-1]
    await some_steps(world, work, gates)
    if work in world.works:
        await world.kill(work)
    await world.until_quiet()
    await world.check_done(await world.only())


@pytest.mark.parametrize("gates", range(8))
async def test_a_start_that_is_killed_at_any_line_leaves_all_or_nothing(world: World, gates: int) -> None:
    await world.start()
    work = world.works[-1]
    await some_steps(world, work, gates)
    if work in world.works:
        await world.kill(work)
    await world.until_quiet()
    for job in await world.all():
        await world.check_done(job)
    await world.check_slots()


async def test_a_step_that_two_make_at_once_counts_once(world: World) -> None:
    await begun(world)
    task = world.queues.waiting[0]
    await world.deliver(task)
    await world.deliver(task)
    for _ in range(TO_ITS_END):
        for work in list(world.works):
            await world.step(work)
    assert (await world.only()).step == 1
    await world.until_quiet()
    await world.check_done(await world.only())


async def test_a_task_that_comes_late_makes_no_step(world: World) -> None:
    await begun(world)
    first = world.queues.waiting[0]
    await world.run_all()
    await world.deliver(first)
    await world.finish()
    assert world.room.begun == [0]
    await world.until_quiet()
    await world.deliver(first)
    await world.finish()
    assert world.room.begun == [0, 1, 2, 3]
    await world.check_done(await world.only())


async def test_a_task_of_a_chain_that_was_begun_anew_makes_no_step(world: World) -> None:
    await begun(world, steps=1)
    straggler = world.queues.waiting[0]
    await world.jobs.restart(await world.only())
    await world.deliver(straggler)
    await world.finish()
    assert world.room.begun == [0]
    await world.until_quiet()
    await world.check_done(await world.only())


async def test_a_step_that_is_to_wait_is_enqueued_for_then(world: World) -> None:
    await begun(world, steps=1)
    before = world.clock.now()
    await world.run_all()
    (due,) = world.queues.due.values()
    assert PAUSE <= due - before <= PAUSE + timedelta(seconds=30)


async def test_a_failing_step_is_tried_again_and_says_why(world: World) -> None:
    await begun(world, steps=1)
    world.room.failure = TRANSIENT
    world.clock.advance(60)
    await world.run_all()
    held = await world.only()
    assert (held.status, held.step, held.error) == ("running", 1, "The index is out of reach.")
    assert held.deadline is not None
    assert held.deadline > world.clock.now() + SILENT - timedelta(seconds=30)
    world.room.failure = None
    await world.run_all()
    again = await world.only()
    assert (again.step, again.error) == (2, "")


@pytest.mark.parametrize(("failure", "last"), [(PERMANENT, False), (TRANSIENT, True), (KeyError("x"), True)])
async def test_a_step_that_fails_for_good_fails_the_job(world: World, failure: Exception, last: bool) -> None:
    await begun(world, steps=1)
    world.room.failure = failure
    await world.deliver(world.queues.waiting[0], last=last)
    await world.finish()
    job = await world.only()
    assert (job.status, job.error) == ("failed", str(failure))
    assert world.room.abandoned == [job.id]
    await world.check_slots()


@pytest.mark.parametrize(("failure", "level"), [(TRANSIENT, "WARNING"), (KeyError("x"), "ERROR")])
async def test_a_step_that_fails_is_an_error_in_the_log_only_if_the_fault_is_ours(
    world: World, failure: Exception, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    await begun(world)
    world.room.failure = failure
    await world.deliver(world.queues.waiting[0], last=True)
    await world.finish()
    (line,) = (each for each in caplog.records if each.message == "job.step_failed")
    assert line.levelname == level


async def last_attempt(world: World, room: Room, jobs: Jobs | None = None) -> Job:
    """A job whose first step has been tried for the last time; the sweeper comes when it has been silent for long."""
    job = await world.jobs.start("audit", "returns", "olga")
    world.queues.waiting.clear()
    runner = JobRunner(world.db, jobs or world.jobs, {"audit": room}, world.clock.now)
    await runner.run(job.task, Attempt("t", 12, 12))
    left = await world.only()
    world.clock.advance(SILENT.total_seconds())
    assert await JobSweeper(world.jobs).sweep() == {"restarted": 1}
    return left


async def test_a_last_attempt_that_somebody_else_overtakes_leaves_the_job_to_them(world: World) -> None:
    class Overtaken(Room):
        async def step(self, job: Job) -> Step:
            await world.jobs.change(job, {"error": "What another delivery of the task came to."})
            return await super().step(job)

    left = await last_attempt(world, Overtaken())
    assert (left.is_active, left.step) == (True, 0)
    await world.until_quiet()
    await world.check_done(await world.only())


@pytest.mark.parametrize("failure", [PERMANENT, TRANSIENT])
async def test_a_last_attempt_after_which_nothing_can_be_undone_leaves_the_job_to_the_sweeper(
    world: World, failure: Exception
) -> None:
    class Stubborn(Room):
        async def abandon(self, job: Job) -> None:
            raise TransientError("Somebody is still writing.")

    left = await last_attempt(world, Stubborn(failure))
    assert (left.is_active, left.step) == (True, 0)
    await world.until_quiet()
    await world.check_done(await world.only())


async def test_a_last_attempt_after_which_the_next_step_cannot_be_enqueued_leaves_it_to_the_sweeper(
    world: World,
) -> None:
    down = Jobs(world.db, Down(), world.clock.now, EVERY_QUEUE)  # type: ignore[arg-type]
    left = await last_attempt(world, world.room, down)
    assert (left.is_active, left.step) == (True, 1)
    await world.until_quiet()
    await world.check_done(await world.only())


async def test_a_failed_job_is_resumed_where_it_was(world: World) -> None:
    await begun(world, steps=2)
    world.room.failure = PERMANENT
    await world.run_all()
    await world.resume(await world.only())
    await world.until_quiet()
    job = await world.only()
    assert (job.status, job.series, job.error) == ("done", 1, "")
    await world.check_done(job)


async def test_a_job_that_is_resumed_late_is_not_forgotten_while_it_has_its_slot(world: World) -> None:
    await begun(world, steps=1)
    world.room.failure = PERMANENT
    await world.run_all()
    world.clock.advance(KEPT.total_seconds() - 60)
    resumed = await world.jobs.resume(await world.only())
    stored = (await world.jobs.document(resumed.id).get()).to_dict()
    assert stored["expire_at"] > world.clock.now() + timedelta(days=80)


async def test_a_job_is_not_resumed_beside_another_or_when_it_has_not_failed(world: World) -> None:
    await begun(world, steps=1)
    world.room.failure = PERMANENT
    await world.run_all()
    failed = await world.only()
    world.room.failure = None
    other = await world.jobs.start("audit", "returns", "otto")
    with pytest.raises(Problem) as refused:
        await world.jobs.resume(failed)
    assert (refused.value.kind, other.id in refused.value.detail) == ("job-active", True)
    with pytest.raises(Problem) as senseless:
        await world.jobs.resume(other)
    assert senseless.value.kind == "not-failed"
    await world.check_slots()


async def test_a_job_that_is_cancelled_is_undone_and_makes_room(world: World) -> None:
    await begun(world, steps=2)
    await world.cancel(await world.only())
    await world.finish()
    assert (await world.only()).status == "cancelling"
    await world.until_quiet()
    job = await world.only()
    assert (job.status, job.step) == ("cancelled", 2)
    assert world.room.abandoned == [job.id]
    await world.check_slots()


@pytest.mark.parametrize("gates", range(1, 10))
async def test_a_step_under_way_does_not_undo_a_cancellation(world: World, gates: int) -> None:
    await begun(world, steps=1)
    await world.deliver(world.queues.waiting[0])
    step = world.works[-1]
    await some_steps(world, step, gates)
    try:
        cancelled = await world.jobs.cancel(await world.only())
    except TransientError:
        return
    await world.finish()
    await world.until_quiet()
    assert (await world.only()).status == "cancelled"
    assert cancelled.id in world.room.abandoned


async def test_what_has_ended_cannot_be_cancelled(world: World) -> None:
    await begun(world)
    await world.until_quiet()
    with pytest.raises(Problem) as refused:
        await world.jobs.cancel(await world.only())
    assert (refused.value.status, refused.value.kind) == (409, "not-active")


class Down(FakeQueues):
    """Cloud Tasks that is not to be had."""

    async def enqueue(self, *_: Any, **__: Any) -> bool:
        raise ServiceUnavailable("no")


async def test_a_job_is_begun_though_cloud_tasks_is_down_and_the_sweeper_enqueues_it(world: World) -> None:
    down = Jobs(world.db, Down(), world.clock.now, EVERY_QUEUE)  # type: ignore[arg-type]
    await down.start("audit", "returns", "olga")
    assert world.queues.waiting == []
    world.clock.advance(SILENT.total_seconds())
    assert await JobSweeper(world.jobs).sweep() == {"restarted": 1}
    await world.until_quiet()
    await world.check_done(await world.only())


async def test_a_job_with_a_sign_of_life_is_left_alone(world: World) -> None:
    await begun(world, steps=1)
    world.clock.advance(SILENT.total_seconds() - 60)
    assert await JobSweeper(world.jobs).sweep() == {}


async def test_a_job_whose_task_is_lost_over_and_over_fails_in_the_end(world: World) -> None:
    await begun(world, steps=1)
    spans = []
    for _ in range(MAX_RESTARTS):
        world.queues.waiting.clear()
        job = await world.only()
        assert job.deadline is not None
        spans.append(job.deadline - world.clock.now())
        world.clock.advance(spans[-1].total_seconds())
        assert await JobSweeper(world.jobs).sweep() == {"restarted": 1}
    assert [round(span / SILENT) for span in spans] == [1, 1, 2, 4, 8]
    world.clock.advance(16 * SILENT.total_seconds())
    assert await JobSweeper(world.jobs).sweep() == {"failed": 1}
    failed = await world.only()
    assert (failed.status, "Begun anew 5 times" in failed.error) == ("failed", True)
    await world.check_slots()


async def test_a_step_that_is_made_makes_up_for_what_was_lost_before(world: World) -> None:
    await begun(world, steps=1)
    world.queues.waiting.clear()
    world.clock.advance(SILENT.total_seconds())
    await JobSweeper(world.jobs).sweep()
    assert (await world.only()).restarts == 1
    await world.run_all()
    assert (await world.only()).restarts == 0


class Repeating:
    """Firestore behind a client that loses the answer to each commit and sends it again."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    async def commit(self, *args: Any, **kwargs: Any) -> Any:
        await self._target.commit(*args, **kwargs)
        return await self._target.commit(*args, **kwargs)


async def test_commits_whose_answers_are_lost_are_done_all_the_same(world: World) -> None:
    world.db._firestore_api_internal = Repeating(world.db._firestore_api_internal)
    job = await world.jobs.start("audit", "returns", "olga")
    cancelled = await world.jobs.cancel(job)
    assert (cancelled.status, cancelled.series) == ("cancelling", 1)
    await world.run_all()
    ended = await world.only()
    assert ended.status == "cancelled"
    second = await world.jobs.start("audit", "returns", "olga")
    world.room.failure = PERMANENT
    await world.run_all()
    failed = await world.jobs.get(second.id)
    assert failed is not None
    resumed = await world.jobs.resume(failed)
    assert resumed.status == "running"
    assert len(world.queues.waiting) == 1
    await world.check_slots()


async def test_findings_come_back_page_by_page_in_order_and_of_their_job_only(world: World) -> None:
    pages, batch = Findings(world.db), world.db.batch()
    found = [Finding("extra", f"R-{number}") for number in range(PAGE_SIZE + 1)]
    pages.write(batch, "audit-1", 0, found, world.clock.now())
    pages.write(batch, "audit-1", 12, found[:1], world.clock.now())
    pages.write(batch, "audit-10", 0, found[:3], world.clock.now())
    await batch.commit()
    seen = [page async for page in pages.pages("audit-1")]
    assert [len(page.findings) for page in seen] == [PAGE_SIZE, 1, 1]
    assert [each for page in seen[:2] for each in page.findings] == found
    rest = [page.name async for page in pages.pages("audit-1", after=seen[0].name, limit=1)]
    assert rest == [seen[1].name]


async def test_outcomes_are_kept_beside_findings(world: World) -> None:
    pages, batch = Findings(world.db), world.db.batch()
    pages.write(batch, "audit-1", 0, [Finding("missing", "R-1")], world.clock.now())
    await batch.commit()
    (page,) = [page async for page in pages.pages("audit-1")]
    batch = world.db.batch()
    pages.write_outcomes(batch, page, ["repaired"])
    await batch.commit()
    (again,) = [page async for page in pages.pages("audit-1")]
    assert (again.findings, again.outcomes) == (page.findings, ("repaired",))


async def test_jobs_are_listed_newest_first_by_kind_and_subject(world: World) -> None:
    ids = []
    for kind, subject in (("audit", "returns"), ("reindex", "images"), ("audit", "products")):
        ids.append((await world.jobs.start(kind, subject, "olga")).id)  # type: ignore[arg-type]
        world.clock.advance(1)
    assert [job.id for job in await world.jobs.page(2)] == [ids[2], ids[1]]
    last = (await world.jobs.page(2))[-1]
    assert [job.id for job in await world.jobs.page(2, after=(last.created_at, last.id))] == [ids[0]]
    assert [job.id for job in await world.jobs.page(9, "audit")] == [ids[2], ids[0]]
    assert [job.id for job in await world.jobs.of_subject("images", 9)] == [ids[1]]


async def test_a_job_is_kept_for_ninety_days(world: World) -> None:
    job = await world.jobs.start("audit", "returns", "olga")
    stored = (await world.jobs.document(job.id).get()).to_dict()
    assert stored["expire_at"] == job.created_at + KEPT


async def test_a_job_that_is_restarted_again_and_again_has_a_deadline_in_sight(world: World) -> None:
    await begun(world, steps=1)
    for _ in range(40):
        await world.jobs.restart(await world.only())
    job = await world.only()
    assert job.deadline is not None
    assert job.deadline - job.created_at < timedelta(days=1)
