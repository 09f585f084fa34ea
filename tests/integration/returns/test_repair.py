"""Repairs of what audits have found: exactly that, by way of the sync, whatever happens meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from functions.returns import repairing
from functions.returns.ingestion import Removal
from functions.returns.repairing import CHANGED, NOT_TAKEN, UNPROJECTABLE
from shared.jobs.records import Job
from shared.jobs.repairing import HEALED, REPAIRED
from shared.return_sync.queues import RETURN_SYNC
from shared.return_sync.runs import IDLE, JOB_TYPE, RUNS, STATE
from shared.return_sync.walk import COLLECTION
from shared.tasks import Queue
from tests.integration.returns.audited_world import (
    AuditedWorld,
    AuditServer,
    drift,
    in_step,
    put,
)
from tests.unit.returns.examples import AT

DRIFTED = {"R-1", "R-2", "R-5", "R-6", "R-C", "Z-1", "no/document"}


@pytest.fixture
def world(audit_server: AuditServer) -> AuditedWorld:
    return audit_server.world()


async def drifted(world: AuditedWorld) -> Job:
    """An index with all kinds of drift in it, and the audit that found it."""
    await in_step(world)
    await drift(world)
    return await world.job("audit")


async def repaired(world: AuditedWorld, audit: Job) -> Job:
    return await world.job("repair", {"audit": audit.id})


async def clean(world: AuditedWorld) -> None:
    """Nothing is wrong any more, by the index itself and by an audit."""
    assert world.index.records == await world.projection(world.clock.now())
    audit = await world.job("audit")
    assert await world.findings(audit) == []
    assert audit.counts.get("pending", 0) == 0


async def test_what_was_found_is_repaired_and_the_next_audit_is_clean(world: AuditedWorld) -> None:
    audit = await drifted(world)
    repair = await repaired(world, audit)
    assert (repair.status, repair.error) == ("done", "")
    assert await world.outcomes(audit) == dict.fromkeys(DRIFTED, REPAIRED)
    assert dict(repair.counts) == {"repaired": 7}
    assert (repair.done, repair.total) == (7, 7)
    await clean(world)


async def test_nothing_else_is_touched_and_no_content_changes(world: AuditedWorld) -> None:
    audit = await drifted(world)
    before, operations = await world.documents(), world.index.operations
    await repaired(world, audit)
    after = await world.documents()
    assert {each for each in before if before[each] != after[each]} == {"R-1", "R-2", "R-5", "R-6", "R-C"}
    assert after.keys() - before.keys() == {"Z-1"}
    for return_id, fields in before.items():
        assert after[return_id] | {"updated_at": 0} == fields | {"updated_at": 0}
    # As many as there are returns to bring in or out.
    assert world.index.operations - operations == 6


async def test_the_run_says_that_it_is_a_repair_and_whose(world: AuditedWorld) -> None:
    audit = await drifted(world)
    await repaired(world, audit)
    runs = [snapshot.to_dict() or {} async for snapshot in world.db.collection(RUNS).stream()]
    (run,) = [each for each in runs if each["purpose"] == "repair"]
    assert (run["by"], run["phase"], run["is_historic"]) == ("test", "done", False)


@pytest.mark.parametrize("seconds", [0, -int(AT.timestamp())], ids=["today", "in 1970"])
async def test_a_return_comes_in_where_a_repair_has_left_a_tombstone(
    world: AuditedWorld, seconds: int
) -> None:
    await repaired(world, await drifted(world))
    message = put("Z-1", seconds, account="bell")
    assert await world.ingestion.apply([message], "bell") == ("created",)
    await world.until_quiet(crons=1)
    assert world.index.records["Z-1"]["account"] == "bell"


async def test_what_has_healed_is_left_alone(world: AuditedWorld) -> None:
    audit = await drifted(world)
    await world.ingest(put("R-1", 1), put("R-2", 1), put("R-5", 1))
    await world.until_quiet(crons=1)
    world.seen.publish()
    before = await world.documents()
    repair = await repaired(world, audit)
    after, outcomes = await world.documents(), await world.outcomes(audit)
    for return_id in ("R-1", "R-2", "R-5"):
        assert outcomes[return_id] == HEALED
        assert before[return_id] == after[return_id]
    assert dict(repair.counts) == {"repaired": 4, "healed": 3}


async def test_what_has_changed_since_the_audit_is_brought_in_as_it_is_now(world: AuditedWorld) -> None:
    audit = await drifted(world)
    await world.ingest(put("R-1", 1, reason="newer"), Removal("R-2", AT + timedelta(days=1)), put("Z-1", 1))
    await repaired(world, audit)
    assert world.index.records["R-1"]["reason"] == "newer"
    assert "R-2" not in world.index.records
    assert world.index.records["Z-1"]["account"] == "acme"
    assert set((await world.outcomes(audit)).values()) == {REPAIRED}
    await clean(world)


async def test_what_is_only_pending_by_now_is_waited_for_too(world: AuditedWorld) -> None:
    await in_step(world)
    del world.index.records["R-1"]
    world.seen.publish()
    audit = await world.job("audit")
    await world.ingest(put("R-1", 1))
    repair = await repaired(world, audit)
    assert dict(repair.counts) == {"repaired": 1}


async def test_a_run_that_is_at_work_is_waited_for_and_another_follows(world: AuditedWorld) -> None:
    audit = await drifted(world)
    await world.ingest(put("R-9", 1, reason="new"))
    await world.cron()
    while world.works:
        await world.step(world.works[0])
    (planning,) = world.queues.waiting
    await world.deliver(planning)
    await world.finish()
    # The window of this run ends before anything is touched.
    held, world.queues.waiting = world.queues.waiting, []
    started = await world.jobs.start("repair", "returns", "test", {"audit": audit.id})
    for _ in range(8):
        await world.run_all()
    assert (await world.jobs.get(started.id) or started).phase == "waiting for a run of the sync"
    world.queues.waiting += held
    repair = await world.ended(started.id)
    assert dict(repair.counts) == {"repaired": 7}
    await clean(world)


async def test_when_its_run_is_cancelled_a_repair_begins_another(world: AuditedWorld) -> None:
    audit = await drifted(world)
    started = await world.jobs.start("repair", "returns", "test", {"audit": audit.id})
    while (state := await world.runs.newest()) is None or state.purpose != "repair" or state.status == IDLE:
        await world.run_all()
        world.clock.advance(1)
    assert await world.runs.cancel(state.run_id)
    repair = await world.ended(started.id)
    assert dict(repair.counts) == {"repaired": 7}
    await clean(world)


async def test_when_no_run_ends_the_repair_does_and_says_so(
    world: AuditedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = await drifted(world)
    monkeypatch.setattr(repairing, "_PATIENCE", timedelta(seconds=30))
    # A run begins, loses its tasks, and is believed alive.
    enqueue = world.queues.enqueue

    async def lossy(queue: Queue[Any], *args: Any, **kwargs: Any) -> bool:
        return False if queue.name == RETURN_SYNC.name else await enqueue(queue, *args, **kwargs)

    monkeypatch.setattr(world.queues, "enqueue", lossy)
    repair = await repaired(world, audit)
    outcomes = await world.outcomes(audit)
    assert outcomes.pop("no/document") == REPAIRED
    assert set(outcomes.values()) == {CHANGED}
    assert dict(repair.counts) == {"repaired": 1, "pending": 6}


async def test_what_the_index_does_not_take_is_said_by_its_id(world: AuditedWorld) -> None:
    audit = await drifted(world)
    world.index.refuses = {"R-1"}
    await world.db.collection(COLLECTION).document("R-2").update({"items": "gone"})
    repair = await repaired(world, audit)
    outcomes = await world.outcomes(audit)
    assert outcomes["R-1"] == NOT_TAKEN
    assert outcomes["R-2"] == UNPROJECTABLE
    assert dict(repair.counts) == {"repaired": 5, "failed": 2}


@pytest.mark.parametrize("options", [{}, {"audit": "audit-returns-nobody"}, {"audit": "a/b"}, {"audit": ""}])
async def test_a_repair_of_no_audit_is_refused(world: AuditedWorld, options: dict[str, str]) -> None:
    await in_step(world)
    repair = await world.job("repair", options)
    assert repair.status == "failed"
    assert "There is no audit of returns" in repair.error


async def test_the_findings_of_another_subject_are_none_of_its_business(world: AuditedWorld) -> None:
    await in_step(world)
    await (
        world.db.collection("jobs")
        .document("audit-products-1")
        .set(
            {
                "kind": "audit",
                "subject": "products",
                "status": "done",
                "phase": "done",
                "step": 1,
                "series": 0,
                "created_at": world.clock.now(),
                "created_by": "test",
                "trace": "",
            }
        )
    )
    repair = await world.job("repair", {"audit": "audit-products-1"})
    assert repair.status == "failed"


async def test_where_there_is_no_index_a_reindex_is_asked_for(world: AuditedWorld) -> None:
    audit = await drifted(world)
    world.seen.is_missing = True
    repair = await repaired(world, audit)
    assert repair.status == "failed"
    assert "re-index" in repair.error


async def test_a_repair_of_a_clean_audit_starts_no_run(world: AuditedWorld) -> None:
    await in_step(world)
    before = (await world.db.collection(STATE).document(JOB_TYPE).get()).to_dict()
    repair = await repaired(world, await world.job("audit"))
    assert (repair.status, dict(repair.counts)) == ("done", {})
    assert (await world.db.collection(STATE).document(JOB_TYPE).get()).to_dict() == before


async def test_a_repair_that_dies_at_any_call_repairs_the_same(audit_server: AuditServer) -> None:
    """Killed in each delivery of any task, the sync's too, at a gate that moves on from one world to the next."""
    for fatal in range(0, 36, 4):
        world = audit_server.world()
        audit = await drifted(world)
        before = await world.documents()
        started = await world.jobs.start("repair", "returns", "test", {"audit": audit.id})
        for _ in range(12):
            if world.queues.waiting:
                await world.deliver(world.queues.waiting.pop(0))
                await die_at(world, fatal)
            await world.run_all()
            world.clock.advance(61)
        repair = await world.ended(started.id)
        said = f"killed at gate {fatal}"
        outcomes = await world.outcomes(audit)
        # Who died after the deletion, and before that was written down, finds it done.
        assert outcomes.pop("no/document") in (REPAIRED, HEALED), said
        assert outcomes == dict.fromkeys(DRIFTED - {"no/document"}, REPAIRED), said
        assert sum(repair.counts.values()) == 7, said
        untouched = before.keys() - DRIFTED
        after = await world.documents()
        assert {each: after[each] for each in untouched} == {each: before[each] for each in untouched}, said
        await clean(world)


async def die_at(world: AuditedWorld, fatal: int) -> None:
    for _ in range(fatal):
        if world.works:
            await world.step(world.works[0])
    if world.works:
        await world.kill(world.works[0])


async def test_findings_of_more_than_a_page_are_repaired_a_page_a_step(
    world: AuditedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.jobs.findings.PAGE_SIZE", 2)
    monkeypatch.setattr(repairing, "_PAGES_TO_CHECK", 2)
    audit = await drifted(world)
    repair = await repaired(world, audit)
    assert await world.outcomes(audit) == dict.fromkeys(DRIFTED, REPAIRED)
    assert (repair.done, dict(repair.counts)) == (7, {"repaired": 7})
