"""Building the index anew while the sync goes on, a scenario each."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from functions.returns import reindex_stages
from functions.returns.ingestion import Put, Removal
from functions.returns.model import Return
from infra.local.clock import Clock
from shared.problems import Problem
from shared.return_sync.runs import IDLE, JOB_TYPE, LEASE, RUNS, STATE
from shared.return_sync.walk import COLLECTION
from tests.integration.returns.reindex_world import LIVE, FirestoreServer, ReindexWorld
from tests.integration.steps import Work
from tests.unit.returns.examples import AT, content


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    # So that a handful of returns makes several pages and steps.
    monkeypatch.setattr(reindex_stages, "PAGE_SIZE", 2)
    monkeypatch.setattr(reindex_stages, "PAGES_PER_STEP", 2)
    yield server
    await server.stop()


@pytest.fixture
async def world(server: FirestoreServer) -> ReindexWorld:
    """One whose index is in step, with nine returns that nobody has changed for hours."""
    return await in_step(server)


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


async def test_the_index_is_built_anew_from_the_database_alone(world: ReindexWorld) -> None:
    live = world.algolia.indices[LIVE]
    del live["R-3"]
    live["R-4"]["status"] = "spoilt"
    live["X-1"] = {"objectID": "X-1"}
    job = await world.reindex()
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def test_what_changes_meanwhile_is_all_in_the_new_index(world: ReindexWorld) -> None:
    await falls_due(world, timedelta(minutes=5))
    job = await world.reindex()
    await world.until_stage(job, "catch up")
    # Each of them lies where the walk has been by now, or beyond where it went.
    await world.ingest(put("A-0"), put("R-1", 1, reason="broken"), put("R-2", 1, status="cancelled"))
    await world.ingest(removal("R-3"), put("Z-9"))
    world.clock.advance(600)
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)
    assert {"A-0", "R-1", "Z-9"} <= set(world.algolia.to_be())
    assert not {"R-2", "R-3", "DUE"} & set(world.algolia.to_be())


async def test_what_the_sync_has_pushed_meanwhile_is_not_lost_for_its_manifest(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "compare")
    await world.ingest(put("R-1", 1, reason="broken"))
    await world.cron()
    await world.until_rest()
    assert world.algolia.to_be()["R-1"]["reason"] == "broken"
    # The overlap of later windows would not bring it back: their manifests say that it has been pushed.
    await world.until_quiet()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def test_it_waits_for_a_run_of_the_sync_and_the_next_run_waits_for_it(world: ReindexWorld) -> None:
    await world.cron()
    while world.works:
        await world.step(world.works[0])
    (run,) = world.queues.waiting
    world.queues.waiting.clear()
    job = await world.reindex()
    await world.until_stage(job, "lock")
    for _ in range(3):
        await world.run_all()
    assert (await world.job(job)).state["stage"] == "lock"
    await world.deliver(run)
    await world.until_stage(job, "move")
    await world.cron()
    while world.works:
        await world.step(world.works[0])
    assert [task.queue for task in world.queues.waiting] == ["returnMaintenance"]
    await world.until_rest()
    assert await is_in_step(world)


async def test_the_watermark_stays_where_it_was(world: ReindexWorld) -> None:
    before = await world.runs.newest()
    await world.reindex()
    await world.until_rest()
    after = await world.runs.newest()
    assert before is not None
    assert after is not None
    assert (after.start_date, after.end_date) == (before.start_date, before.end_date)


async def test_no_index_comes_of_no_returns_unless_that_is_forced(server: FirestoreServer) -> None:
    world = server.world()
    world.algolia.indices[LIVE] = {"X-1": {"objectID": "X-1"}}
    refused = await world.reindex()
    await world.until_rest()
    assert (await world.job(refused)).status == "failed"
    assert "no returns" in (await world.job(refused)).error
    assert world.algolia.indices == {LIVE: {"X-1": {"objectID": "X-1"}}}
    forced = await world.reindex(forced=True)
    await world.until_rest()
    assert (await world.job(forced)).status == "done"
    assert world.algolia.indices == {LIVE: {}}


@pytest.mark.parametrize(("cancelled", "says"), [(9, "No return"), (6, "3 records, and the live one has 9")])
async def test_an_index_that_has_shrunk_beyond_belief_does_not_take_the_place(
    world: ReindexWorld, cancelled: int, says: str
) -> None:
    live = dict(world.algolia.indices[LIVE])
    for n in range(cancelled):
        document = world.db.collection(COLLECTION).document(f"R-{n}")
        await document.update({"status": "cancelled"})
    refused = await world.reindex()
    await world.until_rest()
    assert (await world.job(refused)).status == "failed"
    assert says in (await world.job(refused)).error
    assert world.algolia.indices == {LIVE: live}
    await world.reindex(forced=True)
    await world.until_rest()
    assert await is_in_step(world)


async def test_there_need_not_be_an_index_before(server: FirestoreServer) -> None:
    world = server.world()
    await world.ingest(put("R-1"), put("R-2"))
    await world.reindex()
    await world.until_rest()
    assert set(world.algolia.indices[LIVE]) == {"R-1", "R-2"}
    await world.until_quiet()
    assert await is_in_step(world)


async def test_a_return_that_cannot_be_indexed_stays_as_it_was(world: ReindexWorld) -> None:
    before = dict(world.algolia.indices[LIVE])
    await world.db.collection(COLLECTION).document("R-1").update({"items": "gone"})
    world.algolia.refuses = {"R-2"}
    job = await world.reindex()
    # What the live index has was acceptable once.
    await world.until_stage(job, "catch up")
    await world.until_rest()
    ended = await world.job(job)
    assert ended.status == "done"
    assert (ended.counts["unprojectable"], ended.counts["refused"]) == (1, 1)
    assert world.algolia.indices[LIVE]["R-1"] == before["R-1"]


async def test_progress_and_what_it_costs_are_counted(world: ReindexWorld) -> None:
    before, reads = world.algolia.requests + world.algolia.reads, world.reads()
    job = await world.reindex()
    await world.until_rest()
    ended = await world.job(job)
    assert (ended.done, ended.total, ended.counts["saved"]) == (9, 9, 9)
    assert ended.uses["index_requests"] == world.algolia.requests + world.algolia.reads - before
    assert 9 <= ended.uses["firestore_reads"] <= world.reads() - reads


@pytest.mark.parametrize("stage", ["walk", "catch up", "compare", "lock", "move", "publish"])
async def test_a_job_cancelled_at_any_stage_leaves_no_index_and_no_lock_behind(
    world: ReindexWorld, stage: str
) -> None:
    before = dict(world.algolia.indices[LIVE])
    job = await world.reindex()
    await world.until_stage(job, stage)
    await world.cancel_job(job)
    await world.until_rest()
    assert (await world.job(job)).status == "cancelled"
    assert world.algolia.indices == {LIVE: before}
    assert await is_in_step(world)


async def test_a_cancelled_job_leaves_no_index_behind_even_if_a_step_is_under_way(
    world: ReindexWorld,
) -> None:
    job = await world.reindex()
    await world.until_stage(job, "walk")
    await world.deliver(world.queues.waiting.pop())
    straggler = world.works[0]
    requests = world.algolia.requests
    while world.algolia.requests == requests:
        await world.step(straggler)
    await world.cancel_job(job)
    (cancelling,) = world.queues.waiting
    world.queues.waiting.clear()
    await world.deliver(cancelling)
    while world.works != [straggler]:
        await world.step(world.works[-1])
    assert world.queues.waiting == [cancelling]
    while world.works:
        await world.step(straggler)
    await world.until_rest()
    assert (await world.job(job)).status == "cancelled"
    assert world.algolia.temporary() == set()


async def test_a_job_that_was_given_up_begins_anew_when_it_is_resumed(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "catch up")
    await world.ingest(*(put(f"R-{n}", 1, status="cancelled") for n in range(7)))
    # A round that takes so long is followed by another one.
    world.clock.advance(120)
    await world.until_rest()
    assert (await world.job(job)).status == "failed"
    assert world.algolia.temporary() == set()
    await world.ingest(*(put(f"R-{n}", 2) for n in range(7)))
    await world.jobs.resume(await world.job(job))
    await world.until_quiet()
    assert (await world.job(job)).status == "done"
    assert await is_in_step(world)


async def test_only_one_job_of_the_index_is_active(world: ReindexWorld) -> None:
    await world.reindex()
    with pytest.raises(Problem):
        await world.reindex()


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


async def test_a_move_is_not_sent_when_the_claim_may_end_before_it(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "move")
    while not await is_claimed_for_the_move(world):
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
async def test_death_after_any_change_outside_loses_nothing(server: FirestoreServer) -> None:
    """A death anywhere between two changes leaves the same as one right after the first of them."""
    fatal, died = 0, True
    while died:
        world = await in_step(server)
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
