"""``image-backfill``: operators have images rendered again, so many products at a time."""

from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from shared.images import COLLECTION
from tests.e2e.clients import documents
from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.gallery import Gallery
from tests.integration.refusals import refused


class Shop:
    """A seller with products whose images are done, and the operator's requests about them."""

    def __init__(self, system: LocalCloud, user: str, products: int) -> None:
        self.system = system
        self.gallery = Gallery(system, Caller(system.http, system.token("seller", sub=user)))
        creations = [self.gallery.seller.create(product_images=[]) for _ in range(products)]
        self.product_ids = sorted(product["id"] for product in creations)
        for product_id in self.product_ids:
            self.gallery.upload(product_id)

    def ask(self, **body: Any) -> httpx.Response:
        """What an operator is answered."""
        operator = self.system.token("ops", sub="olga")
        return self.system.http.post("/image-backfill", json=body, headers=operator)

    def begin(self, **body: Any) -> dict[str, Any]:
        """What an operator has begun."""
        answer = self.ask(**body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def settled(system: LocalCloud) -> Shop:
    """A seller's products for tests that render nothing."""
    return Shop(system, "settled", 3)


@pytest.fixture
def every(settled: Shop, database: Client) -> list[str]:
    """The ids of everybody's products, in their order."""
    return sorted(documents(database, "products"))


@pytest.fixture
def shop(system: LocalCloud, user: str) -> Shop:
    """A seller with one product."""
    return Shop(system, user, 1)


def test_it_is_for_operators(system: LocalCloud) -> None:
    for roles, status, kind in (((), 403, "forbidden"), (("seller",), 403, "forbidden")):
        headers = system.token(*roles, sub="ann")
        refused(system.http.post("/image-backfill", json={}, headers=headers), status, kind)
    refused(system.http.post("/image-backfill", json={}), 401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": None}, "limit"),
        ({"product_ids": ["a"] * 101}, "product_ids"),
        ({"product_ids": ["a.b"]}, "product_ids[0]"),
        ({"product_ids": "a"}, "product_ids"),
        ({"after": ""}, "after"),
        ({"after": "a/b"}, "after"),
        ({"outdated": "no"}, "outdated"),
        ({"all": True}, "all"),
    ],
    ids=str,
)
def test_it_has_bounds(settled: Shop, body: dict[str, Any], field: str) -> None:
    refused(settled.ask(**body), 422, "validation-failed", field)


def test_what_the_present_policy_has_made_is_left_alone(settled: Shop) -> None:
    begun = settled.begin(product_ids=settled.product_ids)
    assert begun == {"products": 3, "images": 0, "next": None}
    assert not any(map(settled.gallery.tasks, settled.product_ids))


def test_it_goes_from_page_to_page_to_the_end(settled: Shop, every: list[str]) -> None:
    pages, after = [], None
    while True:
        page = settled.begin(after=after, limit=100)
        pages.append(page["products"])
        if not (after := page["next"]):
            break
        assert after == every[sum(pages) - 1]
    assert sum(pages) == len(every)
    assert max(pages) <= 100


def test_a_page_that_is_just_full_may_be_the_last(settled: Shop, every: list[str]) -> None:
    full = settled.begin(after=every[-3], limit=2)
    assert (full["products"], full["next"]) == (2, every[-1])
    assert settled.begin(after=every[-1], limit=2) == {"products": 0, "images": 0, "next": None}


def test_a_number_is_whole_however_it_is_written(settled: Shop, every: list[str]) -> None:
    assert settled.begin(after=every[-3], limit=2.0)["products"] == 2


def test_products_can_be_named(settled: Shop) -> None:
    named = [settled.product_ids[0], settled.product_ids[0], "neverWas", settled.product_ids[2]]
    begun = settled.begin(product_ids=named)
    assert begun == {"products": 2, "images": 0, "next": None}


def test_what_an_older_policy_has_made_is_rendered_again(shop: Shop, database: Client) -> None:
    (product_id,) = shop.product_ids
    shop.gallery.upload(product_id)
    before = shop.gallery.product(product_id)
    database.collection(COLLECTION).document(ids(before)[0]).update({"policy": "older"})
    assert shop.begin(product_ids=[product_id]) == {"products": 1, "images": 1, "next": None}
    shop.gallery.fetch(product_id)
    after = shop.gallery.product(product_id)
    assert (after["version"], ids(after)) == (before["version"] + 1, ids(before))
    assert after["compressed_product_images"][0] != before["compressed_product_images"][0]
    assert after["images"][1] == before["images"][1]
    assert shop.begin(product_ids=[product_id])["images"] == 0


def test_whatever_made_it_it_can_be_rendered_again(shop: Shop) -> None:
    (product_id,) = shop.product_ids
    (before,) = shop.gallery.product(product_id)["compressed_product_images"]
    assert shop.begin(product_ids=[product_id], outdated=False)["images"] == 1
    shop.gallery.fetch(product_id)
    (after,) = shop.gallery.product(product_id)["compressed_product_images"]
    assert after != before
    assert [httpx.get(url).status_code for url in (before, after)] == [404, 200]


def test_who_begins_twice_has_it_done_once(shop: Shop) -> None:
    (product_id,) = shop.product_ids
    for _ in range(2):
        shop.begin(product_ids=[product_id], outdated=False)
    assert len(shop.gallery.tasks(product_id)) == 1


def test_images_that_are_on_their_way_are_left_alone(shop: Shop) -> None:
    product = shop.gallery.seller.create(product_images=["https://img.example/a.jpg"])
    begun = shop.begin(product_ids=[product["id"]], outdated=False)
    assert begun == {"products": 1, "images": 0, "next": None}


def ids(product: dict[str, Any]) -> list[str]:
    return [image["id"] for image in product["images"]]
