"""Drill: Firestore is at its limit and refuses all writes for a while, then half of them; what is read, it answers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.campaign import Campaign
from tests.e2e.clients import documents
from tests.e2e.drills.feeds import feed
from tests.e2e.drills.night import Night, until
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import Shop, product

pytestmark = pytest.mark.long

SEED = 42
RETURN_IDS = [f"R-{number}" for number in range(50)]
STORE, RETAILER = "milano", "casa-verde"
REFUSING = {"firestore": {"seed": SEED, "write_exhausted_rate": 1}}
HALF_REFUSING = {"firestore": {"seed": SEED, "write_exhausted_rate": 0.5}}
GONE = {"firestore": {"seed": SEED, "unavailable_rate": 1}}
# What any of the callers below may have changed.
COLLECTIONS = (
    "order_returns",
    "products",
    "outbox",
    "product_images",
    "price_runs",
    "assortments",
    "storefronts",
)


class Callers:
    """A warehouse, a seller, a retailer and the shop's own systems, each with one change to make known."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.shop = Shop(night.cloud)
        self.warehouse = Campaign(night.cloud, SEED)
        self.product_id = ""
        self._message: dict[str, Any] = {}

    def open_for_business(self) -> None:
        tree = {"categories": [{"id": "food", "parent_id": None, "name": "Food"}]}
        self._post("/categories/batch", tree, "ops").raise_for_status()
        self.warehouse.put(*(self.warehouse.message(return_id) for return_id in RETURN_IDS))
        self.product_id = self.shop.create(name="Boots")
        self.drop_feed("1.50")
        self.night.pass_time(timedelta(minutes=15))
        self.night.quiet()
        self._message = self.warehouse.message(RETURN_IDS[0], status="cancelled")

    def writes(self) -> dict[str, Callable[[], httpx.Response]]:
        """The changes, each of which may be said again and again."""
        events = {"batch_id": "noon", "events": [{"sku": "SKU-1", "views": 9, "orders": 3}]}
        once, body = {"Idempotency-Key": "sandals"}, product(name="Sandals")
        renamed = {"product_name": "Winter boots"}
        return {
            "a return": lambda: self._post(
                "/returns/batch", {"returns": [self._message]}, "warehouse", "acme"
            ),
            "a new product": lambda: self.shop.ask("POST", "", json=body, headers=once),
            "a changed product": lambda: self.shop.ask("PATCH", f"/{self.product_id}", json=renamed),
            "sales": lambda: self._post(f"/storefront/{STORE}/events", events, "retailer", RETAILER),
        }

    def reads(self) -> dict[str, Callable[[], httpx.Response]]:
        """What is looked at meanwhile."""
        http = self.night.cloud.http
        return {
            "a product": lambda: self.shop.ask("GET", f"/{self.product_id}"),
            "a storefront": lambda: http.get(f"/storefront/{STORE}"),
            "the index": lambda: http.get(
                "/search-order-return-index-data?q=", headers=self._token("seller", "acme")
            ),
        }

    def drop_feed(self, price: str) -> None:
        """New prices, in a bucket, which takes them whatever becomes of the database."""
        content = feed(STORE, price)
        self.night.cloud.http.put(
            f"/_local/feeds/{RETAILER}/at-{price}.csv", content=content
        ).raise_for_status()

    def note_acknowledged(self) -> None:
        """The warehouse has been told that its message was taken."""
        self.warehouse.put(self._message)

    def _post(self, path: str, body: dict[str, Any], role: str, account: str = "") -> httpx.Response:
        return self.night.cloud.http.post(path, json=body, headers=self._token(role, account))

    def _token(self, role: str, account: str) -> dict[str, str]:
        return self.night.cloud.token(role, account=account)


def test_the_database_refuses_writes(system: LocalCloud) -> None:
    night = Night(system, f"Drill: Firestore refuses writes (seed {SEED})")
    callers = Callers(night)
    callers.open_for_business()
    assert night.say_health()["status"] == "ok"
    before = _stored(callers)
    night.break_(**REFUSING)
    night.note("Firestore answers RESOURCE_EXHAUSTED to every write")
    callers.drop_feed("2.50")
    _check_answers(night, callers.writes(), 503)
    _check_answers(night, callers.reads(), 200)
    assert _stored(callers) == before
    night.note("nothing is half done: all documents are as they were")
    night.advance(timedelta(minutes=25))
    until(lambda: night.health()["status"] != "ok", "health says that something is wrong")
    night.say_health()
    night.break_(**HALF_REFUSING)
    night.note("Firestore takes every other write; all callers say again what they had to say")
    _repeat(callers)
    _let_it_be_gone_for_a_moment(night)
    night.mend()
    night.note("Firestore takes all writes")
    _check_all_arrived(night, callers)
    night.check_all_is_well()


def _check_answers(night: Night, requests: dict[str, Callable[[], httpx.Response]], status: int) -> None:
    """All at once, since each takes as long as its caller is made to wait."""
    with ThreadPoolExecutor(len(requests)) as several:
        answers = dict(zip(requests, several.map(lambda ask: ask(), requests.values()), strict=True))
    for name, answer in answers.items():
        assert answer.status_code == status, (name, answer.text)
        assert status == 200 or answer.headers["Retry-After"], name
    slowest = max(answer.elapsed.total_seconds() for answer in answers.values())
    night.note(f"{', '.join(answers)}: {status}, the slowest after {slowest:.0f} s")


def _let_it_be_gone_for_a_moment(night: Night) -> None:
    """What an uptime check is told, which is asked for again after a minute since answers are remembered."""
    night.break_(**GONE)
    night.advance(timedelta(minutes=1))
    answer = night.cloud.http.get("/ops/health/live")
    night.note(
        f"Firestore answers nothing; an uptime check is told {answer.status_code}: {answer.json()['status']}"
    )
    assert (answer.status_code, answer.json()["status"]) == (503, "down")


def _repeat(callers: Callers) -> None:
    for name, write in callers.writes().items():
        until(lambda write=write: write().is_success, f"{name} is acknowledged")
    callers.note_acknowledged()


def _stored(callers: Callers) -> dict[str, dict[str, dict[str, Any]]]:
    return {each: documents(callers.warehouse.database, each) for each in COLLECTIONS}


def _check_all_arrived(night: Night, callers: Callers) -> None:
    night.quiet()
    night.pass_time(timedelta(minutes=30))
    callers.warehouse.check_sync()
    stored = {fields["product_name"]: name for name, fields in _stored(callers)["products"].items()}
    assert stored.keys() == {"Winter boots", "Sandals"}
    for product_id in stored.values():
        assert callers.shop.state(product_id)["status"] == "synced"
    page = night.cloud.http.get(f"/storefront/{STORE}").raise_for_status().json()
    best = page["categories"][0]["best"]
    assert best[0]["sku"] == "SKU-1"
    assert {item["price"] for item in best} == {"2.50"}
    night.note("the return, both products, the sales and the prices have arrived, each once")
