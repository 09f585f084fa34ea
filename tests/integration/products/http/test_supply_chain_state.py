"""``GET /products/{id}/supply-chain``: what a seller can know of a product's way to the supply-chain API."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.integration.products.http.caller import Caller
from tests.integration.products.http.conftest import Faults
from tests.integration.refusals import refused

Settled = Callable[[], dict[str, Any]]


@pytest.fixture
def product(seller: Caller, http: httpx.Client) -> str:
    """The id of a product that the API has."""
    product_id = str(seller.create()["id"])
    http.post("/_local/idle").raise_for_status()
    return product_id


@pytest.fixture
def settled(http: httpx.Client, seller: Caller, product: str) -> Settled:
    """Waits until what is due was tried, and asks for the product's state."""

    def state() -> dict[str, Any]:
        http.post("/_local/idle").raise_for_status()
        return dict(seller("GET", f"/{product}/supply-chain").raise_for_status().json())

    return state


def changed(seller: Caller, product: str) -> None:
    seller("PATCH", f"/{product}", json={}).raise_for_status()


def told(state: dict[str, Any]) -> list[tuple[int, str]]:
    """Versions and what became of them."""
    return [(event["version"], event["status"]) for event in state["events"]]


def test_a_product_that_the_api_has(product: str, settled: Settled) -> None:
    state = settled()
    (event,) = state["events"]
    assert state == {
        "product_id": product,
        "version": 1,
        "status": "synced",
        "synced_version": 1,
        "synced_at": state["synced_at"],
        "events": [event],
    }
    assert event == {
        "version": 1,
        "type": "product:created",
        "status": "synced",
        "attempts": 1,
        "error": "",
        "created_at": event["created_at"],
        "settled_at": event["settled_at"],
    }
    times = [
        datetime.fromisoformat(at) for at in (event["created_at"], state["synced_at"], event["settled_at"])
    ]
    assert times == sorted(times)


def test_a_change_that_the_api_does_not_take_at_the_moment(
    seller: Caller, product: str, settled: Settled, faults: Faults
) -> None:
    faults({"supply_chain": {"outage": True}})
    changed(seller, product)
    state = settled()
    assert (state["status"], state["version"], state["synced_version"]) == ("pending", 2, 1)
    assert told(state) == [(2, "pending"), (1, "synced")]
    assert (state["events"][0]["attempts"], state["events"][0]["settled_at"]) == (1, None)
    assert "503" in state["events"][0]["error"]


def test_a_change_that_another_one_has_overtaken(
    seller: Caller, product: str, settled: Settled, faults: Faults, http: httpx.Client
) -> None:
    faults({"supply_chain": {"outage": True}})
    changed(seller, product)
    settled()
    changed(seller, product)
    settled()
    faults({})
    http.post("/_local/clock:advance", json={"seconds": 60}).raise_for_status()
    state = settled()
    assert (state["status"], state["version"], state["synced_version"]) == ("synced", 3, 3)
    assert told(state) == [(3, "synced"), (2, "superseded"), (1, "synced")]


def test_a_change_that_the_api_will_never_take(
    seller: Caller, product: str, settled: Settled, faults: Faults
) -> None:
    faults({"supply_chain": {"refuse": [product]}})
    changed(seller, product)
    state = settled()
    assert (state["status"], state["synced_version"]) == ("dead", 1)
    assert told(state) == [(2, "dead"), (1, "synced")]
    assert "422" in state["events"][0]["error"]


def test_a_removal_can_be_followed_to_its_end(seller: Caller, product: str, settled: Settled) -> None:
    seller("DELETE", f"/{product}").raise_for_status()
    state = settled()
    assert (state["status"], state["version"], state["synced_version"]) == ("synced", 2, 2)
    assert state["events"][0]["type"] == "product:deleted"


def test_a_removed_product_is_still_nobody_elses(
    seller: Caller, stranger: Caller, ops: Caller, product: str
) -> None:
    seller("DELETE", f"/{product}").raise_for_status()
    refused(stranger("GET", f"/{product}/supply-chain"), 404, "not-found")
    assert ops("GET", f"/{product}/supply-chain").status_code == 200


def test_of_many_changes_the_newest_are_shown(seller: Caller, product: str, settled: Settled) -> None:
    for _ in range(24):
        changed(seller, product)
    assert [version for version, _ in told(settled())] == list(range(25, 5, -1))


def test_it_is_for_its_caller_alone_to_keep(seller: Caller, product: str) -> None:
    answer = seller("GET", f"/{product}/supply-chain")
    assert answer.headers["cache-control"] == "private, no-cache"


def test_of_what_never_was_there_is_no_state(seller: Caller) -> None:
    refused(seller("GET", "/neverWas/supply-chain"), 404, "not-found")
