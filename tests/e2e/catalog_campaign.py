"""The catalog in trouble: a seeded series of writes, crashes, moods of the partner and leaps of time over HTTP.

Every write of a product leaves a word in its description, read before and put back with ``If-Match``. So a product's
description says which writes there were, and its version how many.
"""

import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from shared import outbox
from tests.e2e.clients import documents, firestore
from tests.e2e.harness import LocalCloud
from tests.e2e.shop import Shop, product

# Longer than the claim of an Idempotency-Key whose request has died.
CLAIM_SECONDS = 21
# Longer than the longest pause before an event is tried again, or is found to be lost.
PAUSE_SECONDS = 9.1 * 3600
# How many of the products of a campaign are written at random: few enough for writers to meet.
BUSY = 6

_FAILING = {
    "error_rate": 0.25,
    "lost_answer_rate": 0.15,
    "garbage_rate": 0.1,
    "rate_429": 0.05,
    "retry_after": 60,
    "stale_rate": 0.2,
}
# How often what happens; the functions are killed in deliveries too.
_WEIGHTS = {
    "PATCH": 16,
    "PUT": 16,
    "time": 14,
    "mood": 6,
    "create": 2,
    "remove": 2,
    "sweep": 2,
    "kill": 1,
}
MOODS: list[dict[str, Any]] = [
    {},
    _FAILING,
    _FAILING | {"refuse_rate": 0.2},
    _FAILING | {"refuse_rate": 0.5, "latency_ms": 40},
    {"outage": True},
    {"outage": True, "retry_after": 600},
    {"outage": "drop"},
]


def faults(seed: int, mood: dict[str, Any]) -> dict[str, Any]:
    """Everything that can go wrong, at rates at which most work still succeeds within its attempts."""
    return {
        "seed": seed,
        "duplicate_rate": 0.25,
        "delay_rate": 0.2,
        "error_rate": 0.15,
        "kill_rate": 0.15,
        "create_error_rate": 0.1,
        "create_lost_answer_rate": 0.1,
        "firestore": {"seed": seed, "unavailable_rate": 0.02, "lost_answer_rate": 0.02},
        "supply_chain": {"seed": seed, **mood},
        "functions": {"seed": seed, "crash_rate": 0.01},
    }


class CatalogCampaign:
    """A few sellers' clients through all of it, and what must be so in the end."""

    def __init__(self, cloud: LocalCloud, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.shop = Shop(cloud, seller=f"seller{seed}")
        self.database = firestore(cloud)
        # What was acknowledged: the words of each product, and which products are gone.
        self.words: dict[str, set[str]] = defaultdict(set)
        self.removed: set[str] = set()

    # What a client does, again and again until it is acknowledged

    def create(self, word: str) -> str:
        """Add a product."""
        body = product(name=f"Product {word}", product_description=word)
        for _ in range(40):
            answer = self._asked("POST", "", json=body, headers={"Idempotency-Key": word})
            if answer is not None and answer.status_code == 201:
                product_id = str(answer.json()["id"])
                self.words[product_id].add(word)
                return product_id
            if answer is not None:
                assert answer.status_code == 409, answer.text
                self.advance(CLAIM_SECONDS)
        raise AssertionError(f"product {word} is never acknowledged")

    def add_word(self, product_id: str, word: str, method: str) -> None:
        """Write a new version of a product, unless somebody has removed it."""
        for _ in range(40):
            found = self._asked("GET", f"/{product_id}")
            if found is None:
                continue
            if found.status_code == 404:
                assert product_id in self.removed
                return
            # The answer to an earlier try of this write may have been lost.
            if word in found.json()["product_description"].split() or self._put(found, word, method):
                self.words[product_id].add(word)
                return
        raise AssertionError(f"word {word} is never acknowledged")

    def _put(self, found: httpx.Response, word: str, method: str) -> bool:
        stored = found.json()
        changes = {"product_description": f"{stored['product_description']} {word}"}
        body = changes if method == "PATCH" else product(name=stored["product_name"], **changes)
        unchanged = {"If-Match": found.headers["ETag"]}
        answer = self._asked(method, f"/{stored['id']}", json=body, headers=unchanged)
        assert answer is None or answer.status_code in (200, 404, 412), answer.text
        return answer is not None and answer.status_code == 200

    def remove(self, product_id: str) -> None:
        """Remove a product, whether or not somebody else does."""
        self.removed.add(product_id)
        for _ in range(40):
            answer = self._asked("DELETE", f"/{product_id}")
            if answer is not None:
                assert answer.status_code in (204, 404), answer.text
                return
        raise AssertionError(f"the removal of {product_id} is never acknowledged")

    def _asked(self, method: str, path: str, **request: Any) -> httpx.Response | None:
        """An answer that is no sign of trouble, if there is one."""
        try:
            answer = self.shop.ask(method, path, **request)
        except httpx.TransportError:
            return None
        if answer.status_code < 500:
            # A token made before the clock leapt is no good.
            return None if answer.status_code == 401 else answer
        assert answer.status_code in (502, 503), answer.text
        return None

    # What happens around it

    def advance(self, seconds: float) -> None:
        """Let time pass, and go on at once."""
        self.shop.told("POST", "/_local/clock:advance", {"seconds": seconds})

    def set_mood(self, mood: dict[str, Any]) -> None:
        self.shop.set_faults(**faults(self.seed, mood))

    def trouble(self, steps: int) -> None:
        """``steps`` random events, some of them while the ones before are still under way."""
        self.set_mood(_FAILING)
        product_ids = [self.create(f"s{self.seed}p{number}") for number in range(BUSY)]
        events = [self._event(f"s{self.seed}w{step}", product_ids) for step in range(steps)]
        with ThreadPoolExecutor(3) as several:
            for under_way in [several.submit(event) for event in events]:
                under_way.result()

    def _event(self, word: str, product_ids: list[str]) -> Callable[[], object]:
        product_id = self.dice.choice(product_ids)
        match self.dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]:
            case ("PATCH" | "PUT") as method:
                return lambda: self.add_word(product_id, word, method)
            case "mood":
                mood = self.dice.choice(MOODS)
                return lambda: self.set_mood(mood)
            case "create":
                return lambda: self.create(word)
            case "remove":
                return lambda: self.remove(product_id)
            case "sweep":
                return self.shop.sweep
            case "kill":
                return self.shop.kill_functions
        seconds = self.dice.choice([1, 30, 61, 130, 600, 3_600, 9 * 3_600])
        return lambda: self.advance(seconds)

    # The end

    def until_quiet(self) -> None:
        """No more trouble: time passes until every event has ended and no task is left."""
        self.shop.set_faults()
        self.shop.idle()
        for _ in range(20):
            if not self._pending() and not self.shop.waiting():
                return
            self.shop.advance(PAUSE_SECONDS)
        raise AssertionError(f"still pending: {self._pending()}; tasks: {self.shop.waiting()}")

    def _pending(self) -> list[str]:
        events = documents(self.database, outbox.COLLECTION)
        return [event_id for event_id, event in events.items() if event["status"] == "pending"]

    def replay_letters(self) -> None:
        """An operator tries all that is dead again."""
        self.shop.replay_all()
        self.until_quiet()

    def check(self) -> None:
        """Each product's latest version is at the partner, or there is a letter that says why not; no write is lost."""
        events = self._events()
        self._check_writes(events)
        letters = self._open_letters(events)
        # By version, so that the newest of each product is what is left.
        latest = {event["product_id"]: event for event in sorted(events.values(), key=_version)}
        for event in latest.values():
            if event["status"] == "dead":
                assert letters[f"{event['product_id']}:{event['version']}"]["error"]
            else:
                self._check_delivered(event)
        stats = self.shop.cloud.http.get("/_local/stats").raise_for_status().json()
        assert stats["supply_chain"]["older_after_newer"] == 0
        assert stats["supply_chain"]["rejected"] == 0

    def _events(self) -> dict[str, dict[str, Any]]:
        """The events of this campaign: those of campaigns before it may be too old to be kept by now."""
        events = documents(self.database, outbox.COLLECTION)
        return {name: event for name, event in events.items() if event["user_id"] == self.shop.seller}

    def _check_writes(self, events: dict[str, dict[str, Any]]) -> None:
        every = documents(self.database, "products")
        stored = {name: fields for name, fields in every.items() if fields["user_id"] == self.shop.seller}
        assert stored.keys() == self.words.keys() - self.removed
        for product_id, fields in stored.items():
            words = fields["product_description"].split()
            assert self.words[product_id] <= set(words)
            assert len(words) == len(set(words)) == fields["version"]
            kept = sum(event["product_id"] == product_id for event in events.values())
            assert kept == fields["version"]

    def _open_letters(self, events: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        every = documents(self.database, "dead_letters").values()
        still_open = [letter for letter in every if letter["status"] == "open" and letter["event"] in events]
        letters = {letter["event"]: letter for letter in still_open}
        assert len(letters) == len(still_open)
        assert letters.keys() == {name for name, event in events.items() if event["status"] == "dead"}
        return letters

    def _check_delivered(self, latest: dict[str, Any]) -> None:
        product_id = latest["product_id"]
        assert latest["status"] == "synced", latest
        taken = self.shop.partners(product_id)
        assert taken
        assert taken["version"] == latest["version"]
        assert taken["deleted"] == (latest["type"] == "product:deleted")
        if not taken["deleted"]:
            shown = self.shop.get(product_id)
            assert taken["product"] == {name: shown[name] for name in shown.keys() - {"user_id", "images"}}


def _version(event: dict[str, Any]) -> int:
    return int(event["version"])
