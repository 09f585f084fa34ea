"""What goes wrong past the product, by hand or by lost events, is found by audits and repaired, over HTTP only."""

import json
from typing import Any

import pytest
from google.cloud.firestore import Client

from tests.e2e.clients import firestore
from tests.e2e.gallery import Gallery, taken_at_home
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import Shop

# Longer than an event is tried.
A_DAY = 25 * 3600.0
# Longer than an event about an overwritten original is waited for.
LATE = 31 * 60.0
# Longer than objects are left to whoever may be at work on them.
AGES = 49 * 3600.0


class Auditor:
    """An operator who audits and repairs."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request of the operator's, which must succeed."""
        headers = self.shop.cloud.token("ops", sub="olga")
        answer = self.shop.cloud.http.request(method, f"/ops{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def job(self, kind: str, subject: str, **options: str) -> dict[str, Any]:
        """A job at its end."""
        begun = self.ask("POST", "/jobs", {"kind": kind, "subject": subject, **options})
        for _ in range(60):
            self.shop.idle()
            run = self.ask("GET", f"/runs/{kind}/{begun['id']}")
            if run["status"] not in ("waiting", "running"):
                assert run["status"] == "done", json.dumps(run, indent=1)
                return run
            self.shop.advance(10)
        raise AssertionError(f"{begun['id']} comes to no end")

    def audit(self, subject: str) -> tuple[str, dict[str, str]]:
        """The id of an audit, and the kind of each finding by id."""
        run = self.job("audit", subject)
        return run["id"], {each["id"]: each["kind"] for each in self.findings(run["id"])}

    def repair(self, subject: str, audit: str) -> set[str]:
        """What became of the findings of an audit."""
        self.job("repair", subject, audit=audit)
        return {each["outcome"] for each in self.findings(audit)}

    def findings(self, audit: str) -> list[dict[str, Any]]:
        """All findings of an audit; they are few."""
        page = self.ask("GET", f"/runs/audit/{audit}/findings")
        assert page["next_cursor"] is None
        return list(page["findings"])


@pytest.fixture(scope="module")
def gallery(system: LocalCloud) -> Gallery:
    return Gallery(system.wait_out_schedules())


@pytest.fixture
def auditor(gallery: Gallery) -> Auditor:
    return Auditor(gallery.shop)


@pytest.fixture
def db(system: LocalCloud) -> Client:
    return firestore(system)


def test_products_that_the_partner_lacks_are_found_and_sent(auditor: Auditor, db: Client) -> None:
    shop = auditor.shop
    well, lost, tampered, deleted = (shop.create() for _ in range(4))
    shop.idle()
    shop.ask("PATCH", f"/{lost}", json={"product_name": "Shoes"}).raise_for_status()
    shop.ask("DELETE", f"/{deleted}").raise_for_status()
    shop.idle()
    # As if two deliveries had been lost, and their events with them, and somebody had been at a third.
    for event, lane in ((f"{lost}:2", lost), (f"{deleted}:2", deleted)):
        db.collection("outbox").document(event).delete()
        fallen_back = {"synced_version": 1, "sent_version": 1, "expire_at": None}
        db.collection("supply_chain").document(lane).update(fallen_back)
    db.collection("supply_chain").document(tampered).update({"synced_version": None})
    audit, found = auditor.audit("products")
    assert found == {lost: "different", deleted: "extra", tampered: "missing"}
    posts = {product_id: len(shop.posts(product_id)) for product_id in (well, lost, tampered, deleted)}
    assert auditor.repair("products", audit) == {"repaired"}
    more = {product_id: len(shop.posts(product_id)) - posts[product_id] for product_id in posts}
    assert more == {well: 0, lost: 1, tampered: 1, deleted: 1}
    assert auditor.audit("products")[1] == {}


def test_images_that_are_not_as_they_should_be_are_found_and_rendered_again(
    gallery: Gallery, auditor: Auditor, db: Client
) -> None:
    shop = auditor.shop
    urls = [gallery.at(f"photo-{number}.jpg", width=60, height=40) for number in (1, 2, 3)]
    product_id = shop.create(product_images=urls)
    link = gallery.link(product_id)
    gallery.send(link, taken_at_home(80, 60)).raise_for_status()
    before = gallery.product(product_id)
    well, lost, altered, overwritten = (entry["id"] for entry in before["images"])
    # A rendition is deleted, and the product says otherwise of another.
    (gone, *_) = sorted(name for name in gallery.renditions(product_id) if lost in name)
    gallery.images.blob(gone).delete()
    product = db.collection("products").document(product_id)
    entries = (product.get().to_dict() or {})["images"]
    entries[2]["status"] = "failed"
    product.update({"images": entries})
    # An upload is overwritten, and the event about it never gets through.
    shop.set_faults(events={"error_rate": 1.0})
    gallery.send(link, taken_at_home(100, 60)).raise_for_status()
    shop.advance(A_DAY)
    shop.set_faults()
    shop.advance(LATE)
    # And somebody leaves a file.
    gallery.images.blob(f"products/{product_id}/nobody/1-x.webp").upload_from_string(b"x")
    shop.advance(AGES)
    audit, found = auditor.audit("images")
    stray = {f"products/{product_id}/nobody/1-x.webp": "extra"}
    # The nightly walk may have been quicker with the stray.
    assert found | stray == stray | {
        f"{product_id}/{lost}": "missing",
        f"{product_id}/{altered}": "different",
        f"{product_id}/{overwritten}": "different",
    }
    assert auditor.repair("images", audit) == {"repaired"}
    after = gallery.product(product_id)
    assert [entry["status"] for entry in after["images"]] == ["done"] * 4
    assert after["images"][0] == before["images"][0]
    assert after["images"][0]["id"] == well
    assert after["images"][3]["original"]["height"] == 100
    assert auditor.audit("images")[1] == {}
    assert auditor.audit("products")[1] == {}
