"""Audits of products: what went wrong by hand is found to the id, repaired, and then found no more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.supply_chain import audit_walk
from functions.supply_chain.audit_evidence import LETTERS
from shared.jobs import findings, repairing
from shared.jobs.findings import Finding
from shared.jobs.repairing import HEALED, PATIENCE, REPAIRED
from shared.outbox import COLLECTION as OUTBOX
from shared.outbox import LANES
from tests.integration.job_desk import JobDesk
from tests.integration.supply_chain.audits import desk
from tests.integration.supply_chain.examples import create, delete, replace
from tests.integration.supply_chain.world import OWNER, World

Harm = Callable[[World], Awaitable[Any]]


async def in_step(world: World) -> None:
    """Products p1 to p4, of which p2 has been written again and p4 deleted, all of it delivered."""
    await create(world, "p1", "p2", "p3", "p4")
    await world.run_all()
    await replace(world, "p2")
    await delete(world, "p4")
    await world.run_all()
    assert not await world.pending()


async def change(world: World, collection: str, name: str, **fields: Any) -> None:
    await world.db.collection(collection).document(name).update(fields)


async def drop(world: World, collection: str, name: str) -> None:
    await world.db.collection(collection).document(name).delete()


async def lose_event(world: World) -> None:
    """A write whose event is gone before it was ever delivered."""
    await replace(world, "p2")
    await drop(world, OUTBOX, "p2:3")
    world.queue.waiting.clear()


async def lose_deletion(world: World) -> None:
    await delete(world, "p2")
    await drop(world, OUTBOX, "p2:3")
    world.queue.waiting.clear()


async def lose_product(world: World) -> None:
    """It is taken out of the database past the catalog."""
    await drop(world, "products", "p2")


async def discard_letter(world: World) -> None:
    """A delivery that died, and whose letter an operator did not want to replay."""
    world.partner.refuses = {"p2"}
    await replace(world, "p2")
    await world.run_all()
    (letter,) = [each async for each in world.db.collection(LETTERS).stream()]
    await letter.reference.update({"status": "discarded"})
    world.partner.refuses = set()


HARMS: dict[str, tuple[Harm, dict[str, str]]] = {
    "a lane that fell back": (
        lambda world: change(world, LANES, "p2", synced_version=1, sent_version=1),
        {"ours": "2", "theirs": "1", "event": "2 synced"},
    ),
    "a lane that is gone": (
        lambda world: drop(world, LANES, "p2"),
        {"ours": "2", "theirs": "nothing", "event": "2 synced"},
    ),
    "a lane that never heard back": (
        lambda world: change(world, LANES, "p2", synced_version=None),
        {"ours": "2", "theirs": "unknown", "event": "2 synced"},
    ),
    "a lane that ran ahead": (
        lambda world: change(world, LANES, "p2", synced_version=9, sent_version=9),
        {"ours": "2", "theirs": "9", "event": "2 synced"},
    ),
    "an event that was lost": (lose_event, {"ours": "3", "theirs": "2", "event": "2 synced"}),
    "a deletion that was lost": (lose_deletion, {"ours": "deleted", "theirs": "2", "event": "2 synced"}),
    "a product that was taken away": (lose_product, {"ours": "deleted", "theirs": "2", "event": "2 synced"}),
    "a letter that was discarded": (discard_letter, {"ours": "3", "theirs": "2", "event": "3 dead"}),
}
KINDS = {
    "a lane that is gone": "missing",
    "a lane that never heard back": "missing",
    "a deletion that was lost": "extra",
    "a product that was taken away": "extra",
}


async def repaired(world: World, office: JobDesk, found_by: str) -> dict[str, str]:
    """The outcomes of a repair during which deliveries go on."""
    repair = await office.start("repair", audit=found_by)
    await office.to_its_end(repair, world.run_all)
    audit = await office.jobs.get(found_by)
    assert audit
    return await office.outcomes(audit)


async def test_nothing_is_found_where_all_is_well(world: World) -> None:
    await in_step(world)
    office = desk(world)
    job = await office.to_its_end(await office.start("audit"))
    assert await office.found_by(job) == []
    # p4 is known by its lane alone.
    assert job.counts == {"checked": 4}
    assert (job.done, job.total) == (3, 3)
    # The count, three products, four lanes.
    assert job.uses == {"firestore_reads": 8}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_went_wrong_by_hand_is_found_and_repaired(world: World, harm: str) -> None:
    await in_step(world)
    do_harm, details = HARMS[harm]
    await do_harm(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    (finding,) = await office.found_by(audit)
    assert finding == Finding(KINDS.get(harm, "different"), "p2", OWNER, details)  # type: ignore[arg-type]
    assert audit.by_account == {OWNER: {finding.kind: 1}}
    assert await repaired(world, office, audit.id) == {"p2": REPAIRED}
    assert await office.audit() == []
    await world.converges()


@pytest.mark.parametrize("version", [None, "two", 2.5, True])
async def test_a_product_whose_version_a_hand_has_spoilt_is_no_deleted_one(
    world: World, version: Any
) -> None:
    await in_step(world)
    await change(world, "products", "p2", version=version)
    (finding,) = await desk(world).audit()
    assert (finding.id, finding.kind, finding.details["ours"]) == ("p2", "different", "0")


@pytest.mark.parametrize("user_id", [None, 7, ["olga"], "o" * 5_000])
async def test_whose_a_product_is_may_be_anything_and_stops_no_audit(world: World, user_id: Any) -> None:
    await in_step(world)
    await change(world, "products", "p2", user_id=user_id)
    await drop(world, LANES, "p2")
    (finding,) = await desk(world).audit()
    assert (finding.id, len(finding.account) <= 255) == ("p2", True)


async def test_several_are_found_to_the_id_and_no_other_is_touched(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    await drop(world, LANES, "p3")
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    found = {finding.id: finding.kind for finding in await office.found_by(audit)}
    assert found == {"p2": "different", "p3": "missing"}
    world.partner.requests.clear()
    await repaired(world, office, audit.id)
    # The event of p3 is there, and goes again; that of p2 is not.
    assert sorted(world.partner.requests) == [("p2", 4), ("p3", 1)]


async def test_what_is_on_its_way_is_pending_and_what_an_operator_knows_of_is_dead(world: World) -> None:
    await in_step(world)
    world.partner.refuses = {"p2"}
    await replace(world, "p2")
    await world.run_all()
    await replace(world, "p1")
    await delete(world, "p3")
    office = desk(world)
    job = await office.to_its_end(await office.start("audit"))
    assert await office.found_by(job) == []
    assert job.counts == {"checked": 4, "pending": 2, "dead": 1}


async def test_a_lane_that_has_forgotten_a_deletion_in_time_is_no_drift(world: World) -> None:
    await in_step(world)
    await drop(world, LANES, "p4")
    await drop(world, OUTBOX, "p4:2")
    # Events that came to a good end are forgotten too.
    for version in (1, 2):
        await drop(world, OUTBOX, f"p2:{version}")
    assert await desk(world).audit() == []


async def restore_deleted(world: World) -> JobDesk:
    """p4 is put back from a backup, by hand, and then found and delivered."""
    await in_step(world)
    kept = (await world.products())["p3"]
    await world.db.collection("products").document("p4").set(kept)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    assert [finding.id for finding in await office.found_by(audit)] == ["p4"]
    assert await repaired(world, office, audit.id) == {"p4": REPAIRED}
    return office


async def test_the_lane_of_a_product_that_is_there_again_is_kept_as_long_as_it_lives(world: World) -> None:
    office = await restore_deleted(world)
    lane = (await world.db.collection(LANES).document("p4").get()).to_dict() or {}
    assert lane["expire_at"] is None
    assert await office.audit() == []


async def test_a_product_that_is_there_again_and_then_taken_away_is_found(world: World) -> None:
    office = await restore_deleted(world)
    await drop(world, "products", "p4")
    (finding,) = await office.audit()
    assert (finding.id, finding.kind) == ("p4", "extra")


async def test_what_heals_before_its_repair_is_left_alone(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    await replace(world, "p2")
    await world.run_all()
    world.partner.requests.clear()
    assert await repaired(world, office, audit.id) == {"p2": HEALED}
    assert world.partner.requests == []


async def test_a_repair_that_the_api_refuses_says_so(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    world.partner.refuses = {"p2"}
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes["p2"].startswith("failed: its delivery is dead; replay or discard the letter: ")
    assert "422" in outcomes["p2"]


async def test_a_repair_does_not_wait_for_ever_for_an_api_that_is_down(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    world.partner.mood = "failing"
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    begun = world.clock.now()
    repair = await office.to_its_end(await office.start("repair", audit=audit.id))
    assert (await office.outcomes(audit))["p2"] == "pending: a delivery is under way"
    assert repair.counts == {"pending": 1}
    assert PATIENCE <= world.clock.now() - begun < 1.2 * PATIENCE


@pytest.mark.parametrize("option", [{}, {"audit": "audit-images-1"}, {"audit": "a/b"}, {"audit": ""}])
async def test_a_repair_without_an_audit_of_products_fails(world: World, option: dict[str, str]) -> None:
    office = desk(world)
    job = await office.start("repair", **option)
    await office.step()
    failed = await office.jobs.get(job.id)
    assert failed
    assert failed.status == "failed"
    assert "no audit" in failed.error


async def test_steps_that_are_cut_off_and_made_again_find_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "_MAX_IDS", 2)
    monkeypatch.setattr(audit_walk, "_PAGE", 1)
    await in_step(world)
    await lose_event(world)
    await drop(world, LANES, "p3")
    office = desk(world)
    whole = await office.audit()
    done = await office.cut_off_everywhere(world, await office.start("audit"))
    assert done.counts["checked"] == 4
    assert await office.found_by(done) == whole
    assert len(whole) == 2


async def test_a_product_that_changes_at_each_look_is_not_reported(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    office = desk(world)
    job = await office.start("audit")
    await world.begin("step", office.step)
    version = 100
    while world.works:
        # Whatever is read is of another time than what is read next.
        await change(world, "products", "p2", version=version)
        version += 1
        await world.step(world.works[0])
    done = await office.jobs.get(job.id)
    assert done
    assert done.counts == {"checked": 4, "pending": 1}


async def step_while_changing(world: World, office: JobDesk) -> None:
    """A step of a repair, between any two of whose calls somebody writes product p2, and in the end as it was."""
    before = (await world.products())["p2"]["version"]
    await world.begin("step", office.step)
    version = 100
    while world.works:
        await change(world, "products", "p2", version=version)
        version += 1
        await world.step(world.works[0])
    await change(world, "products", "p2", version=before)
    world.clock.advance(10)


async def test_what_changes_at_each_look_of_a_repair_is_mended_once_it_rests(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    repair = await office.start("repair", audit=audit.id)
    await office.step()
    await step_while_changing(world, office)
    assert await office.outcomes(audit) == {"p2": "pending: somebody else is changing it"}
    await office.to_its_end(repair, world.run_all)
    assert await office.outcomes(audit) == {"p2": REPAIRED}
    assert await office.audit() == []
    await world.converges()


async def test_what_changes_at_each_look_of_a_check_has_not_failed_for_that(world: World) -> None:
    await in_step(world)
    await lose_event(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    repair = await office.start("repair", audit=audit.id)
    # The audit is looked up, its page is mended, there is no other.
    for _ in range(3):
        await office.step()
        await world.run_all()
    await step_while_changing(world, office)
    assert await office.outcomes(audit) == {"p2": "pending: somebody else is changing it"}
    await office.to_its_end(repair)
    assert await office.outcomes(audit) == {"p2": REPAIRED}


async def test_what_goes_wrong_anew_is_mended_again_until_the_patience_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_step(world)
    await lose_event(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    lost = 0

    async def lose_lane() -> None:
        nonlocal lost
        await world.run_all()
        lost += 1
        await drop(world, LANES, "p2")

    monkeypatch.setattr(repairing, "PATIENCE", timedelta(seconds=45))
    repair = await office.to_its_end(await office.start("repair", audit=audit.id), lose_lane)
    assert await office.outcomes(audit) == {"p2": "failed: it is still missing"}
    assert (repair.counts, lost > 4) == ({"failed": 1}, True)
    # Version 4, and again after each loss that was seen in time.
    assert world.partner.requests.count(("p2", 4)) > 2


@pytest.mark.parametrize("version", [None, "two", 2.5, True])
async def test_a_product_whose_version_a_hand_has_spoilt_is_not_delivered(world: World, version: Any) -> None:
    await in_step(world)
    await change(world, "products", "p2", version=version)
    world.partner.requests.clear()
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes == {"p2": "failed: a hand has been at its version; set that right first"}
    assert world.partner.requests == []


async def test_a_repair_that_is_cut_off_and_goes_on_sends_each_version_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "PAGE_SIZE", 1)
    await in_step(world)
    await lose_event(world)
    await drop(world, LANES, "p3")
    world.partner.requests.clear()
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    assert len(await office.pages(audit)) == 2
    # Nothing is delivered meanwhile, so that it ends when its patience does.
    monkeypatch.setattr(repairing, "PATIENCE", timedelta(seconds=15))
    repair = await office.start("repair", audit=audit.id)
    done = await office.cut_off_everywhere(world, repair)
    assert done.counts == {"pending": 2}
    await world.until_quiet()
    assert sorted(world.partner.requests) == [("p2", 4), ("p3", 1)]
    assert await office.audit() == []
