"""A product is written, and its event is not enqueued: the sweeper finds it, and the partner gets the product."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from shared.outbox import FIRST_ATTEMPT_WITHIN
from tests.e2e.clients import documents, firestore
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import QUEUE, Shop, product

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

# Later than the moment from which an event that nobody has tried is suspicious.
UNTRIED = FIRST_ATTEMPT_WITHIN.total_seconds() + 1


@pytest.fixture
def shop(system: LocalCloud) -> Iterator[Shop]:
    shop = Shop(system)
    yield shop
    shop.set_faults()


@pytest.fixture
def database(system: LocalCloud) -> Client:
    return firestore(system)


def event_of(database: Client, name: str) -> dict[str, Any] | None:
    """The event of the product of that name, once both are committed."""
    for product_id, stored in documents(database, "products").items():
        if stored["product_name"] == name:
            return documents(database, "outbox")[f"{product_id}:1"]
    return None


def killed_in_create_task(shop: Shop, database: Client, name: str) -> str:
    """Add a product; once it is committed, its function dies. Its id."""
    shop.set_faults(create_hang_rate=1)
    with ThreadPoolExecutor(1) as beside:
        answer = beside.submit(shop.ask, "POST", "", json=product(name))
        while not (event := event_of(database, name)):
            pass
        shop.kill_functions()
        assert answer.result().status_code == 502
    shop.set_faults()
    assert shop.tasks(event["product_id"]) == []
    return str(event["product_id"])


def swept(shop: Shop) -> None:
    """Time passes, and the sweeper has come."""
    shop.advance(UNTRIED)
    shop.sweep()
    shop.idle()


def delivered(shop: Shop, product_id: str, version: int = 1) -> bool:
    """Whether the partner has that version, by a single request."""
    taken = shop.partners(product_id)
    return taken is not None and taken["version"] == version and len(shop.posts(product_id)) == 1


def test_a_product_whose_function_died_before_it_was_enqueued_arrives(shop: Shop, database: Client) -> None:
    product_id = killed_in_create_task(shop, database, "Orphan")
    shop.sweep()
    shop.idle()
    assert shop.posts(product_id) == []  # it may yet be under way: too early to tell
    swept(shop)
    assert delivered(shop, product_id)
    assert shop.state(product_id)["status"] == "synced"


def test_a_write_does_not_fail_because_cloud_tasks_does(shop: Shop) -> None:
    shop.set_faults(create_error_rate=1)
    product_id = shop.create()
    written = shop.ask("PATCH", f"/{product_id}", json={"product_name": "Newer"})
    assert written.status_code == 200
    assert shop.tasks(product_id) == []
    shop.set_faults()
    swept(shop)
    assert delivered(shop, product_id, version=2)
    assert [event["status"] for event in shop.state(product_id)["events"]] == ["synced", "superseded"]


def test_a_write_does_not_wait_long_for_cloud_tasks(shop: Shop) -> None:
    shop.set_faults(create_hang_rate=1)
    answer: httpx.Response = shop.ask("POST", "", json=product())
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() < 10
    shop.set_faults()
    swept(shop)
    assert delivered(shop, answer.json()["id"])


def test_a_product_whose_enqueuing_only_seemed_to_fail_is_sent_once(shop: Shop) -> None:
    shop.set_faults(create_lost_answer_rate=1)
    product_id = shop.create()
    shop.set_faults()
    shop.idle()
    swept(shop)
    assert delivered(shop, product_id)


def test_the_sweeper_itself_may_fail_to_enqueue(shop: Shop) -> None:
    shop.set_faults(create_error_rate=1)
    product_id = shop.create()
    swept(shop)
    assert shop.state(product_id)["status"] == "pending"
    shop.set_faults()
    swept(shop)
    assert delivered(shop, product_id)


def test_the_schedule_needs_no_hand(shop: Shop) -> None:
    shop.set_faults(create_error_rate=1)
    product_id = shop.create()
    shop.set_faults()
    shop.advance(600)
    assert delivered(shop, product_id)
    queues = shop.cloud.http.get("/_local/queues").raise_for_status().json()
    assert queues[QUEUE]["depth"] == 0
