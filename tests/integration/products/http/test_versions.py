"""Who changes a product can say which version they mean, and of many who do so at once none undoes another's work."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client, FieldFilter

from tests.integration.products.http.caller import Caller
from tests.integration.refusals import refused
from tests.unit.products.examples import content, untouched

CHANGES = ["PUT", "PATCH", "DELETE"]
WRITERS = 8


@pytest.fixture
def product(seller: Caller) -> dict[str, Any]:
    """A product of the seller's, at version 2."""
    product_id = seller.create()["id"]
    return dict(seller("PATCH", f"/{product_id}", json={}).raise_for_status().json())


@pytest.fixture
def path(product: dict[str, Any]) -> str:
    return f"/{product['id']}"


def change(caller: Caller, method: str, path: str, condition: str) -> httpx.Response:
    body = None if method == "DELETE" else content(product_name="Changed")
    return caller(method, path, json=body, headers={"If-Match": condition})


@pytest.mark.parametrize("method", CHANGES)
def test_the_version_that_is_meant_is_changed(seller: Caller, path: str, method: str) -> None:
    answer = change(seller, method, path, '"2"')
    assert answer.status_code == (204 if method == "DELETE" else 200)
    assert answer.headers.get("etag") == (None if method == "DELETE" else '"3"')


@pytest.mark.parametrize("condition", ["*", '"1", "2"'])
def test_more_than_one_version_may_be_meant(seller: Caller, path: str, condition: str) -> None:
    assert change(seller, "PATCH", path, condition).headers["etag"] == '"3"'


@pytest.mark.parametrize("condition", ['"1"', '"3"', 'W/"2"', '"1", "3"', "", '"2', "version 2"])
def test_another_version_than_is_meant_stays_as_it_is(
    seller: Caller, product: dict[str, Any], path: str, condition: str
) -> None:
    for method in CHANGES:
        answer = change(seller, method, path, condition)
        refused(answer, 412, "version-moved")
        assert answer.headers["etag"] == '"2"'
    assert seller("GET", path).json() == product


@pytest.mark.parametrize("method", CHANGES)
def test_a_condition_on_what_is_gone_is_not_found(seller: Caller, path: str, method: str) -> None:
    seller("DELETE", path)
    for condition in ('"2"', "*"):
        refused(change(seller, method, path, condition), 404, "not-found")


def test_a_body_that_is_wrong_is_reported_before_the_version(seller: Caller, path: str) -> None:
    answer = seller("PUT", path, json={}, headers={"If-Match": '"1"'})
    refused(answer, 422, "validation-failed", "product_name", "currency", "product_price")


def at_once(works: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """What requests that are sent at the same moment are answered."""
    start = Barrier(len(works))

    def run(work: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def events(database: Client, product_id: str) -> list[int]:
    """The versions of a product that the outbox tells of."""
    query = database.collection("outbox").where(filter=FieldFilter("product_id", "==", product_id))
    return sorted(int(snapshot.get("version")) for snapshot in query.stream())


def test_patches_at_once_are_all_there(seller: Caller, database: Client) -> None:
    """As many as a write has turns: each turn that one loses, another has won."""
    created = seller.create(product_images=[])
    path = f"/{created['id']}"
    patches: list[dict[str, Any]] = [
        *({"product_name": "Wool"}, {"product_description": "New"}, {"product_price": "1.00"}),
        *({"product_images": ["https://img.example/"]}, {}, {}, {}, {}),
    ]
    answers = at_once([lambda patch=patch: seller("PATCH", path, json=patch) for patch in patches])  # type: ignore[misc]
    assert [answer.status_code for answer in answers] == [200] * WRITERS
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, WRITERS + 2))
    found = seller("GET", path).json()
    changed = {name: value for patch in patches for name, value in patch.items()}
    new = {"version": WRITERS + 1, "updated_at": found["updated_at"]}
    assert found == created | changed | untouched(found) | new
    assert events(database, created["id"]) == list(range(1, WRITERS + 2))


def test_of_conditional_changes_at_once_one_wins(seller: Caller, database: Client, path: str) -> None:
    """Whatever they are, and whoever sends them."""
    methods = ["PUT", "PATCH", "DELETE", "PATCH", "PUT", "PATCH"]
    answers = at_once([lambda method=method: change(seller, method, path, '"2"') for method in methods])  # type: ignore[misc]
    statuses = [answer.status_code for answer in answers]
    assert len([status for status in statuses if status in (200, 204)]) == 1
    assert set(statuses) <= {200, 204, 412, 404}
    assert events(database, path[1:]) == [1, 2, 3]


def test_a_counter_that_many_raise_counts_them_all(seller: Caller, database: Client) -> None:
    """Compare and set, by If-Match: read, add one, write, and if somebody else was faster, again."""
    product_id = seller.create(product_description="0")["id"]
    raises, path = 12, f"/{product_id}"

    def raise_it(_: int) -> None:
        while True:
            found = seller("GET", path)
            patch = {"product_description": str(int(found.json()["product_description"]) + 1)}
            answer = seller("PATCH", path, json=patch, headers={"If-Match": found.headers["etag"]})
            if answer.status_code == 200:
                return
            assert answer.status_code == 412, answer.text

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(raise_it, range(raises)))
    found = seller("GET", path).json()
    assert (found["product_description"], found["version"]) == (str(raises), raises + 1)
    assert events(database, product_id) == list(range(1, raises + 2))


def test_of_removals_at_once_one_removes(seller: Caller, database: Client, path: str) -> None:
    answers = at_once([lambda: seller("DELETE", path)] * WRITERS)
    assert sorted(answer.status_code for answer in answers) == [204] + [404] * (WRITERS - 1)
    assert events(database, path[1:]) == [1, 2, 3]
