"""The life of a product: what each request answers, and what is so afterwards."""

from datetime import datetime
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.refusals import refused
from tests.unit.products.examples import content, untouched

READ_ONLY = {
    "id": "p1",
    "user_id": "ann",
    "version": 7,
    "compressed_product_images": [],
    "images": [],
    "created_at": "2026-11-20T00:00:00Z",
    "updated_at": "2026-11-20T00:00:00Z",
}


NO_IMAGES: dict[str, Any] = {"product_images": [], "compressed_product_images": [], "images": []}


class Settled(NamedTuple):
    """A product, as it was answered, and where it is."""

    caller: Caller
    product: dict[str, Any]
    path: str


@pytest.fixture
def product(seller: Caller) -> dict[str, Any]:
    """A product of the seller's, as it was answered."""
    return seller.create()


@pytest.fixture
def path(product: dict[str, Any]) -> str:
    return f"/{product['id']}"


@pytest.fixture(scope="module")
def settled(system: LocalCloud) -> Settled:
    """A seller and a product that no test changes."""
    caller = Caller(system.http, system.token("seller", sub="settled"))
    product = caller.create()
    system.http.post("/_local/idle").raise_for_status()
    return Settled(caller, product, f"/{product['id']}")


def moments(product: dict[str, Any]) -> tuple[datetime, datetime]:
    return tuple(datetime.fromisoformat(product[name]) for name in ("created_at", "updated_at"))  # type: ignore[return-value]


def test_a_new_product_is_answered_whole(seller: Caller, user: str, http: httpx.Client) -> None:
    product = seller.create()
    now = datetime.fromisoformat(http.get("/_local/clock").json()["now"])
    created_at, updated_at = moments(product)
    assert created_at == updated_at
    assert 0 <= (now - created_at).total_seconds() < 10
    assert product == content() | untouched(product) | {
        "id": product["id"],
        "user_id": user,
        "version": 1,
        "created_at": product["created_at"],
        "updated_at": product["updated_at"],
    }


def test_a_new_product_is_found_where_the_answer_says(system: LocalCloud, seller: Caller) -> None:
    answer = seller("POST", json=content())
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.headers["location"] == f"{system.base_url}/products/{answer.json()['id']}"
    found = system.http.get(answer.headers["location"], headers=dict(seller.authorization))
    assert found.content == answer.content


def test_a_product_is_for_its_caller_alone_to_keep_and_to_ask_about_again(seller: Caller, path: str) -> None:
    answer = seller("GET", path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (answer.headers["cache-control"], answer.headers["etag"]) == ("private, no-cache", '"1"')


def test_a_list_is_for_its_caller_alone_to_keep(seller: Caller) -> None:
    assert seller("GET").headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("known", ['"1"', "*", 'W/"1"', '"0", "1"', 'W/"3",W/"1"'])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_this_version_gets_no_body(settled: Settled, method: str, known: str) -> None:
    answer = settled.caller(method, settled.path, headers={"If-None-Match": known})
    assert (answer.status_code, answer.content) == (304, b"")
    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"1"', "private, no-cache")


@pytest.mark.parametrize("known", ['"2"', '"0", W/"2"', "", '"'])
def test_who_has_another_version_gets_this_one(settled: Settled, known: str) -> None:
    answer = settled.caller("GET", settled.path, headers={"If-None-Match": known})
    assert (answer.status_code, answer.json()) == (200, settled.product)


@pytest.mark.parametrize("place", ["", "/", "/{id}", "/{id}/images", "/{id}/supply-chain"])
def test_a_head_says_of_an_answer_all_but_its_content(settled: Settled, place: str) -> None:
    where = place.format(id=settled.product["id"])
    whole, head = settled.caller("GET", where), settled.caller("HEAD", where)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "cache-control", "etag"):
        assert head.headers.get(name) == whole.headers.get(name)


def test_a_put_replaces_all_that_a_seller_says(seller: Caller, product: dict[str, Any], path: str) -> None:
    sent = {"product_name": "Wool shirt", "currency": "SEK", "product_price": "1299.00"}
    answer = seller("PUT", path, json=sent)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert answer.headers["cache-control"] == "private, no-cache"
    left_out = {"product_description": "", **NO_IMAGES}
    kept = {name: product[name] for name in ("id", "user_id", "created_at")}
    changed = {"version": 2, "updated_at": answer.json()["updated_at"]}
    assert answer.json() == sent | left_out | kept | changed


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_moves_the_time_of_the_change_alone(seller: Caller, path: str, method: str) -> None:
    before = moments(seller("GET", path).json())
    after = moments(seller(method, path, json=content()).json())
    assert after[0] == before[0]
    assert after[1] > before[1]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_was_just_changed_is_read_as_it_is_now(seller: Caller, path: str, method: str) -> None:
    seller("GET", path)
    answer = seller(method, path, json=content(product_name="Another") if method != "DELETE" else None)
    found = seller("GET", path)
    assert found.status_code == (404 if method == "DELETE" else 200)
    assert method == "DELETE" or found.content == answer.content


def test_a_removed_product_is_gone(seller: Caller, path: str) -> None:
    answer = seller("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = content() if method in ("PUT", "PATCH") else None
        refused(seller(method, path, json=body), 404, "not-found")
    assert seller("GET").json()["products"] == []


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({}, {}),
        ({"product_name": " Wool shirt "}, {"product_name": "Wool shirt"}),
        ({"product_description": None}, {"product_description": ""}),
        ({"product_images": None}, NO_IMAGES),
        ({"product_price": "5"}, {"product_price": "5.00"}),
        ({"currency": "SEK"}, {"currency": "SEK"}),
        ({"currency": "KWD"}, {"currency": "KWD", "product_price": "89.900"}),
        ({"currency": "JPY", "product_price": "5"}, {"currency": "JPY", "product_price": "5"}),
    ],
    ids=str,
)
def test_a_patch_changes_what_it_names(
    seller: Caller, product: dict[str, Any], path: str, patch: Any, changed: Any
) -> None:
    answer = seller("PATCH", path, json=patch, headers={"Content-Type": "application/merge-patch+json"})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    new = {"version": 2, "updated_at": answer.json()["updated_at"]}
    assert answer.json() == product | changed | new


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"currency": "JPY"}, "product_price"),
        ({"currency": "KWD", "product_price": "1.2345"}, "product_price"),
        ({"currency": None}, "currency"),
        ({"product_name": None}, "product_name"),
        ({"product_price": None}, "product_price"),
        ({"product_images": {"0": "https://b.example"}}, "product_images"),
        ({"color": "red"}, "color"),
        ({"color": None}, "color"),
        *(({name: value}, name) for name, value in READ_ONLY.items()),
        *(({name: None}, name) for name in READ_ONLY),
    ],
    ids=str,
)
def test_a_patch_whose_result_is_no_product_changes_nothing(settled: Settled, patch: Any, field: str) -> None:
    refused(settled.caller("PATCH", settled.path, json=patch), 422, "validation-failed", field)
    assert settled.caller("GET", settled.path).json() == settled.product


def test_patches_of_patches_are_all_there(seller: Caller, product: dict[str, Any], path: str) -> None:
    for patch in ({"product_name": "B"}, {"product_price": "1.00"}, {"product_description": None}):
        seller("PATCH", path, json=patch).raise_for_status()
    found = seller("GET", path).json()
    changed = {"product_name": "B", "product_price": "1.00", "product_description": "", "version": 4}
    assert found == product | changed | {"updated_at": found["updated_at"]}


def test_what_only_queries_use_follows_a_patch(seller: Caller, path: str) -> None:
    seller("PATCH", path, json={"product_name": "Wool", "product_price": "5.00"}).raise_for_status()
    for query, found in (("name=wool", 1), ("name=linen", 0), ("max_price=5", 1), ("min_price=6", 0)):
        assert len(seller("GET", f"?{query}").json()["products"]) == found, query


def test_prices_are_shown_with_all_decimals_of_their_currency(seller: Caller) -> None:
    sent = [("EUR", "7"), ("EUR", "007.5"), ("JPY", "7"), ("KWD", "7.125"), ("CLF", "7.1"), ("EUR", "0")]
    shown = [
        seller.create(currency=currency, product_price=price)["product_price"] for currency, price in sent
    ]
    assert shown == ["7.00", "7.50", "7", "7.125", "7.1000", "0.00"]


@pytest.mark.parametrize(
    "place",
    [
        *("/neverWas", "/%2e%2e", "/%00", "/%ff", "/__x__", "/a%2Fb", "/a%0a", "/%E2%82%AC", "/a."),
        "/" + "a" * 65,
    ],
)
def test_an_id_that_no_product_has(settled: Settled, place: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = content() if method in ("PUT", "PATCH") else None
        refused(settled.caller(method, place, json=body), 404, "not-found")


@pytest.mark.parametrize("place", ["//", "/{id}/", "/{id}/images/", "/{id}/supply-chain/"])
def test_a_path_that_leads_nowhere(settled: Settled, place: str) -> None:
    where = place.format(id=settled.product["id"])
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        refused(settled.caller(method, where), 404, "not-found")


@pytest.mark.parametrize(
    ("place", "methods", "allowed"),
    [
        ("", ("PUT", "PATCH", "DELETE", "OPTIONS"), "GET, HEAD, POST"),
        ("/{id}", ("POST", "OPTIONS"), "DELETE, GET, HEAD, PATCH, PUT"),
        ("/{id}/images", ("PUT", "PATCH", "DELETE", "OPTIONS"), "GET, HEAD, POST"),
        ("/{id}/images/i1", ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"), "GET, HEAD"),
        ("/{id}/supply-chain", ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"), "GET, HEAD"),
    ],
)
def test_a_method_that_the_path_does_not_know(
    settled: Settled, place: str, methods: tuple[str, ...], allowed: str
) -> None:
    for method in methods:
        answer = settled.caller(method, place.format(id=settled.product["id"]))
        refused(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allowed
