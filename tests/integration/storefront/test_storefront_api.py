"""``/storefront`` as shoppers' pages, a retailer and an operator know it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import httpx
import pytest
from google.cloud.firestore import AsyncClient
from starlette.requests import Request

from functions.storefront.serving_main import storefront
from infra.local.clock import Clock
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from tests.integration.refusals import refused
from tests.integration.storefront.world import STORE, World

EVENTS = {"batch_id": "b1", "events": [{"sku": "apple", "views": 10, "orders": 3}]}
# What needs rights, and a body that would be accepted.
GUARDED: Sequence[tuple[str, str, Any]] = [
    ("POST", ":rebuild", None),
    ("POST", ":rollback", {}),
    ("GET", ":status", None),
    ("POST", "/events", EVENTS),
]


@pytest.fixture
async def world(cloud: Cloud, db: AsyncClient) -> World:
    """A store of acme's that has never been built."""
    world = World(db, Clock())
    await world.furnish()
    return world


@pytest.fixture
async def http(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the function, without a token."""
    # An entry point answers every request with the same application.
    app = cast("Any", await storefront(Request({"type": "http"})))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        yield client


def token(cloud: Cloud, role: str, account: str = "acme") -> dict[str, str]:
    claims = {"aud": AUDIENCE, "sub": "rita", "account": account, "roles": [role]}
    return {"Authorization": f"Bearer {cloud.users.mint(claims, 600)}"}


async def build(world: World) -> None:
    await world.change()
    await world.run_all()


async def test_a_store_is_read_by_its_main_page_its_categories_and_its_tree(
    http: httpx.AsyncClient, world: World
) -> None:
    await build(world)
    main, fruit, tree = [
        (await http.get(f"/{STORE}{path}")).raise_for_status().json()
        for path in ("", "/categories/fruit", "/tree")
    ]
    best = [
        {"sku": sku, "name": sku, "price": "1.00", "currency": "EUR"} for sku in ("apple", "pear", "plum")
    ]
    assert main == {
        "generation": 1,
        "categories": [
            {
                "id": "food",
                "name": "Food",
                "products": 3,
                "best": best,
                "children": [{"id": "fruit", "name": "Fruit", "products": 3}],
            }
        ],
    }
    assert (fruit["generation"], fruit["id"], fruit["level"], fruit["best"]) == (1, "fruit", 1, best)
    assert [child["best"] for child in fruit["children"]] == [best]
    assert tree["categories"][0]["children"][0]["children"][0]["name"] == "Sweet fruit"


async def test_a_page_that_is_known_is_not_sent_again_until_the_store_changes(
    http: httpx.AsyncClient, world: World
) -> None:
    await build(world)
    first = await http.get(f"/{STORE}")
    known = {"If-None-Match": first.headers["etag"]}
    again = await http.get(f"/{STORE}", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["cache-control"] == first.headers["cache-control"] == "public, no-cache"
    await build(world)
    assert (await http.get(f"/{STORE}", headers=known)).json()["generation"] == 2


async def test_a_page_costs_one_read_from_the_second_time_on(
    cloud: Cloud, http: httpx.AsyncClient, world: World
) -> None:
    if cloud.firestore is None:
        pytest.skip("another emulator than ours does not count")
    await build(world)
    reads = []
    for headers in ({}, {}, {"If-None-Match": '"1"'}):
        before = cloud.firestore.stats.reads
        await http.get(f"/{STORE}/categories/sweet", headers=headers)
        reads.append(cloud.firestore.stats.reads - before)
    assert reads == [2, 1, 1]


async def test_what_is_not_there_is_not_found(http: httpx.AsyncClient, world: World) -> None:
    refused(await http.get(f"/{STORE}"), 404, "not-found")
    await build(world)
    for path in ("/s2", "/s2/tree", "/a b", "/__a__", f"/{STORE}:opening", f"/{STORE}/categories/drinks"):
        refused(await http.get(path), 404, "not-found")


async def test_a_store_is_its_retailers_and_the_operators(
    cloud: Cloud, http: httpx.AsyncClient, world: World
) -> None:
    for method, path, body in GUARDED:
        place = f"/{STORE}{path}"
        refused(await http.request(method, place, json=body), 401, "unauthorized")
        for stranger in (token(cloud, "seller"), token(cloud, "retailer", "apex")):
            refused(await http.request(method, place, json=body, headers=stranger), 403, "forbidden")
        answer = await http.request(method, f"/s2{path}", json=body, headers=token(cloud, "ops"))
        refused(answer, 404, "not-found")


async def test_a_retailer_has_a_store_rebuilt_and_goes_back(
    cloud: Cloud, http: httpx.AsyncClient, world: World
) -> None:
    retailer = token(cloud, "retailer")
    await build(world)
    await build(world)
    asked = await http.post(f"/{STORE}:rebuild", headers=retailer)
    assert (asked.status_code, asked.json()) == (202, {"store_id": STORE, "ticket": 4})
    state = (await http.post(f"/{STORE}:rollback", json={}, headers=retailer)).raise_for_status().json()
    assert (state["current"], state["built"], state["building"]) == (1, 4, None)
    assert (await http.get(f"/{STORE}:status", headers=retailer)).json() == state
    assert (await http.get(f"/{STORE}")).json()["generation"] == 1
    forward = await http.post(f"/{STORE}:rollback", json={"generation": 2}, headers=retailer)
    assert forward.json()["current"] == 2
    gone = await http.post(f"/{STORE}:rollback", json={"generation": 7}, headers=retailer)
    refused(gone, 409, "no-such-generation")


async def test_events_count_once_however_often_they_are_sent(
    cloud: Cloud, http: httpx.AsyncClient, world: World
) -> None:
    retailer = token(cloud, "retailer")
    for _ in range(2):
        answer = await http.post(f"/{STORE}/events", json=EVENTS, headers=retailer)
        assert (answer.status_code, answer.json()["events"]) == (202, 1)
    other = EVENTS | {"events": [{"sku": "pear", "views": 1}]}
    refused(await http.post(f"/{STORE}/events", json=other, headers=retailer), 409, "batch-differs")
    await build(world)
    assert await world.counts() == {"apple": (10, 3)}


async def test_events_of_the_wrong_shape_are_refused(
    cloud: Cloud, http: httpx.AsyncClient, world: World
) -> None:
    event = {"sku": "apple", "views": 1}
    for wrong, field in (
        ({"batch_id": "a b"}, "batch_id"),
        ({"events": []}, "events"),
        ({"events": [event] * 501}, "events"),
        ({"events": [event | {"orders": -1}]}, "events[0].orders"),
        ({"events": [event | {"sku": "a,b"}]}, "events[0].sku"),
    ):
        answer = await http.post(f"/{STORE}/events", json=EVENTS | wrong, headers=token(cloud, "retailer"))
        refused(answer, 422, "validation-failed", field)
