"""Building the index anew while the sync goes on, a scenario each."""

from datetime import timedelta

import pytest

from shared.problems import Problem
from shared.return_sync.walk import COLLECTION
from tests.integration.returns.reindex_world import (
    LIVE,
    FirestoreServer,
    ReindexWorld,
    falls_due,
    in_step,
    is_in_step,
    put,
    removal,
)


@pytest.fixture
async def world(reindex_server: FirestoreServer) -> ReindexWorld:
    """One whose index is in step, with nine returns that nobody has changed for hours."""
    return await in_step(reindex_server)


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


async def test_no_index_comes_of_no_returns_unless_that_is_forced(reindex_server: FirestoreServer) -> None:
    world = reindex_server.world()
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


async def test_there_need_not_be_an_index_before(reindex_server: FirestoreServer) -> None:
    world = reindex_server.world()
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


async def test_a_return_that_was_taken_out_and_then_spoilt_stays_out(world: ReindexWorld) -> None:
    job = await world.reindex()
    await world.until_stage(job, "compare")
    await world.ingest(put("R-3", 1, status="cancelled"))
    await world.sync()
    assert "R-3" not in world.algolia.to_be()
    document = world.db.collection(COLLECTION).document("R-3")
    await document.update({"status": "spoilt", "updated_at": world.clock.now()})
    await world.until_rest()
    assert (await world.job(job)).status == "done"
    assert "R-3" not in world.algolia.indices[LIVE]


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
    ended = await world.job(job)
    assert ended.status == "done"
    # What was done for the index that was given up does not count, nor that seven were taken out of it.
    assert (ended.done, ended.total, "deleted" in ended.counts) == (9, 9, False)
    assert await is_in_step(world)


async def test_only_one_job_of_the_index_is_active(world: ReindexWorld) -> None:
    await world.reindex()
    with pytest.raises(Problem):
        await world.reindex()
