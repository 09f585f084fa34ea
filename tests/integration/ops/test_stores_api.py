"""Stores and images of products at the operators' desk, asked of the functions that have them."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.ops import parts
from functions.ops.siblings import Siblings, http_client
from infra.local.clock import Clock
from infra.local.cloud import Cloud
from tests.integration.ops.conftest import Headers
from tests.integration.refusals import refused
from tests.integration.storefront.world import STORE, World

PRODUCT = {"product_name": "Trail shoe", "product_price": "89.90", "currency": "EUR"}


@pytest.fixture
async def world(cloud: Cloud, db: AsyncClient) -> World:
    """A store of acme's that was built twice."""
    world = World(db, Clock())
    await world.furnish()
    for _ in range(2):
        await world.change()
        await world.run_all()
    return world


async def last_act(olga: httpx.AsyncClient) -> tuple[Any, ...]:
    entry = (await olga.get("/actions")).raise_for_status().json()["actions"][0]
    return entry["what"], entry["target"], entry["outcome"], entry["details"]


@pytest.mark.usefixtures("world")
async def test_a_store_is_seen_and_rolled_back(olga: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    seen = (await olga.get(f"/stores/{STORE}")).raise_for_status().json()
    assert (seen["status"]["current"], seen["tree"]["generation"]) == (2, 2)
    assert seen["tree"]["categories"][0]["children"]
    answer = await olga.post(f"/stores/{STORE}:rollback", json={"generation": 1})
    assert (answer.status_code, answer.json()["store"]["current"]) == (200, 1)
    assert (await http.get(f"/storefront/{STORE}")).json()["generation"] == 1
    assert await last_act(olga) == ("store.rollback", STORE, "done", {"generation": "1"})
    refused(await olga.post(f"/stores/{STORE}:rollback", json={"generation": 9}), 409, "no-such-generation")
    assert (await last_act(olga))[2].startswith("no-such-generation: ")
    refused(
        await olga.post(f"/stores/{STORE}:rollback", json={"generation": 0}),
        422,
        "validation-failed",
        "generation",
    )


@pytest.mark.usefixtures("world")
async def test_a_rebuild_is_asked_for(olga: httpx.AsyncClient, cloud: Cloud) -> None:
    answer = await olga.post(f"/stores/{STORE}:rebuild")
    assert (answer.status_code, answer.json()["store"]["store_id"]) == (202, STORE)
    assert await cloud.idle(10)
    seen = (await olga.get(f"/stores/{STORE}")).json()
    assert seen["status"]["built"] == answer.json()["store"]["ticket"]
    assert await last_act(olga) == ("store.rebuild", STORE, "done", {})


async def test_a_store_that_nobody_knows_is_none(olga: httpx.AsyncClient) -> None:
    refused(await olga.get("/stores/nobody"), 404, "not-found")
    refused(await olga.get("/stores/a%2Fb"), 404, "not-found")
    refused(await olga.post("/stores/nobody:rebuild"), 404, "not-found")


async def test_images_of_a_product_are_seen_and_rendered_again(
    olga: httpx.AsyncClient, http: httpx.AsyncClient, bearer: Callable[..., Headers], cloud: Cloud
) -> None:
    made = await http.post("/products", json=PRODUCT, headers=bearer("seller", sub="sally"))
    product_id = made.raise_for_status().json()["id"]
    seen = (await olga.get(f"/products/{product_id}/images")).raise_for_status().json()
    assert (seen["product"]["product_name"], seen["images"]) == ("Trail shoe", [])
    answer = await olga.post(f"/products/{product_id}/images:render")
    assert (answer.status_code, answer.json()["images"]) == (202, 0)
    assert await last_act(olga) == ("image.render", product_id, "done", {})
    refused(await olga.get("/products/nobody/images"), 404, "not-found")


async def test_a_function_that_is_away_takes_nothing_else_with_it(
    olga: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its act is in the log, with how it ended."""
    away = Siblings(lambda: http_client("http://127.0.0.1:1"))
    monkeypatch.setattr(parts, "siblings", lambda: away)
    refused(await olga.get(f"/stores/{STORE}"), 503, "unavailable")
    refused(await olga.post(f"/stores/{STORE}:rebuild"), 503, "unavailable")
    refused(await olga.get("/runs", params={"kind": "prices"}), 503, "unavailable")
    assert (await last_act(olga))[2].startswith("unavailable: storefront does not answer")
    (await olga.get("/runs", params={"kind": "sync"})).raise_for_status()


async def test_who_is_no_operator_sees_and_does_nothing(
    http: httpx.AsyncClient, bearer: Callable[..., Headers]
) -> None:
    retailer = bearer("retailer", "seller")
    for method, path in [
        ("GET", f"/stores/{STORE}"),
        ("POST", f"/stores/{STORE}:rollback"),
        ("POST", f"/stores/{STORE}:rebuild"),
        ("GET", "/products/P1/images"),
        ("POST", "/products/P1/images:render"),
    ]:
        refused(await http.request(method, f"/ops{path}"), 401, "unauthorized")
        refused(await http.request(method, f"/ops{path}", headers=retailer), 403, "forbidden")
