"""A deployment that wants to hear which version is meant, before a product is changed or removed."""

import httpx
import pytest

from tests.integration.refusals import refused
from tests.unit.products.examples import content


@pytest.fixture(autouse=True)
def _deployed_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCTS_REQUIRE_IF_MATCH", "true")


async def test_no_product_is_changed_without_a_condition(shop: httpx.AsyncClient) -> None:
    created = await shop.post("/products", json=content())
    path = created.headers["location"]
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await shop.request(method, path, json=None if method == "DELETE" else content())
        refused(answer, 428, "precondition-required")
    assert (await shop.get(path)).content == created.content


async def test_with_the_condition_it_is(shop: httpx.AsyncClient) -> None:
    path = (await shop.post("/products", json=content())).headers["location"]
    assert (await shop.patch(path, json={}, headers={"If-Match": '"1"'})).status_code == 200
    refused(await shop.put(path, json=content(), headers={"If-Match": '"1"'}), 412, "version-moved")
    assert (await shop.delete(path, headers={"If-Match": "*"})).status_code == 204
