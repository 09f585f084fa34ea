"""What a request costs, as Google bills it: documents read, written and deleted, and the calls that this takes.

The delivery to the supply chain, which comes after a write, is not part of it.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.products.model import ProductContent, stored_fields
from infra.local.cloud import Cloud
from shared.images import MAX_IMAGES, new_entry, shown
from tests.unit.products.examples import content

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

AT = datetime(2026, 11, 20, tzinfo=UTC)
READ, QUERY, COMMIT = "BatchGetDocuments", "RunQuery", "Commit"


def urls(number: int) -> list[str]:
    """So many images."""
    return [f"https://img.example/{place}.jpg" for place in range(number)]


@pytest.fixture(autouse=True)
def _counted(cloud: Cloud) -> None:
    if cloud.firestore is None:
        pytest.skip("another emulator than ours does not count")


async def cost(
    shop: httpx.AsyncClient, request: Awaitable[httpx.Response], status: int = 200
) -> tuple[Any, ...]:
    """Reads, writes and deletes of a request, and its calls to the database."""
    await shop.post("/_local/stats:reset")
    assert (await request).status_code == status
    counted = (await shop.get("/_local/stats")).json()["firestore"]
    return counted["reads"], counted["writes"], counted["deletes"], counted["rpcs"]


@pytest.fixture
async def path(db: AsyncClient, shop: httpx.AsyncClient) -> str:
    """Where a product of the seller's is that no process has read or written yet."""
    said = stored_fields(ProductContent.model_validate(content()))
    images = shown([new_entry(f"i{place}", url) for place, url in enumerate(said["product_images"])])
    own = {"user_id": "ann", "version": 1, "created_at": AT, "updated_at": AT, **images}
    await db.collection("products").document("p1").set(said | own)
    return "/products/p1"


async def test_the_first_read_of_a_product_is_one_and_the_next_are_none(
    shop: httpx.AsyncClient, path: str
) -> None:
    known = {"If-None-Match": '"1"'}
    assert await cost(shop, shop.get(path)) == (1, 0, 0, {READ: 1})
    assert await cost(shop, shop.get(path)) == (0, 0, 0, {})
    assert await cost(shop, shop.get(path, headers=known), 304) == (0, 0, 0, {})


async def test_what_was_just_written_need_not_be_read(shop: httpx.AsyncClient) -> None:
    path = (await shop.post("/products", json=content())).headers["location"]
    assert await cost(shop, shop.get(path)) == (0, 0, 0, {})
    await shop.patch(path, json={})
    assert await cost(shop, shop.get(path)) == (0, 0, 0, {})


async def test_what_is_not_there_is_looked_for_each_time(shop: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert await cost(shop, shop.get("/products/p1"), 404) == (1, 0, 0, {READ: 1})


@pytest.mark.parametrize("images", [0, 1, MAX_IMAGES])
async def test_a_product_is_created_with_two_writes_and_one_for_each_image(
    shop: httpx.AsyncClient, images: int
) -> None:
    """Itself and its event."""
    created = shop.post("/products", json=content(product_images=urls(images)))
    assert await cost(shop, created, 201) == (0, 2 + images, 0, {COMMIT: 1})


async def test_an_idempotency_key_takes_two_writes_more(shop: httpx.AsyncClient) -> None:
    """Its claim before, and the answer with the product; one read for each repetition."""
    key, plain = {"Idempotency-Key": "k"}, content(product_images=[])
    first = await cost(shop, shop.post("/products", json=plain, headers=key), 201)
    assert first == (0, 4, 0, {COMMIT: 2})
    repeated = await cost(shop, shop.post("/products", json=plain, headers=key), 201)
    assert repeated == (1, 0, 0, {COMMIT: 1, READ: 1})


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_product_is_changed_with_a_read_and_two_writes(
    shop: httpx.AsyncClient, path: str, method: str
) -> None:
    spent = await cost(shop, shop.request(method, path, json=content()))
    assert spent == (1, 2, 0, {READ: 1, COMMIT: 1})


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(("images", "writes"), [([], 2), (["front"], 1), (["front", "side"], 2)])
async def test_each_image_that_comes_or_goes_is_a_write_more(
    shop: httpx.AsyncClient, path: str, method: str, images: list[str], writes: int
) -> None:
    """A product with a front and a back."""
    sent = content(product_images=[f"https://img.example/shirt-{name}.jpg" for name in images])
    spent = await cost(shop, shop.request(method, path, json=sent))
    assert spent == (1, 2 + writes, 0, {READ: 1, COMMIT: 1})


async def test_a_product_is_deleted_with_a_read_and_a_write_and_one_of_each_for_each_image(
    shop: httpx.AsyncClient,
) -> None:
    """Of its event, and what has its images removed."""
    path = (await shop.post("/products", json=content(product_images=urls(3)))).headers["location"]
    assert await cost(shop, shop.delete(path), 204) == (4, 4, 1, {READ: 1, QUERY: 1, COMMIT: 1})


async def test_an_upload_link_costs_a_read_and_one_for_each_image_and_a_write(
    shop: httpx.AsyncClient, path: str
) -> None:
    # A query that finds nothing is billed as one read.
    for reads in (2, 2, 3):
        link = shop.post(f"{path}/images", json={"content_type": "image/png"})
        assert await cost(shop, link, 201) == (reads, 1, 0, {READ: 1, QUERY: 1, COMMIT: 1})


async def test_the_states_of_images_cost_a_read_and_one_for_each(shop: httpx.AsyncClient) -> None:
    path = (await shop.post("/products", json=content(product_images=urls(3)))).headers["location"]
    assert await cost(shop, shop.get(f"{path}/images")) == (4, 0, 0, {QUERY: 1, READ: 1})


async def test_an_original_is_found_with_a_read(shop: httpx.AsyncClient, path: str) -> None:
    assert await cost(shop, shop.get(f"{path}/images/i0"), 302) == (1, 0, 0, {READ: 1})


async def test_a_condition_that_does_not_hold_costs_a_read(shop: httpx.AsyncClient, path: str) -> None:
    stale = {"If-Match": '"7"'}
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else content()
        spent = await cost(shop, shop.request(method, path, json=body, headers=stale), 412)
        assert spent == (1, 0, 0, {READ: 1})


@pytest.mark.parametrize(("products", "reads"), [(0, 1), (5, 5), (20, 20), (25, 21)])
async def test_a_page_costs_what_it_shows_and_one_read_to_see_whether_it_is_the_last(
    shop: httpx.AsyncClient, db: AsyncClient, path: str, products: int, reads: int
) -> None:
    first = db.collection("products").document("p1")
    fields = (await first.get()).to_dict()
    await first.delete()
    batch = db.batch()
    for number in range(products):
        batch.set(db.collection("products").document(f"q{number}"), fields)
    await batch.commit()
    assert await cost(shop, shop.get("/products")) == (reads, 0, 0, {QUERY: 1})


async def test_the_way_to_the_supply_chain_costs_a_read_and_one_for_each_change(
    shop: httpx.AsyncClient,
) -> None:
    path = (await shop.post("/products", json=content())).headers["location"]
    await shop.patch(path, json={})
    assert await cost(shop, shop.get(f"{path}/supply-chain")) == (3, 0, 0, {QUERY: 1, READ: 1})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422])
async def test_what_is_refused_at_sight_costs_nothing(
    shop: httpx.AsyncClient, cloud: Cloud, status: int
) -> None:
    requests: dict[int, dict[str, Any]] = {
        400: {"content": b"{", "headers": {"Content-Type": "application/json"}},
        401: {"headers": {"Authorization": "Bearer x"}},
        403: {
            "headers": {"Authorization": f"Bearer {cloud.users.mint({'aud': 'backstock', 'sub': 'x'}, 9)}"}
        },
        404: {"url": "/products/a.b", "method": "GET"},
        405: {"method": "PUT"},
        413: {"content": b" " * 600_000, "headers": {"Content-Type": "application/json"}},
        415: {"content": b"{}"},
        422: {"json": {}, "headers": {"Idempotency-Key": "k"}},
    }
    request = shop.request(**{"method": "POST", "url": "/products", **requests[status]})
    assert await cost(shop, request, status) == (0, 0, 0, {})
