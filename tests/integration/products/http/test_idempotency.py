"""``Idempotency-Key``: a request that is sent again makes no second product and gets the same answer."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.products.idempotency import IdempotencyKeys
from functions.products.model import ProductContent
from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.refusals import refused
from tests.unit.products.examples import content

KEY = {"Idempotency-Key": "order 66/a"}
JSON = {"Content-Type": "application/json"}

Later = Callable[[float], Caller]


@pytest.fixture
def later(http: httpx.Client, system: LocalCloud, user: str) -> Later:
    """The same seller some seconds later, with a token of then."""

    def advance(seconds: float) -> Caller:
        http.post("/_local/clock:advance", json={"seconds": seconds}).raise_for_status()
        return Caller(http, system.token("seller", sub=user))

    return advance


@pytest.fixture
def keys(system: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> IdempotencyKeys:
    """As a request uses them that is being served, and never ends."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", system.environment["FIRESTORE_EMULATOR_HOST"])
    database = AsyncClient(project=system.environment["GOOGLE_CLOUD_PROJECT"])
    return IdempotencyKeys(
        database, lambda: datetime.fromisoformat(system.http.get("/_local/clock").json()["now"])
    )


def create(caller: Caller, headers: dict[str, str] = KEY, **changes: Any) -> httpx.Response:
    return caller("POST", json=content(**changes), headers=headers)


def products(caller: Caller) -> list[str]:
    return [product["id"] for product in caller("GET").raise_for_status().json()["products"]]


def test_a_request_that_is_repeated_gets_the_same_answer(seller: Caller) -> None:
    first, again = create(seller), create(seller)
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert products(seller) == [first.json()["id"]]


def test_the_answer_stays_the_same_whatever_becomes_of_the_product(seller: Caller) -> None:
    first = create(seller)
    path = f"/{first.json()['id']}"
    seller("PATCH", path, json={"product_name": "Changed"}).raise_for_status()
    assert create(seller).content == first.content
    seller("DELETE", path).raise_for_status()
    assert create(seller).content == first.content
    assert products(seller) == []


def test_the_same_request_may_be_written_in_another_way(seller: Caller) -> None:
    first = create(seller, product_description="")
    turned = dict(reversed(content(product_name=" Linen shirt ", product_description="").items()))
    shorter = {name: value for name, value in turned.items() if name != "product_description"}
    for body in (json.dumps(turned, indent=4), json.dumps(shorter, separators=(",", ":"))):
        again = seller("POST", content=body, headers=KEY | JSON)
        assert again.content == first.content


@pytest.mark.parametrize("change", [{"product_price": "89.91"}, {"product_images": []}, {"currency": "USD"}])
def test_a_key_is_good_for_one_product(seller: Caller, change: dict[str, Any]) -> None:
    first = create(seller)
    refused(create(seller, **change), 422, "idempotency-key-reused")
    assert products(seller) == [first.json()["id"]]


def test_another_key_or_none_makes_another_product(seller: Caller) -> None:
    made = {create(seller, headers).json()["id"] for headers in (KEY, {"Idempotency-Key": "b"}, {}, {})}
    assert set(products(seller)) == made
    assert len(made) == 4


def test_the_keys_of_two_users_are_apart(seller: Caller, stranger: Caller, ops: Caller) -> None:
    made = [create(caller).json() for caller in (seller, stranger, ops)]
    assert len({product["user_id"] for product in made}) == len({product["id"] for product in made}) == 3


def test_of_the_same_requests_at_once_one_makes_the_product(seller: Caller) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: create(seller), range(24)))
    made = [answer for answer in answers if answer.status_code == 201]
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 409, "request-in-flight")
            assert answer.headers["retry-after"] == "1"
    assert {answer.content for answer in made} == {create(seller).content}
    assert products(seller) == [made[0].json()["id"]]


def test_a_refused_request_uses_up_no_key(seller: Caller) -> None:
    refused(create(seller, product_price="-1"), 422, "validation-failed", "product_price")
    assert create(seller).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "café", "a\tb"], ids=["none", "long", "accent", "tab"])
def test_a_key_must_be_a_line_of_ascii(seller: Caller, key: str) -> None:
    headers: Any = JSON | {"Idempotency-Key": key.encode()}
    refused(seller("POST", json=content(), headers=headers), 400, "malformed-header")
    assert products(seller) == []


@pytest.mark.parametrize("key", ["x" * 255, "!", '"quoted"', "a, b"])
def test_any_line_of_ascii_will_do(seller: Caller, key: str) -> None:
    first, again = (create(seller, {"Idempotency-Key": key}) for _ in range(2))
    assert first.content == again.content


async def test_while_the_first_request_is_being_served_the_others_wait(
    seller: Caller, user: str, keys: IdempotencyKeys, later: Later
) -> None:
    request = ProductContent.model_validate(content()).model_dump_json().encode()
    await keys.begin(user, KEY["Idempotency-Key"], request)
    answer = create(seller)
    refused(answer, 409, "request-in-flight")
    assert answer.headers["retry-after"] == "1"
    refused(create(seller, product_price="1.00"), 422, "idempotency-key-reused")
    assert products(seller) == []
    # It has died: its claim lapses.
    assert create(later(21)).status_code == 201
    assert len(products(seller)) == 1


def test_a_key_is_remembered_for_24_hours(seller: Caller, later: Later) -> None:
    first = create(seller)
    assert create(later(23.9 * 3600)).content == first.content
    seller = later(0.2 * 3600)
    second = create(seller, product_price="1.00")
    assert second.status_code == 201
    assert set(products(seller)) == {first.json()["id"], second.json()["id"]}
