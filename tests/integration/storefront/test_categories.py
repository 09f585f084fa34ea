"""``/categories`` as operators and retailers know it: the tree grows, moves, and refuses to be anything but a tree."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request

from functions.storefront.categories_main import categories
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from tests.integration.refusals import refused

Answer = httpx.Response


class Caller:
    """Somebody with a role, or with none, who calls ``/categories``."""

    def __init__(self, http: httpx.AsyncClient, cloud: Cloud, *roles: str) -> None:
        self._http = http
        token = cloud.users.mint(
            {"aud": AUDIENCE, "sub": "olga", "account": "acme", "roles": list(roles)}, 600
        )
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Answer:
        own = self._headers | dict(headers or {})
        return await self._http.request(method, path, headers=own, **request)

    async def put(self, category_id: str, parent_id: str | None = None, **content: Any) -> Answer:
        body = {"parent_id": parent_id, "name": category_id.title(), **content}
        return await self("PUT", f"/{category_id}", json=body)

    async def get(self, category_id: str) -> dict[str, Any]:
        return dict((await self("GET", f"/{category_id}")).raise_for_status().json())


@pytest.fixture
async def http(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the function, without a token."""
    # An entry point answers every request with the same application.
    app = cast("Any", await categories(Request({"type": "http"})))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop.example"
    ) as client:
        yield client


@pytest.fixture
def ops(http: httpx.AsyncClient, cloud: Cloud) -> Caller:
    return Caller(http, cloud, "ops")


@pytest.fixture
async def tree(ops: Caller) -> Caller:
    """An operator of a tree: food > fruit > apples, and drinks."""
    names = {"apples": "fruit", "drinks": None, "food": None, "fruit": "food"}
    entries = [{"id": key, "parent_id": parent, "name": key.title()} for key, parent in names.items()]
    (await ops("POST", "/batch", json={"categories": entries})).raise_for_status()
    return ops


async def test_a_category_is_created_below_another(ops: Caller) -> None:
    assert (await ops.put("food")).status_code == 201
    created = await ops.put("fruit", "food")
    assert created.status_code == 201
    assert created.json() == await ops.get("fruit")
    assert created.json()["level"] == 1
    assert [each["id"] for each in created.json()["path"]] == ["food", "fruit"]
    assert [each["id"] for each in (await ops.get("food"))["children"]] == ["fruit"]


async def test_a_category_takes_along_what_is_below_it(tree: Caller) -> None:
    moved = await tree.put("fruit", "drinks", name="Juices", level=1)
    assert moved.status_code == 200
    assert [each["id"] for each in (await tree.get("apples"))["path"]] == ["drinks", "fruit", "apples"]
    assert (await tree.put("fruit", None)).json()["level"] == 0
    assert (await tree.get("apples"))["level"] == 1


@pytest.mark.parametrize(
    ("category_id", "content", "kind", "field", "path"),
    [
        ("food", {"parent_id": "apples"}, "cycle", "parent_id", "food > fruit > apples > food"),
        ("pears", {"parent_id": "nuts"}, "orphan", "parent_id", "nuts > pears"),
        (
            "pears",
            {"parent_id": "fruit", "level": 1},
            "wrong-level",
            "level",
            "food (0) > fruit (1) > pears (2)",
        ),
    ],
)
async def test_what_would_be_no_tree_is_refused_with_the_path_that_shows_why(
    tree: Caller, category_id: str, content: dict[str, Any], kind: str, field: str, path: str
) -> None:
    before = (await tree("GET", "/")).json()
    answer = await tree.put(category_id, **content)
    problem = refused(answer, 409, f"category-{kind}", field)
    assert path in problem["detail"]
    assert (await tree("GET", "/")).json() == before


async def test_a_category_goes_when_nothing_is_below_it(tree: Caller) -> None:
    problem = refused(await tree("DELETE", "/fruit"), 409, "category-has-children")
    assert "food > fruit > apples" in problem["detail"]
    assert (await tree("DELETE", "/apples")).status_code == 204
    assert (await tree("DELETE", "/fruit")).status_code == 204
    refused(await tree("DELETE", "/fruit"), 404, "not-found")
    refused(await tree("GET", "/fruit"), 404, "not-found")
    refused(await tree("GET", "/no%20such%20id"), 404, "not-found")


async def test_a_batch_is_put_as_a_whole_or_not_at_all(tree: Caller) -> None:
    entries = [
        {"id": "pears", "parent_id": "fruit", "name": "Pears"},
        {"id": "food", "parent_id": "apples", "name": "Food"},
        {"id": "nuts", "parent_id": "snacks", "name": "Nuts"},
    ]
    answer = await tree("POST", "/batch", json={"categories": entries})
    refused(answer, 409, "category-cycle", "categories[1].parent_id", "categories[2].parent_id")
    refused(await tree("GET", "/pears"), 404, "not-found")
    twice = await tree("POST", "/batch", json={"categories": [entries[0]] * 2})
    refused(twice, 422, "category-repeated", "categories[1].id")
    # Food moves, and takes along fruit and apples; drinks are renamed.
    entries = [
        {"id": "food", "parent_id": "market", "name": "Food"},
        {"id": "market", "parent_id": None, "name": "Market"},
        {"id": "drinks", "parent_id": None, "name": "Drinks and juices"},
    ]
    assert (await tree("POST", "/batch", json={"categories": entries})).json() == {"created": 1, "changed": 4}


async def test_all_categories_are_listed_by_id_page_by_page(tree: Caller) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        page = (await tree("GET", "/", params={"limit": 3, "cursor": cursor})).json()
        assert page["total"] == 4
        seen += [each["id"] for each in page["categories"]]
        cursor = page["next_cursor"]
    assert seen == ["apples", "drinks", "food", "fruit"]
    refused(await tree("GET", "/", params={"cursor": "x"}), 422, "validation-failed", "cursor")


async def test_the_etag_is_that_of_the_whole_tree(tree: Caller) -> None:
    tag = (await tree("GET", "/fruit")).headers["etag"]
    known, meant = {"If-None-Match": tag}, {"If-Match": tag}
    for path in ("/", "/apples"):
        assert (await tree("GET", path, headers=known)).status_code == 304
    # A change of nothing is no change.
    assert (await tree.put("apples", "fruit")).headers["etag"] == tag
    assert (await tree("DELETE", "/drinks", headers=meant)).status_code == 204
    assert (await tree("GET", "/", headers=known)).status_code == 200
    refused(await tree("DELETE", "/apples", headers=meant), 412, "version-moved")
    body = {"parent_id": None, "name": "Apples"}
    refused(await tree("PUT", "/apples", headers=meant, json=body), 412, "version-moved")


async def test_operators_write_and_retailers_read(
    tree: Caller, http: httpx.AsyncClient, cloud: Cloud
) -> None:
    retailer, seller = Caller(http, cloud, "retailer"), Caller(http, cloud, "seller")
    assert (await retailer("GET", "/")).json()["total"] == 4
    refused(await retailer.put("nuts"), 403, "forbidden")
    refused(await retailer("DELETE", "/apples"), 403, "forbidden")
    refused(await retailer("POST", "/batch", json={"categories": []}), 403, "forbidden")
    refused(await seller("GET", "/food"), 403, "forbidden")
    refused(await http.get("/"), 401, "unauthorized")


async def test_what_a_category_may_be_is_checked(tree: Caller) -> None:
    body = {"name": " \n", "level": -1, "colour": "red"}
    answer = await tree("PUT", "/nuts", json=body)
    refused(answer, 422, "validation-failed", "parent_id", "level", "name", "colour")
