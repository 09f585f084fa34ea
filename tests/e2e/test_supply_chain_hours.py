"""Eighteen retries over 72 hours, by a clock that is moved: what the partner sees, and what becomes of the product.

What is expected follows from the queue in infra/topology.yaml alone.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from infra.topology import Queue, load, seconds
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import QUEUE, Shop

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

DOWN = {"outage": True}
# How late a request may come: real time goes on while the clock stands still. Less than the shortest pause.
LATE = 25.0


def pauses(queue: Queue) -> list[float]:
    """Seconds between the attempts at a task, as Cloud Tasks documents them.

    The first is ``min_backoff``; it doubles ``max_doublings`` times and then grows by the last of these; never is it
    above ``max_backoff``. https://cloud.google.com/tasks/docs/reference/rpc/google.cloud.tasks.v2#retryconfig
    """
    found = [seconds(queue.min_backoff)]
    for retry in range(1, queue.max_attempts - 1):
        last_doubled = seconds(queue.min_backoff) * 2.0**queue.max_doublings
        found.append(found[-1] + (found[-1] if retry <= queue.max_doublings else last_doubled))
    return [min(pause, seconds(queue.max_backoff)) for pause in found]


@pytest.fixture(scope="module")
def queue() -> Queue:
    return load().queues[QUEUE]


@pytest.fixture
def shop(system: LocalCloud) -> Iterator[Shop]:
    shop = Shop(system)
    yield shop
    shop.set_faults()


def retry(shop: Shop, product_id: str, until: datetime | None = None) -> None:
    """Leap from each attempt at a product's delivery to the next one, as long as there is one before ``until``."""
    for _ in range(100):
        due = shop.next_attempt(product_id)
        if due is None or (until and due >= until):
            return
        shop.advance_to(due)
    raise AssertionError("it is tried for ever")


def attempt_after(shop: Shop, product_id: str) -> datetime:
    """When the next attempt is, of which there must be one."""
    due = shop.next_attempt(product_id)
    assert due
    return due


def dead(shop: Shop, queue: Queue) -> str:
    """A product whose every delivery failed, since the API is down."""
    shop.set_faults(supply_chain=DOWN)
    product_id = shop.create()
    shop.idle()
    retry(shop, product_id)
    assert len(shop.posts(product_id)) == queue.max_attempts
    return product_id


def test_the_queue_makes_18_retries_in_72_hours(queue: Queue) -> None:
    planned = pauses(queue)
    assert len(planned) == queue.max_attempts - 1 == 18
    assert planned == sorted(planned)
    assert timedelta(hours=71) < timedelta(seconds=sum(planned)) < timedelta(hours=73)


def test_an_api_that_is_down_for_71_hours_gets_the_product(shop: Shop) -> None:
    shop.set_faults(supply_chain=DOWN)
    product_id = shop.create(name="Patience")
    shop.idle()
    back = shop.now() + timedelta(hours=71)
    retry(shop, product_id, until=back)
    shop.advance_to(back)
    assert shop.state(product_id)["status"] == "pending"
    assert shop.partners(product_id) is None
    shop.set_faults()
    retry(shop, product_id)
    assert shop.state(product_id)["status"] == "synced"
    taken = shop.partners(product_id)
    assert taken
    assert (taken["version"], taken["product"]["product_name"]) == (1, "Patience")
    assert shop.letters(product_id) == []


def test_an_api_that_is_down_for_good_ends_in_one_dead_letter(shop: Shop, queue: Queue) -> None:
    product_id = dead(shop, queue)
    shop.advance(3600)  # sweepers come
    posts = shop.posts(product_id)
    assert len(posts) == queue.max_attempts
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(posts)]
    late = [gap - planned for gap, planned in zip(gaps, pauses(queue), strict=True)]
    assert all(0 <= seconds_late < LATE for seconds_late in late), late
    assert timedelta(hours=71) < posts[-1] - posts[0] < timedelta(hours=73)
    (letter,) = shop.letters(product_id)
    assert (letter["status"], letter["attempts"], letter["queue"]) == ("open", queue.max_attempts, QUEUE)
    assert "503" in letter["error"]
    assert shop.state(product_id)["status"] == "dead"
    assert shop.tasks(product_id) == []


def test_a_dead_letter_that_is_replayed_is_delivered(shop: Shop, queue: Queue) -> None:
    product_id = dead(shop, queue)
    (letter,) = shop.letters(product_id)
    shop.set_faults()
    shop.replay(letter["id"])
    assert shop.state(product_id)["status"] == "synced"
    assert shop.partners(product_id)
    (closed,) = shop.letters(product_id)
    assert (closed["id"], closed["status"]) == (letter["id"], "replayed")
    shop.advance(86_400)  # the day for which names of tasks are taken, and its sweepers
    assert len(shop.posts(product_id)) == queue.max_attempts + 1


def test_a_replay_that_fails_for_72_hours_too_ends_in_a_letter_of_its_own(shop: Shop, queue: Queue) -> None:
    product_id = dead(shop, queue)
    (letter,) = shop.letters(product_id)
    shop.replay(letter["id"])
    retry(shop, product_id)
    assert len(shop.posts(product_id)) == 2 * queue.max_attempts
    second, first = shop.letters(product_id)
    assert (first["id"], first["status"]) == (letter["id"], "replayed")
    assert (second["status"], second["attempts"]) == ("open", queue.max_attempts)


def test_a_kill_during_the_last_attempt_ends_in_one_dead_letter(shop: Shop, queue: Queue) -> None:
    shop.set_faults(supply_chain=DOWN)
    product_id = shop.create()
    shop.idle()
    while len(shop.posts(product_id)) < queue.max_attempts - 1:
        shop.advance_to(attempt_after(shop, product_id))
    shop.set_faults(supply_chain={"latency_ms": 8000, **DOWN})
    with ThreadPoolExecutor(1) as beside:
        attempt = beside.submit(shop.advance_to, attempt_after(shop, product_id))
        while not shop.unanswered(product_id):
            pass
        shop.kill_functions()
        attempt.result()
    assert shop.tasks(product_id) == []  # the queue has given up
    assert shop.state(product_id)["status"] == "pending"
    shop.advance(600)
    shop.sweep()
    (letter,) = shop.letters(product_id)
    assert (letter["status"], letter["attempts"]) == ("open", queue.max_attempts)
    assert "last attempt" in letter["error"]
    assert shop.state(product_id)["status"] == "dead"
    assert len(shop.posts(product_id)) == queue.max_attempts


def test_a_refusal_for_good_is_a_dead_letter_at_once(shop: Shop) -> None:
    shop.set_faults(supply_chain={"refuse_rate": 1})
    product_id = shop.create()
    shop.idle()
    (letter,) = shop.letters(product_id)
    assert (letter["status"], letter["attempts"]) == ("open", 1)
    assert "422" in letter["error"]
    assert "not wanted" in letter["error"]
    assert shop.state(product_id)["status"] == "dead"
    shop.advance(86_400)
    assert len(shop.posts(product_id)) == 1


def test_nothing_of_a_product_is_sent_before_the_time_that_the_api_has_named(shop: Shop) -> None:
    shop.set_faults(supply_chain={"rate_429": 1, "retry_after": 7200})
    product_id = shop.create()
    shop.idle()
    (first,) = shop.posts(product_id)
    shop.ask("PATCH", f"/{product_id}", json={"product_name": "Newer"}).raise_for_status()
    for _ in range(23):
        shop.advance(300)
    assert shop.posts(product_id) == [first]
    shop.set_faults()
    retry(shop, product_id)
    second, *more = shop.posts(product_id)[1:]
    assert second - first >= timedelta(hours=2)
    assert not more
    taken = shop.partners(product_id)
    assert taken
    assert (taken["version"], taken["product"]["product_name"]) == (2, "Newer")


def test_an_api_that_asks_for_eight_hours_again_and_again_is_given_up_too(shop: Shop, queue: Queue) -> None:
    shop.set_faults(supply_chain={"rate_429": 1, "retry_after": 28_800})
    product_id = shop.create()
    shop.idle()
    retry(shop, product_id)
    (letter,) = shop.letters(product_id)
    assert (letter["status"], letter["attempts"]) == ("open", queue.max_attempts)
    assert "429" in letter["error"]
    posts = shop.posts(product_id)
    assert min(later - earlier for earlier, later in pairwise(posts)) >= timedelta(hours=8)
