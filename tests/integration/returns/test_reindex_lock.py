"""The sync's lock in the hands of a re-index: it is given back whatever happens, and what it costs others is said."""

import logging
from datetime import timedelta

import pytest

from shared.return_sync.runs import IDLE, LEASE, NewRun
from tests.integration.returns.reindex_world import (
    FirestoreServer,
    ReindexWorld,
    in_step,
    is_in_step,
    put,
)
from tests.integration.steps import Work


@pytest.fixture
async def world(reindex_server: FirestoreServer) -> ReindexWorld:
    """One whose index is in step, with nine returns that nobody has changed for hours."""
    return await in_step(reindex_server)


async def taking_the_lock(world: ReindexWorld, gates: int) -> Work:
    """Have a delivery of the step that takes the lock stand still behind so many gates."""
    job = await world.reindex()
    await world.until_stage(job, "lock")
    await world.deliver(world.queues.waiting.pop())
    late = world.works[0]
    for _ in range(gates):
        await world.step(late)
    return late


async def without(late: Work, world: ReindexWorld) -> None:
    """Let everything but one piece of work come to its end, and time pass for what has to wait."""
    for _ in range(6):
        tasks, world.queues.waiting = world.queues.waiting, []
        for task in tasks:
            await world.deliver(task)
        while others := [each for each in world.works if each is not late]:
            await world.to_its_end(others[0])
        world.clock.advance(15)


async def is_idle(world: ReindexWorld) -> bool:
    state = await world.runs.newest()
    return state is not None and state.status == IDLE


@pytest.mark.parametrize("gates", range(1, 20, 2))
async def test_a_job_that_is_cancelled_while_it_takes_the_lock_does_not_hold_up_the_sync(
    world: ReindexWorld, gates: int
) -> None:
    late = await taking_the_lock(world, gates)
    job = await world.jobs.active("returns")
    assert job is not None
    await world.cancel_job(job)
    await without(late, world)
    await world.to_its_end(late)
    await world.until_rest()
    assert (await world.job(job)).status == "cancelled"
    assert await is_idle(world)
    await world.ingest(put("NEW"))
    await world.sync()
    assert "NEW" in world.algolia.to_be()


@pytest.mark.parametrize("gates", range(1, 20, 2))
async def test_a_lock_that_is_lost_while_it_is_taken_is_waited_for_again(
    world: ReindexWorld, gates: int
) -> None:
    late = await taking_the_lock(world, gates)
    job, state = await world.jobs.active("returns"), await world.runs.newest()
    assert job is not None
    assert state is not None
    await world.runs.cancel(state.run_id)
    await world.to_its_end(late)
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


@pytest.mark.parametrize(
    ("new", "level"),
    [(NewRun(), "WARNING"), (NewRun(is_historic=True, purpose="resync", by="ola"), "ERROR")],
)
async def test_a_dead_run_that_makes_room_is_said_to_be_dead_and_so_is_what_was_lost_with_it(
    world: ReindexWorld, new: NewRun, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    await world.cron(new)
    await world.to_its_end(world.works[0])
    # Its task is lost.
    world.queues.waiting.clear()
    dead = await world.runs.newest()
    assert dead is not None
    world.clock.advance((LEASE + timedelta(seconds=1)).total_seconds())
    with caplog.at_level(logging.INFO):
        job = await world.reindex()
        await world.until_rest()
    assert (await world.job(job)).status == "done"
    said = [each for each in caplog.records if each.message == "sync.taken_over"]
    assert [(each.levelname, vars(each)["run_id"]) for each in said] == [(level, dead.run_id)]
