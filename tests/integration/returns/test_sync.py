"""The sync from cron to index, a scenario each."""

from datetime import timedelta
from typing import Any

import pytest

from functions.returns import planner
from functions.returns.ingestion import Put, Removal
from functions.returns.model import Return
from shared.return_sync.queues import RETURN_SYNC_PROCESSING, ProcessingTask
from shared.return_sync.runs import JOB_TYPE, LEASE, RUNS, STATE, NewRun
from shared.return_sync.walk import COLLECTION
from tests.integration.returns.world import FirestoreServer, World
from tests.integration.steps import Task
from tests.unit.returns.examples import AT, content


def put(return_id: str, seconds: int = 0, **changes: Any) -> Put:
    at = (AT + timedelta(seconds=seconds)).isoformat()
    return Put(Return.model_validate(content(return_id=return_id, external_updated_at=at, **changes)))


async def run(world: World, rounds: int = 4) -> None:
    """One cron and all that follows from it."""
    await world.cron()
    for _ in range(rounds):
        await world.run_all()


async def state(world: World) -> dict[str, Any]:
    return (await world.db.collection(STATE).document(JOB_TYPE).get()).to_dict() or {}


async def test_what_came_in_is_found_after_a_run(world: World) -> None:
    await world.ingest(put("R-1"), put("R-2", reason="broken"))
    await run(world)
    assert world.index.records == await world.projection(world.clock.now())
    assert set(world.index.records) == {"R-1", "R-2"}
    assert (await state(world))["status"] == 0


async def test_a_change_costs_one_operation_however_many_windows_it_lies_in(world: World) -> None:
    await world.ingest(*(put(f"R-{n}") for n in range(5)))
    for _ in range(4):
        await run(world)
        world.clock.advance(900)
    assert world.index.operations == 5
    await world.ingest(put("R-3", 1, reason="broken"))
    for _ in range(4):
        await run(world)
        world.clock.advance(900)
    assert world.index.operations == 6


async def test_cancelled_and_removed_returns_leave_the_index(world: World) -> None:
    await world.ingest(put("R-1"), put("R-2"), put("R-3"))
    await run(world)
    await world.ingest(put("R-1", 1, status="cancelled"), Removal("R-2", AT + timedelta(seconds=1), "acme"))
    world.clock.advance(900)
    await run(world)
    assert set(world.index.records) == {"R-3"}


async def test_a_status_that_time_alone_changes_reaches_the_index_once(world: World) -> None:
    due = world.clock.now() + timedelta(hours=5)
    await world.ingest(put("R-1", status="approved", next_status="rejected", next_status_at=due.isoformat()))
    await run(world)
    assert world.index.records["R-1"]["status"] == "approved"
    world.clock.advance(5 * 3600 + 60)
    for _ in range(4):
        await run(world)
        world.clock.advance(900)
    assert world.index.records["R-1"]["status"] == "rejected"
    assert world.index.operations == 2


async def test_a_return_that_is_both_changed_and_due_is_pushed_once(world: World) -> None:
    await run(world)
    due = world.clock.now() + timedelta(minutes=5)
    await world.ingest(put("R-1", status="approved", next_status="rejected", next_status_at=due.isoformat()))
    world.clock.advance(900)
    await run(world)
    assert world.index.records["R-1"]["status"] == "rejected"
    assert world.index.operations == 1


async def test_of_two_crons_at_once_one_starts_a_run(world: World) -> None:
    await world.ingest(put("R-1"))
    await world.cron()
    await world.cron()
    first, second = world.works
    while first in world.works or second in world.works:
        for work in (first, second):
            if work in world.works:
                await world.step(work)
    assert len(world.queues.waiting) == 1


async def test_a_cron_leaves_a_live_run_alone_and_takes_over_a_dead_one(world: World) -> None:
    await world.ingest(put("R-1"))
    await world.cron()
    while world.works:
        await world.step(world.works[0])
    lost = world.queues.waiting.pop()
    await world.cron()
    await world.run_all()
    assert world.queues.waiting == []
    world.clock.advance(LEASE.total_seconds() + 1)
    await run(world)
    assert set(world.index.records) == {"R-1"}
    await world.deliver(lost)
    await world.run_all()
    assert (await state(world))["status"] == 0


async def test_a_record_written_by_hand_is_where_the_sync_goes_on(world: World) -> None:
    await world.ingest(put("OLD"))
    world.clock.advance(7200)
    by_hand = {
        "job_type": JOB_TYPE,
        "status": 0,
        "start_date": None,
        "end_date": world.clock.now(),
        "created_at": world.clock.now(),
    }
    await world.db.collection(STATE).document("by-hand").set(by_hand)
    world.clock.advance(60)
    await world.ingest(put("NEW"))
    await run(world)
    assert set(world.index.records) == {"NEW"}
    after = (await world.db.collection(STATE).document("by-hand").get()).to_dict() or {}
    assert after["status"] == 0
    assert after["start_date"] == by_hand["end_date"] - timedelta(minutes=30)


async def test_a_poison_record_is_dead_lettered_once_and_stops_nobody(world: World) -> None:
    await world.ingest(put("R-1"), put("R-2"), put("R-3"))
    await world.db.collection(COLLECTION).document("R-2").update({"items": "gone", "customer": 7})
    for _ in range(3):
        await run(world)
        world.clock.advance(900)
    assert set(world.index.records) == {"R-1", "R-3"}
    (letter,) = await world.dead_letters()
    assert letter["payload"]["return_id"] == "R-2"
    assert "items" in letter["error"]
    assert (await state(world))["status"] == 0


async def test_a_record_that_the_index_refuses_is_found_and_the_others_go_through(world: World) -> None:
    await world.ingest(*(put(f"R-{n}") for n in range(40)))
    world.index.refuses = {"R-7", "R-31"}
    for _ in range(2):
        await run(world)
        world.clock.advance(900)
    assert set(world.index.records) == {f"R-{n}" for n in range(40)} - {"R-7", "R-31"}
    assert {letter["payload"]["return_id"] for letter in await world.dead_letters()} == {"R-7", "R-31"}


async def test_a_historic_run_mends_the_index_and_leaves_the_watermark(world: World) -> None:
    await world.ingest(put("R-1"), put("R-2"))
    await run(world)
    world.clock.advance(7200)
    await run(world)
    before = await state(world)
    world.index.records.clear()
    now = world.clock.now()
    await world.cron(NewRun(now - timedelta(days=1), now, is_historic=True))
    for _ in range(4):
        await world.run_all()
    assert set(world.index.records) == {"R-1", "R-2"}
    after = await state(world)
    assert (after["status"], after["start_date"], after["end_date"]) == (
        0,
        before["start_date"],
        before["end_date"],
    )


async def test_a_large_window_is_walked_in_pages_and_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BATCH_SIZE", 10)
    monkeypatch.setattr(planner, "BATCHES_PER_PAGE", 3)
    for start in range(0, 95, 19):
        await world.ingest(*(put(f"R-{n}") for n in range(start, start + 19)))
    await run(world, rounds=8)
    assert len(world.index.records) == 95
    assert world.index.requests == 10
    assert (await state(world))["status"] == 0


async def test_an_empty_window_ends_at_once(world: World) -> None:
    await run(world)
    assert (await state(world))["status"] == 0
    assert world.index.requests == 0


async def test_a_run_that_lost_a_batch_is_done_again_from_its_beginning(world: World) -> None:
    await run(world)
    world.clock.advance(7200)
    await world.ingest(put("R-1"))
    world.clock.advance(60)
    await world.cron()
    await world.run_all()
    assert [task.queue for task in world.queues.waiting] == ["returnSyncProcessing"]
    world.queues.waiting.clear()
    world.clock.advance(3600)
    await run(world)
    assert set(world.index.records) == {"R-1"}


async def test_a_push_under_way_keeps_every_other_delivery_and_run_from_the_batch(world: World) -> None:
    await world.ingest(put("R-1", reason="old"))
    await world.cron()
    await world.run_all()
    (task,) = world.queues.waiting
    await world.deliver(task)
    slow = world.works[0]
    while not world.index.on_their_way:
        await world.step(slow)
    await world.deliver(task)
    while world.works != [slow]:
        await world.step(world.works[-1])
    assert world.index.requests == 0
    await world.ingest(put("R-1", 1, reason="new"))
    await world.cron()
    while world.works != [slow]:
        await world.step(world.works[-1])
    while world.works:
        await world.step(slow)
    assert world.index.records["R-1"]["reason"] == "old"
    await world.until_quiet()
    assert world.index.records["R-1"]["reason"] == "new"


async def test_a_page_that_is_delivered_again_hands_on_what_it_was_first_cut_into(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BATCH_SIZE", 2)
    for n in range(6):
        await world.ingest(put(f"R-{n}"))
    await world.cron()
    while world.works:
        await world.step(world.works[0])
    (page,) = world.queues.waiting
    await world.run_all()
    first = {task.payload.model_dump_json() for task in world.queues.waiting}
    # R-0 leaves the window, so that the same walk would be cut at other places now.
    await world.ingest(put("R-0", 1))
    world.queues.waiting.clear()
    world.queues.forget()
    await world.deliver(page)
    while world.works:
        await world.step(world.works[0])
    assert {task.payload.model_dump_json() for task in world.queues.waiting} == first


async def until_a_change(world: World) -> bool:
    """Run the sync until something outside is another than before; whether it came to that."""
    while world.works or world.queues.waiting:
        if not world.works:
            await world.deliver(world.queues.waiting.pop(0))
        before = world.changes()
        await world.step(world.works[0])
        if world.changes() != before:
            return True
    return False


async def test_death_after_any_change_outside_loses_nothing_and_is_not_for_ever(
    server: FirestoreServer,
) -> None:
    """A death anywhere between two changes leaves the same as one right after the first of them."""
    fatal, died = 0, True
    while died:
        world = server.world()
        await world.ingest(put("R-1"), put("R-2"), Removal("R-3", AT, "acme"))
        await world.cron()
        died = all([await until_a_change(world) for _ in range(fatal)])
        if world.works:
            await world.kill(world.works[0])
        await world.until_quiet(crons=1)
        assert set(world.index.records) == {"R-1", "R-2"}, f"after a death after change {fatal}"
        assert (await state(world))["status"] == 0, f"after a death after change {fatal}"
        fatal += 1
    # So many changes does a run make at the least.
    assert fatal > 10


async def test_a_run_whose_cron_died_before_enqueuing_is_enqueued_by_the_next(world: World) -> None:
    await world.ingest(put("R-1"))
    await world.cron()
    while not (await state(world)):
        await world.step(world.works[0])
    await world.kill(world.works[0])
    assert world.queues.waiting == []
    await run(world)
    assert set(world.index.records) == {"R-1"}


async def test_a_time_of_change_that_is_no_time_holds_up_nobody(world: World) -> None:
    due = world.clock.now() - timedelta(minutes=1)
    await world.ingest(put("R-1"))
    spoilt = {"return_id": "P-1", "updated_at": "2026-11-20T00:00:00Z", "next_status_at": due}
    await world.db.collection(COLLECTION).document("P-1").set(spoilt)
    await run(world)
    assert (await state(world))["status"] == 0
    assert [letter["payload"]["return_id"] for letter in await world.dead_letters()] == ["P-1"]


async def replay(world: World, letter: dict[str, Any]) -> None:
    """Deliver a dead letter's task again."""
    await world.deliver(Task(RETURN_SYNC_PROCESSING.name, ProcessingTask.model_validate(letter["payload"])))
    await world.run_all()


async def test_a_return_given_up_is_pushed_once_it_is_mended_and_replayed(world: World) -> None:
    await world.ingest(put("R-1"))
    document = world.db.collection(COLLECTION).document("R-1")
    await document.update({"refund_amount": "a lot"})
    await run(world)
    (letter,) = await world.dead_letters()
    await world.until_quiet()
    # No window reaches back so far any more, and who mends it here does not know of updated_at.
    await document.update({"refund_amount": "1.00"})
    await world.until_quiet()
    assert world.index.records == {}
    await replay(world, letter)
    world.clock.advance(900)
    await run(world)
    assert world.index.records == await world.projection(world.clock.now())
    assert set(world.index.records) == {"R-1"}


async def test_a_return_that_is_replayed_unmended_is_given_up_anew(world: World) -> None:
    await world.ingest(put("R-1"))
    await world.db.collection(COLLECTION).document("R-1").update({"refund_amount": "a lot"})
    await run(world)
    (letter,) = await world.dead_letters()
    await replay(world, letter)
    world.clock.advance(900)
    await run(world)
    letters = await world.dead_letters()
    assert [one["payload"]["return_id"] for one in letters] == ["R-1", "R-1"]
    assert len({one["key"] for one in letters}) == 2


async def test_replaying_a_return_that_is_gone_brings_nothing_back(world: World) -> None:
    await replay(world, {"payload": {"return_id": "R-1", "run_id": "r1"}})
    assert await world.documents() == {}


async def test_a_resync_never_reaches_into_the_future(world: World) -> None:
    await run(world)
    now = world.clock.now()
    await world.cron(NewRun(now - timedelta(hours=1), now + timedelta(hours=1), is_historic=True))
    await world.run_all()
    (resync,) = [s.to_dict() or {} async for s in world.db.collection(RUNS).stream() if s.get("is_historic")]
    assert resync["end_date"] <= world.clock.now()


async def test_a_resync_that_dies_leaves_nothing_noted_as_pushed_that_was_not(world: World) -> None:
    due = world.clock.now() + timedelta(hours=1)
    await world.ingest(put("R-1", status="approved", next_status="rejected", next_status_at=due.isoformat()))
    await run(world)
    world.clock.advance(3600 + 60)
    now = world.clock.now()
    await world.cron(NewRun(now - timedelta(hours=2), now, is_historic=True))
    await world.run_all()
    batches = {task.payload.root.walk: task for task in world.queues.waiting}  # type: ignore[attr-defined]
    world.queues.waiting = [batches["next_status_at"]]
    await world.run_all()
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.until_quiet()
    assert world.index.records["R-1"]["status"] == "rejected"


async def test_when_the_index_refuses_everything_nothing_is_given_up(world: World) -> None:
    await world.ingest(*(put(f"R-{n}") for n in range(150)))
    world.index.refuses = {f"R-{n}" for n in range(150)}
    await run(world)
    assert await world.dead_letters() == []
    world.index.refuses = set()
    world.clock.advance(61)
    await world.until_quiet()
    assert len(world.index.records) == 150
    assert await world.dead_letters() == []


async def test_batches_of_one_moment_read_no_manifests_but_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "BATCH_SIZE", 10)
    await world.ingest(*(put(f"R-{n:02}") for n in range(60)))
    await run(world, rounds=6)
    before = world.reads()
    world.clock.advance(900)
    await run(world, rounds=6)
    # 60 to plan, 60 to process, 6 manifests, 8 for each batch, 10 for the run; all of 6 by all of 6 would be 30 more.
    assert world.reads() - before < 2 * 60 + 6 + 6 * 8 + 10
    assert world.index.operations == 60


async def test_many_spoilt_records_do_not_make_a_refused_one_hold_up_the_rest(world: World) -> None:
    await world.ingest(put("R-1"), put("R-2"))
    batch = world.db.batch()
    for n in range(120):
        batch.set(world.db.collection(COLLECTION).document(f"P-{n}"), {"updated_at": world.clock.now()})
    await batch.commit()
    world.index.refuses = {"R-2"}
    await run(world)
    assert set(world.index.records) == {"R-1"}
    assert (await state(world))["status"] == 0
    assert len(await world.dead_letters()) == 121
