"""Audits of images: what went wrong by hand is found to the id, repaired, and then found no more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from functions.images import audit_walk
from functions.images.orphans import OLD
from shared.errors import PermanentError
from shared.images import COLLECTION as IMAGES
from shared.images import NEXT_ATTEMPT_WITHIN, original_name, reopened
from shared.jobs import findings as jobs_findings
from shared.jobs import repairing
from shared.jobs.findings import Finding
from shared.jobs.repairing import HEALED, REPAIRED
from tests.integration.images.audits import desk
from tests.integration.images.fakes import BAD
from tests.integration.images.world import OWNER, FirestoreServer, World
from tests.integration.job_desk import JobDesk

URLS = [f"https://img.example/{name}.jpg" for name in "abc"]
LATE = NEXT_ATTEMPT_WITHIN + timedelta(minutes=1)
AGES = OLD + timedelta(minutes=1)

Harm = Callable[[World], Awaitable[Any]]


@pytest.fixture
async def world(worlds: FirestoreServer) -> World:
    """Products p1 with image i1, p10 with i2 and with i4 twice, and p2 with i5, which was uploaded; all are done."""
    world = worlds.world()
    await world.create("p1", URLS[:1])
    await world.finish()
    await world.create("p10", [URLS[0], URLS[1], URLS[1]])
    await world.finish()
    await world.create("p2", [])
    await world.finish()
    world.originals.put(await world.link("p2"), b"upload")
    await world.until_quiet()
    pass_time(world, LATE)
    return world


def pass_time(world: World, duration: timedelta) -> None:
    world.clock.advance(duration.total_seconds())


def renditions(world: World, image_id: str) -> list[str]:
    return sorted(name for name in world.renditions.objects if f"/{image_id}/" in name)


async def change_entry(world: World, product_id: str, place: int, **fields: Any) -> None:
    """By hand, without a new version."""
    product = (await world.products())[product_id]
    product["images"][place] |= fields
    await world.db.collection("products").document(product_id).update({"images": product["images"]})


async def lose_renditions(world: World) -> None:
    for name in renditions(world, "i4"):
        del world.renditions.objects[name]


async def lose_one_rendition(world: World) -> None:
    del world.renditions.objects[renditions(world, "i4")[1]]


async def lose_one_of(world: World, image_id: str) -> None:
    del world.renditions.objects[renditions(world, image_id)[0]]


async def overwrite(world: World) -> None:
    """Another original, of which nobody was told."""
    world.originals.put(original_name("p10", "i4"), b"another")
    world.originals.announced.clear()
    pass_time(world, LATE)


async def lose_state(world: World) -> None:
    await world.db.collection(IMAGES).document("i4").delete()


async def take_out_of_product(world: World) -> None:
    product = (await world.products())["p10"]
    shown = {name: product[name][:1] for name in ("images", "product_images", "compressed_product_images")}
    await world.db.collection("products").document("p10").update(shown)


async def change_list(world: World) -> None:
    product = (await world.products())["p10"]
    best = product["compressed_product_images"]
    best[2] = None
    await world.db.collection("products").document("p10").update({"compressed_product_images": best})


def different(fields: str) -> tuple[str, dict[str, str]]:
    return "different", {"why": "its product says otherwise", "fields": fields}


HARMS: dict[str, tuple[Harm, tuple[str, dict[str, str]]]] = {
    "all renditions are gone": (lose_renditions, ("missing", {"why": "2 of 2 renditions are lost"})),
    "one rendition is gone": (lose_one_rendition, ("missing", {"why": "1 of 2 renditions are lost"})),
    "its state is gone": (lose_state, ("missing", {"why": "its state is lost"})),
    "another original": (overwrite, ("different", {"why": "its original is another than was rendered"})),
    "another status": (lambda world: change_entry(world, "p10", 1, status="failed"), different("status")),
    "another error": (lambda world: change_entry(world, "p10", 2, error="bad"), different("error")),
    "no renditions": (
        lambda world: change_entry(world, "p10", 1, renditions=[]),
        different("renditions, compressed_product_images"),
    ),
    "another list": (change_list, different("compressed_product_images")),
    "not in its product": (take_out_of_product, different("images")),
}


async def repaired(world: World, office: JobDesk, found_by: str) -> dict[str, str]:
    """The outcomes of a repair during which all else goes on."""
    repair = await office.start("repair", audit=found_by)
    await office.to_its_end(repair, world.run_all)
    audit = await office.jobs.get(found_by)
    assert audit
    return await office.outcomes(audit)


async def step_while_changing(world: World, office: JobDesk) -> None:
    """A step of a repair, between any two of whose calls p10 says something else of i4, and in the end the same."""
    before = (await world.products())["p10"]["images"][1]["error"]
    await world.begin("step", office.step)
    turn = 0
    while world.works:
        await change_entry(world, "p10", 1, error=f"error {turn}")
        turn += 1
        await world.step(world.works[0])
    await change_entry(world, "p10", 1, error=before)
    world.clock.advance(10)


async def test_nothing_is_found_where_all_is_well(world: World) -> None:
    office = desk(world)
    job = await office.to_its_end(await office.start("audit"))
    assert await office.found_by(job) == []
    assert job.counts == {"checked": 4}
    assert (job.done, job.total) == (3, 3)
    # The count, three products, four images.
    assert job.uses == {"firestore_reads": 8, "bucket_requests": 2}


@pytest.mark.parametrize("names", [None, "none", 7, [None], [{}]])
async def test_a_state_that_a_hand_has_spoilt_stops_no_audit_and_costs_no_rendition(
    world: World, names: Any
) -> None:
    await world.db.collection(IMAGES).document("i4").update({"renditions": names})
    await lose_one_of(world, "i1")
    pass_time(world, AGES)
    office, there = desk(world), renditions(world, "i4")
    audit = await office.to_its_end(await office.start("audit"))
    assert sorted((found.id, found.kind) for found in await office.found_by(audit)) == [
        ("p1/i1", "missing"),
        ("p10/i4", "different"),
    ]
    outcomes = await repaired(world, office, audit.id)
    assert outcomes["p1/i1"] == REPAIRED
    assert outcomes["p10/i4"].startswith("failed: a hand has been at its state")
    assert renditions(world, "i4") == there


@pytest.mark.parametrize("harm", HARMS)
async def test_what_went_wrong_by_hand_is_found_and_repaired(world: World, harm: str) -> None:
    do_harm, (kind, details) = HARMS[harm]
    await do_harm(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    (finding,) = await office.found_by(audit)
    assert finding == Finding(kind, "p10/i4", OWNER, details)  # type: ignore[arg-type]
    assert audit.by_account == {OWNER: {kind: 1}}
    assert await repaired(world, office, audit.id) == {"p10/i4": REPAIRED}
    assert await office.audit() == []
    if harm != "not in its product":
        await world.converges()


async def test_an_image_whose_product_is_gone_is_removed_with_its_files(world: World) -> None:
    await world.db.collection("products").document("p2").delete()
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    (finding,) = await office.found_by(audit)
    assert finding == Finding("extra", "p2/i5", "", {"why": "its product is gone"})
    assert await repaired(world, office, audit.id) == {"p2/i5": REPAIRED}
    assert await world.images.get("i5") is None
    assert renditions(world, "i5") == []
    assert original_name("p2", "i5") not in world.originals.objects
    assert await office.audit() == []


async def fail_anew(world: World, product_id: str, image_id: str) -> None:
    """A rendered image gets an original that cannot be rendered; its renditions of before stay."""
    world.originals.put(original_name(product_id, image_id), BAD)
    await world.until_quiet()
    image = await world.images.get(image_id)
    assert image
    assert (image.status, renditions(world, image_id)) == ("failed", sorted(image.renditions))
    pass_time(world, LATE)


async def test_an_image_that_failed_and_whose_product_is_gone_is_removed_with_its_renditions_of_before(
    world: World,
) -> None:
    await fail_anew(world, "p2", "i5")
    await world.db.collection("products").document("p2").delete()
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    (finding,) = await office.found_by(audit)
    assert finding == Finding("extra", "p2/i5", "", {"why": "its product is gone"})
    assert await repaired(world, office, audit.id) == {"p2/i5": REPAIRED}
    assert renditions(world, "i5") == []
    assert await office.audit() == []


async def test_an_image_that_failed_and_is_not_in_its_product_is_found_until_its_state_is_to_expire(
    world: World,
) -> None:
    await fail_anew(world, "p10", "i4")
    await take_out_of_product(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    (finding,) = await office.found_by(audit)
    assert (finding.id, finding.kind, finding.details) == ("p10/i4", *different("images"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes == {"p10/i4": "failed: it was tried again: The file is damaged."}
    fields = (await world.db.collection(IMAGES).document("i4").get()).to_dict() or {}
    assert fields["expire_at"]
    assert await office.audit() == []


async def test_objects_of_nobody_are_found_and_deleted_and_no_others(world: World) -> None:
    world.renditions.put("products/p10/i4/1-old.webp", b"an older rendition")
    world.renditions.put("products/gone/i9/1-x.webp", b"of no product")
    world.originals.put(original_name("gone", "i9"), b"of no product")
    for somebody_elses in ("logo.png", "products/readme.txt", "products/p1-x/i1/1-x.webp"):
        world.renditions.put(somebody_elses, b"")
    world.originals.announced.clear()
    pass_time(world, AGES)
    before = set(world.renditions.objects) | set(world.originals.objects)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    strays = {
        "products/p10/i4/1-old.webp": OWNER,
        "products/gone/i9/1-x.webp": "",
        "products/gone/i9": "",
    }
    assert {finding.id: finding.account for finding in await office.found_by(audit)} == strays
    assert audit.counts == {"checked": 4, "extra": 3}
    assert await repaired(world, office, audit.id) == dict.fromkeys(strays, REPAIRED)
    assert set(world.renditions.objects) | set(world.originals.objects) == before - set(strays)
    assert await office.audit() == []


async def test_an_object_whose_image_is_worked_on_is_deleted_when_that_has_ended(world: World) -> None:
    stray = "products/p10/i4/1-old.webp"
    world.renditions.put(stray, b"an older rendition")
    pass_time(world, AGES)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    image = await world.images.get("i4")
    assert image
    await world.images.change(image, {"status": "pending", **reopened(image.series + 1, world.clock.now())})
    repair = await office.start("repair", audit=audit.id)
    await office.step()
    # Its page is mended, there is no other, and it is checked.
    for _ in range(3):
        await office.step()
        assert await office.outcomes(audit) == {stray: "pending: the image is being worked on"}
    assert stray in world.renditions.objects
    await world.until_quiet()
    repair = await office.to_its_end(repair)
    assert (repair.counts, await office.outcomes(audit)) == ({"repaired": 1}, {stray: REPAIRED})
    assert stray not in world.renditions.objects
    assert await office.audit() == []


async def test_a_young_object_may_be_somebodys_who_is_still_at_it(world: World) -> None:
    world.renditions.put("products/p10/i4/1-old.webp", b"")
    world.originals.put(original_name("gone", "i9"), b"")
    pass_time(world, OLD - timedelta(minutes=5))
    assert await desk(world).audit() == []


async def test_an_object_that_was_overwritten_since_it_was_found_is_left_alone(world: World) -> None:
    world.originals.put(original_name("gone", "i9"), b"of no product")
    pass_time(world, AGES)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    world.originals.put(original_name("gone", "i9"), b"new")
    repair = await office.to_its_end(await office.start("repair", audit=audit.id))
    assert repair.counts == {"healed": 1}
    assert world.originals.objects[original_name("gone", "i9")][1] == b"new"


async def test_what_is_under_way_is_pending(world: World) -> None:
    # An upload that is awaited, an image that is to be fetched, one that is to be removed.
    await world.link("p2")
    await world.replace("p1", URLS[1:2])
    # And an original that was overwritten a moment ago.
    world.originals.put(original_name("p10", "i4"), b"another")
    await world.finish()
    office = desk(world)
    job = await office.to_its_end(await office.start("audit"))
    assert await office.found_by(job) == []
    # Beside those: i2 and i5, which are done.
    assert job.counts == {"checked": 6, "pending": 4}


async def test_images_that_failed_for_good_are_no_drift(world: World) -> None:
    world.web.content[URLS[2]] = PermanentError("It is gone.")
    world.originals.put(await world.link("p2"), BAD)
    await world.replace("p1", [URLS[0], URLS[2]])
    await world.until_quiet()
    assert len(await world.letters()) == 2
    assert await desk(world).audit() == []


async def test_what_heals_before_its_repair_is_left_alone(world: World) -> None:
    lost = renditions(world, "i4")[0]
    kept = world.renditions.objects.pop(lost)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    world.renditions.objects[lost] = kept
    written = world.originals.written.copy()
    assert await repaired(world, office, audit.id) == {"p10/i4": HEALED}
    assert world.originals.written == written


async def test_an_upload_whose_original_is_lost_too_is_not_made_worse(world: World) -> None:
    del world.originals.objects[original_name("p2", "i5")]
    assert await desk(world).audit() == []
    del world.renditions.objects[renditions(world, "i5")[0]]
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes == {"p2/i5": "failed: the upload is gone; it has to be sent again"}
    image = await world.images.get("i5")
    assert image
    assert image.status == "done"


async def test_a_repair_that_comes_to_nothing_says_why(world: World) -> None:
    world.originals.put(original_name("p10", "i4"), BAD)
    world.originals.announced.clear()
    pass_time(world, LATE)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes == {"p10/i4": "failed: it was tried again: The file is damaged."}
    assert await office.audit() == []


async def test_what_is_tried_again_and_fails_leaves_one_letter(world: World) -> None:
    """Also where renditions of before are lost, so that it is as wrong as before."""
    await lose_one_rendition(world)
    world.originals.put(original_name("p10", "i4"), BAD)
    world.originals.announced.clear()
    pass_time(world, LATE)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    outcomes = await repaired(world, office, audit.id)
    assert outcomes == {"p10/i4": "failed: it was tried again: The file is damaged."}
    assert len(await world.letters()) == 1


async def test_what_changes_at_each_look_of_a_repair_is_mended_once_it_rests(world: World) -> None:
    await lose_one_rendition(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    repair = await office.start("repair", audit=audit.id)
    await office.step()
    await step_while_changing(world, office)
    assert await office.outcomes(audit) == {"p10/i4": "pending: somebody else is changing it"}
    await office.to_its_end(repair, world.run_all)
    assert await office.outcomes(audit) == {"p10/i4": REPAIRED}
    assert await office.audit() == []


async def test_what_changes_at_each_look_of_a_check_has_not_failed_for_that(world: World) -> None:
    await lose_one_rendition(world)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    repair = await office.start("repair", audit=audit.id)
    for _ in range(3):
        await office.step()
        await world.until_quiet()
    await step_while_changing(world, office)
    assert await office.outcomes(audit) == {"p10/i4": "pending: somebody else is changing it"}
    await office.to_its_end(repair)
    assert await office.outcomes(audit) == {"p10/i4": REPAIRED}


async def test_what_a_hand_has_made_unreadable_does_not_keep_the_audit_from_the_rest(world: World) -> None:
    await lose_renditions(world)
    strange: list[Any] = ["?", {}, {"id": "a/b"}, {"id": "i1", "renditions": ["?"]}]
    await world.db.collection("products").document("p1").update({"images": strange, "product_images": 3})
    found = {finding.id: finding.kind for finding in await desk(world).audit()}
    assert found == {"p1/i1": "different", "p10/i4": "missing"}


async def test_steps_that_are_cut_off_and_made_again_find_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "_MAX_PRODUCTS", 1)
    monkeypatch.setattr(audit_walk, "_PAGE", 1)
    monkeypatch.setattr(audit_walk, "_LISTING", 1)
    await lose_renditions(world)
    await change_entry(world, "p1", 0, status="failed")
    await world.db.collection("products").document("p2").delete()
    office = desk(world)
    whole = await office.audit()
    assert sorted(finding.id for finding in whole) == ["p1/i1", "p10/i4", "p2/i5"]
    done = await office.cut_off_everywhere(world, await office.start("audit"))
    assert done.counts["checked"] == 4
    assert await office.found_by(done) == whole


async def test_a_repair_that_is_cut_off_and_goes_on_mends_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_findings, "PAGE_SIZE", 1)
    await lose_renditions(world)
    await change_entry(world, "p1", 0, status="failed")
    world.renditions.put("products/gone/i9/1-x.webp", b"of no product")
    pass_time(world, AGES)
    office = desk(world)
    audit = await office.to_its_end(await office.start("audit"))
    assert len(await office.pages(audit)) == 3
    # Nothing is rendered meanwhile, so that it ends when its patience does.
    monkeypatch.setattr(repairing, "PATIENCE", timedelta(seconds=15))
    done = await office.cut_off_everywhere(world, await office.start("repair", audit=audit.id))
    assert done.done == 3
    assert done.counts["pending"] == 2
    await world.until_quiet()
    assert await office.audit() == []
    await world.converges()
