"""A run of the sync that is ended before its time: nothing is lost, and no push of it comes after the next run's."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.returns import planner
from functions.returns.ingestion import Put
from functions.returns.model import Return
from infra.local.clock import Clock
from shared.return_sync.history import SyncHistory, SyncRun
from shared.return_sync.runs import CLAIM, IDLE, OVERLAP, NewRun, State
from tests.integration.returns.world import FirestoreServer, World
from tests.integration.steps import Work
from tests.unit.returns.examples import AT, content


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world whose batches are of two returns."""
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    monkeypatch.setattr(planner, "BATCH_SIZE", 2)
    yield server.world()
    await server.stop()


async def change(world: World, *return_ids: str, reason: str = "too small") -> None:
    at = (AT + timedelta(seconds=world.changes()[0])).isoformat()
    messages = [content(return_id=each, reason=reason, external_updated_at=at) for each in return_ids]
    await world.ingest(*(Put(Return.model_validate(message)) for message in messages))


async def state(world: World) -> State:
    found = await world.runs.newest()
    assert found
    return found


async def begun(world: World) -> str:
    """A run that is started, and not yet planned; its id."""
    await world.cron()
    await world.finish()
    return (await state(world)).run_id


async def planned(world: World) -> str:
    """A run whose batches wait; its id."""
    run_id = await begun(world)
    await world.deliver(world.queues.waiting.pop())
    await world.finish()
    return run_id


async def run_of(world: World, run_id: str) -> SyncRun:
    found = await SyncHistory(world.db, world.runs).get(run_id)
    assert found
    return found


async def in_the_middle_of_a_push(world: World) -> Work:
    await world.deliver(world.queues.waiting.pop(0))
    (work,) = world.works
    while not world.index.on_their_way:
        await world.step(work)
    return work


async def test_the_next_run_does_what_a_cancelled_one_has_left(world: World) -> None:
    await world.until_quiet(crons=1)
    watermark = (await state(world)).end_date
    await change(world, "R-1", "R-2", "R-3")
    run_id = await planned(world)
    await world.deliver(world.queues.waiting.pop())
    await world.finish()
    assert await world.runs.cancel(run_id)
    now = await state(world)
    assert (now.status, now.end_date) == (IDLE, watermark)
    cancelled = await run_of(world, run_id)
    assert (cancelled.phase, cancelled.finished_at is None) == ("cancelled", False)
    assert sum(cancelled.counts.values()) in (1, 2)
    await world.until_quiet(crons=1)
    assert sorted(world.index.records) == ["R-1", "R-2", "R-3"]
    # What it had pushed was not pushed again.
    assert world.index.operations == 3


@pytest.mark.parametrize("gates", range(0, 32, 2))
async def test_a_run_is_cancelled_or_done_and_not_both_if_its_last_batch_ends_meanwhile(
    world: World, gates: int
) -> None:
    await world.until_quiet(crons=1)
    before = (await state(world)).end_date
    await change(world, "R-1")
    run_id = await planned(world)
    await world.deliver(world.queues.waiting.pop())
    (batch,) = world.works
    for _ in range(gates):
        if batch in world.works:
            await world.step(batch)
    was_cancelled = await world.runs.cancel(run_id)
    await world.finish()
    run, now = await run_of(world, run_id), await state(world)
    assert (run.phase, now.status) == ("cancelled" if was_cancelled else "done", IDLE)
    assert now.end_date == (before if was_cancelled else run.end_date)
    world.clock.advance(900)
    await world.until_quiet(crons=1)
    assert list(world.index.records) == ["R-1"]


@pytest.mark.parametrize("prepare", [begun, planned])
async def test_the_first_run_may_be_cancelled(world: World, prepare: Any) -> None:
    await change(world, "R-1")
    assert await world.runs.cancel(await prepare(world))
    assert (await state(world)).watermark is None
    await world.until_quiet(crons=1)
    assert list(world.index.records) == ["R-1"]


async def test_runs_that_are_cancelled_one_after_another_leave_the_watermark_where_it_is(
    world: World,
) -> None:
    await world.until_quiet(crons=1)
    watermark = (await state(world)).end_date
    await change(world, "R-1")
    for _ in range(3):
        world.clock.advance(900)
        assert await world.runs.cancel(await planned(world))
        assert (await state(world)).end_date == watermark


async def test_who_cancels_a_run_that_took_over_leaves_what_the_dead_one_left(world: World) -> None:
    await world.until_quiet(crons=1)
    await change(world, "R-1")
    left = (await run_of(world, await planned(world))).start_date
    world.queues.waiting.clear()
    world.clock.advance(3600)
    run_id = await begun(world)
    assert (await run_of(world, run_id)).took_over
    assert await world.runs.cancel(run_id)
    assert (await state(world)).end_date == left
    await world.until_quiet(crons=1)
    assert list(world.index.records) == ["R-1"]


async def test_a_cancelled_re_sync_moves_no_watermark(world: World) -> None:
    await world.until_quiet(crons=1)
    before = await state(world)
    dates = datetime.fromisoformat("2026-01-01T00:00:00Z"), world.clock.now()
    await world.cron(NewRun(*dates, is_historic=True, purpose="resync", by="olga"))
    await world.finish()
    assert await world.runs.cancel((await state(world)).run_id)
    after = await state(world)
    assert (after.start_date, after.end_date) == (before.start_date, before.end_date)
    assert after.next_start() == (before.end_date or AT) - OVERLAP


async def test_no_run_begins_while_a_push_of_a_cancelled_one_may_be_under_way(world: World) -> None:
    await change(world, "R-1", reason="old")
    run_id = await planned(world)
    push = await in_the_middle_of_a_push(world)
    assert await world.runs.cancel(run_id)
    await change(world, "R-1", reason="new")
    await world.cron()
    await world.to_its_end(world.works[-1])
    assert (await state(world)).status == IDLE
    # It arrives as late as it can, and then the next run may begin.
    world.clock.advance(40)
    await world.to_its_end(push)
    assert world.index.records["R-1"]["reason"] == "old"
    world.clock.advance(2 * CLAIM.total_seconds())
    await world.cron()
    await world.finish()
    assert (await state(world)).status != IDLE
    await world.until_quiet(crons=1)
    assert world.index.records["R-1"]["reason"] == "new"


async def test_tasks_of_a_cancelled_run_find_nothing_left_to_do(world: World) -> None:
    await change(world, "R-1", "R-2", "R-3")
    run_id = await planned(world)
    assert await world.runs.cancel(run_id)
    requests = world.index.requests
    await world.run_all()
    assert (world.index.requests, world.queues.waiting) == (requests, [])


async def test_what_has_ended_is_not_cancelled(world: World) -> None:
    await world.until_quiet(crons=1)
    run_id = (await state(world)).run_id
    before = await state(world)
    assert not await world.runs.cancel(run_id)
    assert not await world.runs.cancel("somebody-else")
    assert (await state(world)).update_time == before.update_time
    assert (await run_of(world, run_id)).phase == "done"


async def test_who_does_not_hear_that_it_was_cancelled_may_ask_again(world: World) -> None:
    run_id = await begun(world)
    assert await world.runs.cancel(run_id)
    assert await world.runs.cancel(run_id)


async def test_an_active_run_tells_how_far_it_is(world: World) -> None:
    await change(world, "R-1", "R-2", "R-3")
    run_id = await planned(world)
    await world.deliver(world.queues.waiting.pop())
    await world.finish()
    run = await run_of(world, run_id)
    assert (run.phase, run.arrived, run.batches) == ("running", 1, 2)
    assert sum(run.counts.values()) in (1, 2)
