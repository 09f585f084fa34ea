"""Price feeds and storefronts in trouble: a seeded series of feeds, sales, changes of categories and rollbacks.

Meanwhile events and tasks come twice, late and out of order, answers are lost, buckets fail and functions are killed in
deliveries.
"""

import csv
import io
import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from google.api_core.exceptions import PreconditionFailed

from functions.storefront.documents import packed
from functions.storefront.tree import Category, CategoryTree
from functions.storefront.views import build_views
from shared.assortments import COLLECTION, PAGES, Page, decode_page
from tests.e2e.clients import bucket, documents, firestore
from tests.e2e.harness import LocalCloud

SWEEPERS = ("priceRunSweeper", "storefrontSweeper")
# More than a claim on a build, the pauses of queues and events, and the time between sweeps.
PAUSE_SECONDS = 700
STORES = 3
ITEMS = 30
COLUMNS = ("store_id", "sku", "price", "currency", "available", "name", "category_id")

_WEIGHTS = {
    "feed": 10,
    "sale": 4,
    "category": 4,
    "rebuild": 3,
    "rollback": 2,
    "time": 8,
    "sweep": 2,
    "kill": 1,
}
_NAMES = ["Apples", "Pears", "Bread", "Milk", "Tea"]


def faults(seed: int) -> dict[str, Any]:
    """Everything that can go wrong, at rates at which most work still succeeds within its attempts."""
    attempts = {"duplicate_rate": 0.25, "delay_rate": 0.2, "error_rate": 0.1, "kill_rate": 0.15}
    return {
        "seed": seed,
        **attempts,
        "create_error_rate": 0.1,
        "create_lost_answer_rate": 0.1,
        "events": {"seed": seed, **attempts},
        "storage": {"seed": seed, "error_rate": 0.1, "lost_answer_rate": 0.1, "latency_ms": 2},
        "firestore": {"seed": seed, "unavailable_rate": 0.02, "lost_answer_rate": 0.02},
        "functions": {"seed": seed, "crash_rate": 0.02},
    }


@dataclass(frozen=True)
class Dropped:
    """A feed that is in the bucket."""

    name: str
    generation: int
    lines: list[dict[str, str]]

    @property
    def stamp(self) -> tuple[int, str]:
        """The local cloud's generations are the microseconds at which objects came, as Google's are."""
        return self.generation, self.name


class StorefrontCampaign:
    """One retailer through all of it, and what must be so in the end."""

    def __init__(self, cloud: LocalCloud, seed: int) -> None:
        self.cloud = cloud
        self.seed = seed
        self.dice = random.Random(seed)
        self.retailer = f"retailer{seed}"
        self.stores = [f"store{seed}-{number}" for number in range(STORES)]
        self.categories = [f"c{seed}-{number}" for number in range(8)]
        self.database = firestore(cloud)
        self.bucket = bucket(cloud, "FEEDS_BUCKET")
        self.feeds: list[Dropped] = []
        # Views and orders by store, batch and item: of all batches whose coming in was acknowledged.
        self.sold: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)

    # What people do

    def drop_feed(self, number: int, dice: random.Random) -> None:
        """Prices of some items of some stores, in no order."""
        self._put_feed(str(number), [self._line(dice) for _ in range(dice.randint(1, 60))])

    def _put_feed(self, name: str, lines: list[dict[str, str]]) -> None:
        file = io.StringIO()
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
        blob = self.bucket.blob(f"feeds/{self.retailer}/{name}.csv")
        # With the precondition the client repeats what was not answered; then it may find its own work.
        with suppress(PreconditionFailed):
            blob.upload_from_string(file.getvalue(), content_type="text/csv", if_generation_match=0)
        blob.reload()
        self.feeds.append(Dropped(str(blob.name), int(blob.generation or 0), lines))

    def _line(self, dice: random.Random) -> dict[str, str]:
        values = (
            dice.choice(self.stores),
            f"SKU-{dice.randrange(ITEMS)}",
            f"{dice.randrange(1, 100)}.{dice.randrange(100):02}",
            "EUR",
            dice.choice(["true", "true", "true", "false"]),
            dice.choice(_NAMES),
            dice.choice(self.categories),
        )
        return dict(zip(COLUMNS, values, strict=True))

    def sell(self, store: str, batch_id: str, dice: random.Random) -> None:
        """Items were seen and bought; whoever says so says it until it is acknowledged."""
        events = [self._event_of(dice) for _ in range(dice.randint(1, 20))]
        self._acknowledged(
            "POST", f"/storefront/{store}/events", json={"batch_id": batch_id, "events": events}
        )
        self.sold[store][batch_id] = events

    def _event_of(self, dice: random.Random) -> dict[str, Any]:
        orders = dice.randint(0, 5)
        return {
            "sku": f"SKU-{dice.randrange(ITEMS)}",
            "views": orders + dice.randint(0, 90),
            "orders": orders,
        }

    def change_category(self, category_id: str, parent_id: str | None, name: str) -> None:
        """Put a category somewhere in the tree, unless it cannot be there."""
        body = {"parent_id": parent_id, "name": name}
        answer = self._asked("PUT", f"/categories/{category_id}", json=body)
        assert answer is None or answer.status_code in (200, 201, 409, 422), answer.text

    def ask_for(self, store: str, action: str) -> None:
        """Have a store rebuilt, or rolled back, if that comes through."""
        self._asked("POST", f"/storefront/{store}:{action}", json={})

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """An answer that is no sign of trouble, if there is one."""
        try:
            # A fresh token each time: the clock may have leapt meanwhile.
            headers = self.cloud.token("ops", "retailer", account=self.retailer)
            answer = self.cloud.http.request(method, path, headers=headers, **request)
        except httpx.TransportError:
            return None
        return None if answer.status_code in (401, 500, 502, 503) else answer

    def _acknowledged(self, method: str, path: str, **request: Any) -> Any:
        for _ in range(40):
            if answer := self._asked(method, path, **request):
                assert answer.is_success, answer.text
                return answer.json()
        raise AssertionError(f"{method} {path} is never acknowledged")

    def advance(self, seconds: float) -> None:
        self._told("POST", "/_local/clock:advance", {"seconds": seconds})

    def _told(self, method: str, control: str, body: dict[str, Any] | None = None) -> None:
        answer = self.cloud.http.request(method, control, json=body)
        assert answer.is_success, f"{control}: {answer.text}\n{self.cloud.text}"

    # A series of it

    def begin(self) -> None:
        """Everything is sold once, before anything goes wrong: what is said of other items counts for nothing."""
        tree = [{"id": each, "parent_id": None, "name": each} for each in self.categories]
        self._acknowledged("POST", "/categories/batch", json={"categories": tree})
        dice = random.Random(self.seed)
        lines = [
            self._line(dice) | {"store_id": store, "sku": f"SKU-{number}"}
            for store in self.stores
            for number in range(ITEMS)
        ]
        self._put_feed("first", lines)
        self.until_quiet()

    def trouble(self, steps: int) -> None:
        """``steps`` random events, some of them while the ones before are still under way."""
        self._told("PUT", "/_local/faults", faults(self.seed))
        events = [self._event(step) for step in range(steps)]
        with ThreadPoolExecutor(3) as several:
            for under_way in [several.submit(event) for event in events]:
                under_way.result()

    def _event(self, step: int) -> Callable[[], object]:
        own = random.Random(f"{self.seed}:{step}")
        store = self.dice.choice(self.stores)
        match self.dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]:
            case "feed":
                return lambda: self.drop_feed(step, own)
            case "sale":
                return lambda: self.sell(store, f"batch{step}", own)
            case "category":
                category, parent = own.choice(self.categories), own.choice([None, *self.categories])
                return lambda: self.change_category(category, parent, own.choice(_NAMES))
            case "rebuild" | "rollback" as action:
                return lambda: self.ask_for(store, action)
            case "sweep":
                return self.sweep
            case "kill":
                return lambda: self._told("POST", "/_local/functions:kill")
        seconds = self.dice.choice([1, 11, 61, 130, 700])
        return lambda: self.advance(seconds)

    def sweep(self) -> None:
        for sweeper in SWEEPERS:
            self._told("POST", f"/_local/schedules/{sweeper}:run")

    # The end

    def until_quiet(self) -> None:
        """No more trouble: time passes until nothing more is to happen to any feed or storefront."""
        self._told("PUT", "/_local/faults", {})
        self._told("POST", "/_local/idle?timeout=25")
        for _ in range(40):
            if not self._unsettled():
                return
            self.advance(PAUSE_SECONDS)
            self._told("POST", "/_local/idle?timeout=25")
        raise AssertionError(f"still to happen: {self._unsettled()}")

    def _unsettled(self) -> list[str]:
        runs = documents(self.database, "price_runs").items()
        states = documents(self.database, "storefronts").items()
        queues = self.cloud.http.get("/_local/queues").json().items()
        return [
            *(run_id for run_id, run in runs if run["status"] in ("ingesting", "running")),
            *(store for store, state in states if state.get("due_at")),
            *(event["subject"] for event in self.cloud.http.get("/_local/events").json()),
            *(name for name, queue in queues if queue["depth"]),
        ]

    def mend(self) -> None:
        """An operator tries again what failed, and has all stores built once more: some were rolled back."""
        for run_id, run in self._runs().items():
            assert run["status"] in ("done", "partial"), (run_id, run)
            if run["status"] == "partial":
                self._acknowledged("POST", f"/price-runs/{run_id}:rerun", json={})
        self.until_quiet()
        for store in self.stores:
            self._acknowledged("POST", f"/storefront/{store}:rebuild", json={})
        self.until_quiet()

    def check(self) -> None:
        """Each store sells what the latest feeds say, and shows what follows from that and from nothing else."""
        runs = self._runs()
        assert sorted(run["status"] for run in runs.values()) == ["done"] * len(self.feeds), runs
        tree = CategoryTree({each.id: each for each in self._categories()})
        for store in self.stores:
            items = self._expected(store)
            assert self._stored(store) == items
            state = self.database.collection("storefronts").document(store).get().to_dict() or {}
            kept = {int(number) for number in state["generations"]}
            shown = self._views(store)
            assert shown.keys() == kept, "documents of generations that are not kept"
            page = list(zip(*(row for _, row in sorted(items.items())), strict=True))
            views = build_views(tree, [Page(*page)], self._counts(store))
            assert shown[state["current"]] == packed(views).contents

    def _runs(self) -> dict[str, dict[str, Any]]:
        """The runs of this campaign's feeds."""
        every = documents(self.database, "price_runs")
        return {run_id: run for run_id, run in every.items() if run["retailer"] == self.retailer}

    def _expected(self, store: str) -> dict[str, tuple[Any, ...]]:
        """The last word on each item, whoever came in first."""
        items: dict[str, tuple[Any, ...]] = {}
        for feed in sorted(self.feeds, key=lambda feed: feed.stamp):
            for line in feed.lines:
                if line["store_id"] == store:
                    items[line["sku"]] = (
                        line["sku"],
                        int(line["price"].replace(".", "")),
                        line["currency"],
                        line["available"] == "true",
                        line["category_id"],
                        "",
                        line["name"],
                    )
        return items

    def _stored(self, store: str) -> dict[str, tuple[Any, ...]]:
        fields = self.database.collection(COLLECTION).document(store).get().to_dict() or {}
        pages = [
            self.database.collection(PAGES).document(f"{store}:{each}").get() for each in fields["pages"]
        ]
        rows = [row for page in pages for row in zip(*decode_page(page.get("content")), strict=True)]
        return {row[0]: row for row in rows}

    def _counts(self, store: str) -> dict[str, tuple[int, int]]:
        counts: dict[str, tuple[int, int]] = {}
        for event in (event for events in self.sold[store].values() for event in events):
            views, orders = counts.get(event["sku"], (0, 0))
            counts[event["sku"]] = (views + event["views"], orders + event["orders"])
        return counts

    def _categories(self) -> list[Category]:
        page = self._acknowledged("GET", "/categories", params={"limit": 1000})
        return [Category(**each) for each in page["categories"]]

    def _views(self, store: str) -> dict[int, dict[str, bytes]]:
        """The documents of each generation, by name."""
        found: dict[int, dict[str, bytes]] = defaultdict(dict)
        for name, fields in documents(self.database, "storefront_views").items():
            of, generation, document = name.split(":", 2)
            if of == store:
                found[int(generation)][document] = fields["content"]
        return found
