"""Audits of the index: what is wrong is found to the id, and nothing else is, whatever happens meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from functions.returns import auditing
from functions.returns.ingestion import Message, Removal
from shared.jobs.findings import Finding
from shared.jobs.queues import RETURN_MAINTENANCE
from shared.jobs.repairing import REPAIRED
from shared.return_sync.walk import COLLECTION
from tests.integration.returns.audited_world import (
    AuditedWorld,
    AuditServer,
    by_id,
    drift,
    in_step,
    put,
)
from tests.integration.steps import Work
from tests.unit.returns.examples import AT


@pytest.fixture
def world(audit_server: AuditServer) -> AuditedWorld:
    return audit_server.world()


async def test_an_index_in_step_is_clean(world: AuditedWorld) -> None:
    await in_step(world)
    audit = await world.job("audit")
    assert (audit.status, audit.error, dict(audit.counts)) == ("done", "", {"checked": 12})
    assert await world.findings(audit) == []
    # 12 returns and 10 records.
    assert (audit.done, audit.total) == (22, 22)


async def test_drift_is_found_to_the_id_and_by_account(world: AuditedWorld) -> None:
    await in_step(world)
    expected = await drift(world)
    audit = await world.job("audit")
    assert by_id(await world.findings(audit)) == by_id(expected)
    assert dict(audit.counts) == {"checked": 12, "missing": 1, "different": 3, "extra": 3}
    assert audit.by_account == {
        "acme": {"different": 2, "extra": 1},
        "bell": {"missing": 1, "different": 1, "extra": 1},
        "": {"extra": 1},
    }


async def test_a_step_that_finds_much_ends_early_and_loses_nothing(
    world: AuditedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_step(world)
    expected = await drift(world)
    usual = await world.job("audit")
    monkeypatch.setattr(auditing, "FINDINGS_A_STEP", 1)
    audit = await world.job("audit")
    assert audit.step > usual.step
    assert by_id(await world.findings(audit)) == by_id(expected)


async def test_an_audit_changes_nothing(world: AuditedWorld) -> None:
    await in_step(world)
    await drift(world)
    before = (await world.documents(), dict(world.index.records))
    await world.job("audit")
    assert (await world.documents(), dict(world.index.records)) == before


async def test_records_of_any_name_are_found_and_taken_out(world: AuditedWorld) -> None:
    names = {
        *("..", ".", "__x__", "__id7__", "a/b", "*", " ", "R-1 ", "R-1\n", "%2F", "_audit", "_nobody"),
        *("\x00", "\x7f", "\ufffe", "é", "👀", "x" * 1_500, "x" * 1_501, "ß" * 751, "x" * 9_000),
    }
    await in_step(world)
    world.index.records |= {name: {"objectID": name, "account": "…"} for name in names}
    world.seen.publish()
    audit = await world.job("audit")
    assert by_id(await world.findings(audit)) == by_id(
        [Finding("extra", name, "…", {"why": "no document"}) for name in names]
    )
    await world.job("repair", {"audit": audit.id})
    assert await world.outcomes(audit) == dict.fromkeys(names, REPAIRED)
    assert world.index.records == await world.projection(world.clock.now())


async def test_what_a_run_is_yet_to_bring_in_is_pending(world: AuditedWorld) -> None:
    await in_step(world)
    await world.ingest(put("R-1", 1, reason="new"), put("R-77"), Removal("R-2", AT + timedelta(days=1)))
    audit = await world.job("audit")
    assert await world.findings(audit) == []
    assert audit.counts["pending"] == 3


async def test_a_document_that_cannot_be_indexed_is_counted_and_no_drift(world: AuditedWorld) -> None:
    await in_step(world)
    await world.db.collection(COLLECTION).document("R-3").update({"items": "gone"})
    audit = await world.job("audit")
    assert await world.findings(audit) == []
    assert audit.counts["unprojectable"] == 1


async def test_what_the_index_accepted_and_does_not_show_yet_is_no_drift(world: AuditedWorld) -> None:
    await in_step(world)
    await world.ingest(put("R-1", 1, reason="new"), Removal("R-2", AT + timedelta(days=1)), put("R-88"))
    await world.until_quiet(crons=1)
    assert world.seen.visible != world.index.records
    audit = await world.job("audit")
    assert await world.findings(audit) == []
    assert "pending" not in audit.counts


async def test_without_an_index_every_listed_return_is_missing_once_a_run_has_ended(
    world: AuditedWorld,
) -> None:
    await world.ingest(put("R-1"), put("R-2"), put("R-3", status="cancelled"))
    world.seen.is_missing = True
    audit = await world.job("audit")
    assert dict(audit.counts) == {"checked": 3, "pending": 2}
    await world.until_quiet(crons=1)
    world.index.records.clear()
    audit = await world.job("audit")
    assert [each.id for each in await world.findings(audit)] == ["R-1", "R-2"]
    assert world.index.records == {}


async def test_reads_and_requests_are_counted_as_they_are_made(world: AuditedWorld) -> None:
    await in_step(world)
    reads, requests = world.reads(), world.seen.requests
    audit = await world.job("audit")
    assert audit.uses["index_requests"] == world.seen.requests - requests
    # 12 documents, an empty page, the count, and the sync's record once a step.
    assert audit.uses["firestore_reads"] == 12 + 1 + 1 + audit.step
    assert audit.uses["firestore_reads"] <= world.reads() - reads


async def test_a_walk_that_the_index_breaks_off_fails_the_audit_and_says_what_to_do(
    world: AuditedWorld,
) -> None:
    await in_step(world)
    world.seen.refuses_cursors = True
    audit = await world.job("audit")
    assert audit.status == "failed"
    assert "begin another audit" in audit.error


async def test_an_index_that_is_not_to_be_had_delays_an_audit_and_costs_it_nothing(
    world: AuditedWorld,
) -> None:
    await in_step(world)
    expected = await drift(world)
    started = await world.jobs.start("audit", "returns", "test")
    world.seen.fails = True
    for _ in range(3):
        await world.run_all()
    world.seen.fails = False
    audit = await world.ended(started.id)
    assert by_id(await world.findings(audit)) == by_id(expected)


async def test_an_audit_that_dies_at_any_call_finds_the_same(audit_server: AuditServer) -> None:
    """Killed in each of its steps, at a gate that moves on from one world to the next."""
    for fatal in range(0, 30, 3):
        world = audit_server.world()
        await in_step(world)
        expected = await drift(world)
        started = await world.jobs.start("audit", "returns", "test")
        deaths = 0
        while world.queues.waiting:
            task = world.queues.waiting.pop(0)
            deaths += await killed_at(world, fatal, task)
            await world.run_all()
        audit = await world.ended(started.id)
        assert by_id(await world.findings(audit)) == by_id(expected), f"killed at gate {fatal}"
        assert audit.counts["checked"] == 12, f"killed at gate {fatal}"
        assert deaths or fatal > 20


async def test_a_change_and_a_whole_run_between_any_two_calls_are_no_drift(world: AuditedWorld) -> None:
    await in_step(world, 4)
    moment, came = 0, True
    while came:
        # Accepted, but not to be seen yet, so that the audit has to look twice.
        await a_whole_run(world, put("R-1", 2 * moment + 1, reason=f"before {moment}"))
        started = await world.jobs.start("audit", "returns", "test")
        came = await until_call(world, moment)
        at = AT + timedelta(minutes=moment)
        other = put("N", 60 * moment) if moment % 4 else Removal("N", at, "acme")
        await a_whole_run(world, put("R-1", 2 * moment + 2, reason=f"amid {moment}"), other)
        world.seen.publish()
        audit = await world.ended(started.id)
        assert await world.findings(audit) == [], f"before call {moment}"
        # A call stops twice: what happens after it is what happens before the next one.
        moment += 2
    assert moment > 40


async def until_call(world: AuditedWorld, number: int) -> bool:
    """Let an audit go on up to one of its calls; whether it comes to that many."""
    calls = 0
    while world.queues.waiting:
        await world.deliver(world.queues.waiting.pop(0))
        while world.works:
            if calls == number:
                return True
            await world.step(world.works[0])
            calls += 1
    return False


async def a_whole_run(world: AuditedWorld, *changes: Message) -> None:
    """Changes come in and a run brings them into the index, while an audit stands where it is."""
    standing = list(world.works)
    await world.ingest(*changes)
    await world.cron()
    while working := [work for work in world.works if work not in standing] or world.queues.waiting:
        if isinstance(working[0], Work):
            await world.to_its_end(working[0])
        else:
            await world.deliver(world.queues.waiting.pop(0))


async def killed_at(world: AuditedWorld, fatal: int, task: Any) -> bool:
    """Deliver a task and kill it at a gate, if it comes to that one; it then waits in its queue again."""
    await world.deliver(task)
    for _ in range(fatal):
        if world.works:
            await world.step(world.works[0])
    if not world.works:
        return False
    await world.kill(world.works[0])
    return True


async def test_steps_that_are_delivered_twice_find_nothing_twice(world: AuditedWorld) -> None:
    await in_step(world)
    expected = await drift(world)
    started = await world.jobs.start("audit", "returns", "test")
    while world.queues.waiting:
        (task,) = world.queues.waiting
        assert task.queue == RETURN_MAINTENANCE.name
        world.queues.waiting.clear()
        # Side by side, and once more when both are done.
        await world.deliver(task)
        await world.deliver(task)
        await world.finish()
        world.queues.waiting = [each for each in world.queues.waiting if each != task]
        await world.deliver(task)
        await world.finish()
    audit = await world.ended(started.id)
    assert by_id(await world.findings(audit)) == by_id(expected)
    assert audit.counts["checked"] == 12
