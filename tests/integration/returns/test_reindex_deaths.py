"""Building the index anew when steps come late or twice, die, or lose the sync's lock."""

from datetime import timedelta

import pytest

from shared.return_sync.runs import LEASE, RUNS
from tests.integration.returns.reindex_world import (
    FirestoreServer,
    ReindexWorld,
    falls_due,
    in_step,
    is_in_step,
    put,
)
from tests.integration.steps import Work


@pytest.fixture
async def world(reindex_server: FirestoreServer) -> ReindexWorld:
    """One whose index is in step, with nine returns that nobody has changed for hours."""
    return await in_step(reindex_server)


async def test_a_lock_that_lapses_is_taken_over_and_the_job_catches_up_again(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    (step,) = world.queues.waiting
    world.queues.waiting.clear()
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.cron()
    await world.until_rest()
    assert world.algolia.to_be()["R-1"]["reason"] == "broken"
    await world.deliver(step)
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)
    phases = [run.get("phase") async for run in world.db.collection(RUNS).stream()]
    assert sorted(phases) == ["done", "done", "done", "taken over"]


async def test_a_run_that_died_is_not_waited_for_though_no_cron_comes_to_take_it_over(
    world: ReindexWorld,
) -> None:
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.cron()
    await world.to_its_end(world.works[0])
    (planning,) = world.queues.waiting
    await world.deliver(planning)
    await world.to_its_end(world.works[0])
    # What it has in the queue is lost, and the schedule is paused.
    world.queues.waiting.clear()
    job = await world.reindex()
    await world.until_stage(job, "lock")
    await world.run_all()
    assert (await world.job(job)).state["stage"] == "lock"
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    await world.ingest(put("R-2", 1, reason="broken"))
    await world.until_quiet(crons=1)
    world.algolia.settle()
    assert await is_in_step(world)
    assert {world.algolia.to_be()[each]["reason"] for each in ("R-1", "R-2")} == {"broken"}


async def test_a_move_is_not_sent_once_the_lock_is_lost(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    while not await is_claimed_for_the_move(world):
        await one_step(world)
    # It has looked at everything; now it stands still for a quarter of an hour.
    zombie = world.works[0]
    world.clock.advance(900)
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.cron()
    await others_go_on(world, zombie)
    assert world.algolia.to_be()["R-1"]["reason"] == "broken"
    await world.to_its_end(zombie)
    assert world.algolia.moves == 0
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def one_step(world: ReindexWorld) -> None:
    """Let the first piece of work go on by a step; deliver what waits, if there is none."""
    if world.works:
        await world.step(world.works[0])
    else:
        await world.deliver(world.queues.waiting.pop(0))


async def others_go_on(world: ReindexWorld, zombie: Work) -> None:
    """Let all work come to its end but one piece that stands still."""
    while world.works != [zombie] or world.queues.waiting:
        if world.works == [zombie]:
            await world.deliver(world.queues.waiting.pop(0))
        else:
            await world.to_its_end(world.works[-1])


@pytest.mark.parametrize("steps", [2, 6, 8, 9, 13])
async def test_a_step_that_comes_late_writes_nothing_after_a_later_one(
    world: ReindexWorld, steps: int
) -> None:
    """Having read the job, the claim, or the returns, or with its claim taken, or its request on the way."""
    await falls_due(world, timedelta(seconds=1))
    job = await world.reindex()
    await world.until_stage(job, "walk")
    await world.deliver(world.queues.waiting.pop())
    zombie = world.works[0]
    for _ in range(steps):
        await world.step(zombie)
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.jobs.restart(await world.job(job))
    while (await world.job(job)).state["stage"] != "move":
        await world.deliver(world.queues.waiting.pop(0))
        await world.to_its_end(world.works[-1])
        world.clock.advance(2)
    written = world.algolia.requests
    await world.to_its_end(zombie)
    assert world.algolia.requests == written
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def is_claimed_for_the_move(world: ReindexWorld) -> bool:
    documents = [each.to_dict() or {} async for each in world.db.collection("search_indexes").stream()]
    return any(fields.get("is_moving") for fields in documents)


@pytest.mark.parametrize("steps", [0, 1, 5])
async def test_a_move_is_not_sent_when_the_claim_may_end_before_it(world: ReindexWorld, steps: int) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    while not await is_claimed_for_the_move(world):
        await one_step(world)
    for _ in range(steps):
        await one_step(world)
    world.clock.advance(30)
    await world.to_its_end(world.works[0])
    assert world.algolia.moves == 0
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


@pytest.mark.parametrize("steps", range(2, 24, 3))
async def test_a_move_is_not_sent_once_the_run_that_is_the_lock_was_cancelled(
    world: ReindexWorld, steps: int
) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    await world.deliver(world.queues.waiting.pop(0))
    zombie = world.works[0]
    for _ in range(steps):
        await world.step(zombie)
    assert world.algolia.moves == 0
    locked = await world.runs.newest()
    assert locked is not None
    assert await world.runs.cancel(locked.run_id)
    await world.ingest(put("R-1", 1, reason="broken"))
    # As long as a claim may last that was taken before, no other run begins.
    world.clock.advance(121)
    await world.cron()
    await others_go_on(world, zombie)
    assert world.algolia.to_be()["R-1"]["reason"] == "broken"
    await world.to_its_end(zombie)
    assert world.algolia.moves == 0
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


@pytest.mark.parametrize("is_done_before", [True, False])
async def test_a_move_whose_answer_was_lost_is_sent_again_and_does_no_harm(
    world: ReindexWorld, is_done_before: bool
) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    while world.algolia.moves == 0:
        await one_step(world)
    await world.kill(world.works[0])
    if is_done_before:
        world.algolia.settle()
    await world.jobs.restart(await world.job(job))
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert world.algolia.moves == (1 if is_done_before else 2)
    assert await is_in_step(world)


async def test_after_a_move_whose_answer_and_whose_lock_are_lost_another_index_is_built(
    world: ReindexWorld,
) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    while world.algolia.moves == 0:
        await one_step(world)
    await world.kill(world.works[0])
    world.clock.advance(900)
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.cron()
    while world.queues.waiting or world.works:
        await one_step(world)
    # All that while Algolia has not come to the move; what the run has pushed comes behind it.
    await world.jobs.restart(await world.job(job))
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def until_a_change(world: ReindexWorld) -> bool:
    """Go on until something outside is another than before; whether it came to that."""
    while world.works or world.queues.waiting:
        if not world.works:
            await world.deliver(world.queues.waiting.pop(0))
        before = world.changes()
        await world.step(world.works[0])
        if world.changes() != before:
            return True
    return False


@pytest.mark.long
async def test_death_after_any_change_outside_loses_nothing(reindex_server: FirestoreServer) -> None:
    """A death anywhere between two changes leaves the same as one right after the first of them."""
    fatal, died = 0, True
    while died:
        world = await in_step(reindex_server)
        job = await world.reindex()
        died = all([await until_a_change(world) for _ in range(fatal)])
        await world.ingest(put("R-1", 1, reason="broken"), put("R-2", 1, status="cancelled"), put("Z-1"))
        if world.works:
            await world.kill(world.works[0])
        steady = {f"R-{n}" for n in range(3, 9)}
        assert steady <= set(world.algolia.to_be()), f"after a death after change {fatal}"
        # What lost its task, the sweeper gives another.
        if (latest := await world.job(job)).is_active:
            await world.jobs.restart(latest)
        await world.until_quiet()
        assert (await world.job(job)).status == "done", f"after a death after change {fatal}"
        assert await is_in_step(world), f"after a death after change {fatal}"
        fatal += 1
    assert fatal > 30
