"""Drill: the supply-chain partner is out of reach over a long weekend, for longer than anything is retried."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.e2e.drills.night import Night
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import QUEUE, Shop

pytestmark = pytest.mark.long

# A delivery is tried for 72 hours.
OUTAGE = timedelta(hours=76)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(system: LocalCloud) -> Iterator[Shop]:
    shop = Shop(system)
    yield shop
    shop.set_faults()


def test_the_supply_chain_is_down_for_longer_than_anything_is_retried(shop: Shop) -> None:
    night = Night(shop.cloud, f"Drill: the supply-chain API is down for {OUTAGE / HOUR:.0f} hours")
    known = shop.create(name="Known before")
    shop.idle()
    night.break_(supply_chain={"outage": True})
    night.note("the partner answers 503 to everything")
    began = shop.now()
    early, changed = shop.create(name="Early"), shop.create(name="Changed later")
    _wait(night, shop, began + 10 * HOUR)
    _rename(shop, known, "Newer")
    late = shop.create(name="Late")
    assert night.say_health()["status"] == "degraded"
    _wait(night, shop, began + 73 * HOUR)
    _rename(shop, changed, "Changed after its first event had died")
    _wait(night, shop, began + OUTAGE)
    assert _states(shop, early, changed, known, late) == ["dead", "pending", "pending", "pending"]
    night.say_health()
    night.mend()
    night.note("the partner is back")
    _replay(night, early, changed)
    _wait(night, shop, shop.now() + 9 * HOUR)
    for product_id, version in {early: 1, changed: 2, known: 2, late: 1}.items():
        _check_synced(shop, product_id, version)
    _check_nothing_older_came_after_newer(night)
    night.check_all_is_well()


def _rename(shop: Shop, product_id: str, name: str) -> None:
    shop.ask("PATCH", f"/{product_id}", json={"product_name": name}).raise_for_status()
    shop.idle()


def _wait(night: Night, shop: Shop, until: datetime) -> None:
    """Let time pass, from attempt to attempt of whatever is delivered, and two hours at most."""
    while (now := shop.now()) < until:
        tasks = night.tasks(QUEUE)
        due = min((datetime.fromisoformat(task["schedule_time"]) for task in tasks), default=until)
        night.pass_time(max(timedelta(seconds=1), min(due - now, until - now, 2 * HOUR)), step=2 * HOUR)


def _states(shop: Shop, *product_ids: str) -> list[str]:
    return [str(shop.state(product_id)["status"]) for product_id in product_ids]


def _replay(night: Night, *product_ids: str) -> None:
    letters = night.letters()
    assert sorted(letter["event"] for letter in letters) == sorted(f"{each}:1" for each in product_ids)
    assert {letter["queue"] for letter in letters} == {QUEUE}
    night.note(f"open dead letters: {len(letters)}, events that were tried {letters[0]['attempts']} times")
    night.replay_all()


def _check_synced(shop: Shop, product_id: str, version: int) -> None:
    assert shop.state(product_id)["status"] == "synced"
    taken = shop.partners(product_id)
    assert taken
    assert taken["version"] == version
    assert taken["product"]["product_name"] == shop.get(product_id)["product_name"]


def _check_nothing_older_came_after_newer(night: Night) -> None:
    stats = night.cloud.http.get("/_local/stats").raise_for_status().json()["supply_chain"]
    night.note(
        f"the partner took {stats['applied']} versions, {stats['older_after_newer']} after a newer one"
    )
    assert stats["older_after_newer"] == 0
