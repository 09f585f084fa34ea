"""Who may do what: a seller with their own products, an operator with anybody's; to others they are not there."""

from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.stored import nothing_written
from tests.integration.refusals import refused
from tests.unit.products.examples import content

# Every request there is; {id} is the seller's product.
REQUESTS = [
    *(("POST", ""), ("GET", ""), ("HEAD", ""), ("GET", "/{id}"), ("HEAD", "/{id}"), ("PUT", "/{id}")),
    *(("PATCH", "/{id}"), ("DELETE", "/{id}"), ("GET", "/{id}/supply-chain")),
]
ON_A_PRODUCT = [(method, place) for method, place in REQUESTS if place and method != "HEAD"]


@pytest.fixture
def product(seller: Caller) -> dict[str, Any]:
    return seller.create()


def call(caller: Caller, method: str, place: str, product: dict[str, Any], **headers: str) -> httpx.Response:
    body = content(product_name="Stolen") if method in ("POST", "PUT", "PATCH") else None
    return caller(method, place.format(id=product["id"]), json=body, headers=headers)


@pytest.mark.parametrize(("method", "place"), REQUESTS)
@pytest.mark.parametrize("authorization", [None, "Bearer x", "Basic YW5uOnNlY3JldA=="])
def test_nobody_gets_in_without_a_token(
    http: httpx.Client, method: str, place: str, authorization: str | None
) -> None:
    caller = Caller(http, {"Authorization": authorization} if authorization else {})
    answer = call(caller, method, place, {"id": "p1"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert method == "HEAD" or refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("roles", [(), ("warehouse",), ("retailer", "admin", "Seller", "OPS")], ids=str)
def test_other_roles_may_do_nothing(
    system: LocalCloud,
    database: Client,
    user: str,
    seller: Caller,
    product: dict[str, Any],
    roles: tuple[str, ...],
) -> None:
    """Not even with their own products."""
    system.http.post("/_local/idle").raise_for_status()
    caller = Caller(system.http, system.token(*roles, sub=user))
    with nothing_written(database, user):
        for method, place in REQUESTS:
            answer = call(caller, method, place, product, **{"Idempotency-Key": "x"})
            assert answer.status_code == 403
            assert method == "HEAD" or refused(answer, 403, "forbidden")


@pytest.mark.parametrize(("method", "place"), ON_A_PRODUCT)
def test_somebody_elses_product_is_as_one_that_never_was(
    database: Client,
    http: httpx.Client,
    user: str,
    seller: Caller,
    stranger: Caller,
    product: dict[str, Any],
    method: str,
    place: str,
) -> None:
    seller("GET", f"/{product['id']}")
    http.post("/_local/idle").raise_for_status()
    conditions = {"If-Match": '"1"', "If-None-Match": '"1"'}
    with nothing_written(database, user):
        theirs = refused(call(stranger, method, place, product, **conditions), 404, "not-found")
        missing = refused(call(stranger, method, place, {"id": "neverWas"}, **conditions), 404, "not-found")
    alike = theirs | {"trace": "", "detail": theirs["detail"].replace(product["id"], "neverWas")}
    assert alike == missing | {"trace": ""}


def test_a_list_shows_the_callers_own_products(
    seller: Caller, stranger: Caller, ops: Caller, product: dict[str, Any]
) -> None:
    assert [found["id"] for found in seller("GET").json()["products"]] == [product["id"]]
    for other in (stranger, ops):
        assert product["id"] not in [found["id"] for found in other("GET").json()["products"]]


def test_what_an_operator_mends_stays_the_sellers(
    seller: Caller, ops: Caller, user: str, product: dict[str, Any]
) -> None:
    path = f"/{product['id']}"
    assert ops("GET", path).json() == product
    for method in ("PUT", "PATCH"):
        mended = ops(method, path, json=content(product_name="Mended")).raise_for_status().json()
        assert (mended["user_id"], seller("GET", path).json()) == (user, mended)
    assert ops("GET", f"{path}/supply-chain").json()["version"] == 3
    assert ops("DELETE", path).status_code == 204
    refused(seller("GET", path), 404, "not-found")
    assert seller("GET", f"{path}/supply-chain").json()["version"] == 4


@pytest.mark.parametrize(
    "other",
    ["{}\n", "\n{}", "{} ", "{}\x00", "{}.", "Á{}", "{}\u200b", "{}\nx", "../{}", "{}/x", "{}:1", "*"],
    ids=repr,
)
def test_users_whose_ids_look_alike_are_apart(
    system: LocalCloud, seller: Caller, user: str, product: dict[str, Any], other: str
) -> None:
    caller = Caller(system.http, system.token("seller", sub=other.format(user)))
    refused(caller("GET", f"/{product['id']}"), 404, "not-found")
    own = caller.create()
    assert own["user_id"] == other.format(user)
    assert [found["id"] for found in caller("GET").json()["products"]] == [own["id"]]
    refused(seller("GET", f"/{own['id']}"), 404, "not-found")


def test_upper_and_lower_case_are_two_users(system: LocalCloud, product: dict[str, Any], user: str) -> None:
    caller = Caller(system.http, system.token("seller", sub=user.upper()))
    refused(caller("GET", f"/{product['id']}"), 404, "not-found")
    assert caller("GET").json()["products"] == []


def test_the_description_of_the_api_is_everybodys(http: httpx.Client) -> None:
    answer = http.get("/products/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.1")
