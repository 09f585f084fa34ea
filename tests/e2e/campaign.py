"""The returns sync in trouble: a seeded series of changes, crons, crashes and leaps of time over HTTP."""

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
from google.cloud.firestore import SERVER_TIMESTAMP, GeoPoint

from functions.returns.projection import Save, decide
from tests.e2e.clients import documents, firestore, records
from tests.e2e.harness import LocalCloud
from tests.unit.returns.examples import AT, content

CRON = "/_local/schedules/returnsUpdateCron:run"
STATE = "order_return_algolia_sync"
MAX_RECORD_BYTES = 10_000
# The longest pause of a queue before it tries again is 120 s, that of an abandoned run before a cron takes over 600 s.
PAUSE_SECONDS = 60
CRON_SECONDS = 900

# What a careless hand may leave in ``order_returns``: each in some way no return, or not the one that its id says.
_SPOILT: list[dict[str, Any]] = [
    {},
    {"items": 7},
    content(return_id="another"),
    content(account=None),
    content(items=b"\x00\xff"),
    content(requested_at=float("nan")),
    content(customer=GeoPoint(55.6, 13.0)),
    content(external_updated_at=10**18, deleted="yes"),
]


def faults(seed: int) -> dict[str, Any]:
    """Everything that can go wrong, at rates at which most work still succeeds within its attempts."""
    return {
        "seed": seed,
        "duplicate_rate": 0.25,
        "delay_rate": 0.2,
        "error_rate": 0.15,
        "kill_rate": 0.15,
        "algolia": {"seed": seed, "rate_429": 0.1, "rate_5xx": 0.1, "lost_answer_rate": 0.1},
        "firestore": {"seed": seed, "unavailable_rate": 0.02, "lost_answer_rate": 0.02},
        "functions": {"seed": seed, "crash_rate": 0.1},
    }


class Campaign:
    """One warehouse that sends returns through all of it, and what must be so in the end."""

    def __init__(self, cloud: LocalCloud, seed: int) -> None:
        self.cloud = cloud
        self.seed = seed
        self.dice = random.Random(seed)
        self.database = firestore(cloud)
        # What was acknowledged: no state of a return older than this may be left.
        self.acknowledged: dict[str, datetime] = {}
        self.poisoned: set[str] = set()
        self._sequence = seed * 100_000

    # What happens

    def put(self, *messages: dict[str, Any]) -> None:
        """Send returns, again and again until they are acknowledged, as a warehouse does."""
        answer = self._sent("POST", "/returns/batch", json={"returns": list(messages)})
        for message, result in zip(messages, answer["results"], strict=True):
            assert result["outcome"] in ("created", "updated", "unchanged", "stale"), result
            self._note(message["return_id"], message["external_updated_at"])

    def remove(self, return_id: str) -> None:
        """Remove a return, whether or not it has arrived."""
        at = self._next_time()
        self._sent("DELETE", f"/returns/{return_id}", params={"external_updated_at": at})
        self._note(return_id, at)

    def poison(self, return_id: str) -> None:
        """Somebody writes a document that is no return."""
        spoilt = random.Random(return_id).choice(_SPOILT) | {"updated_at": SERVER_TIMESTAMP}
        self.database.collection("order_returns").document(return_id).set(spoilt)
        self.poisoned.add(return_id)

    def cron(self) -> None:
        self._told("POST", CRON)

    def advance(self, seconds: float) -> None:
        self._told("POST", "/_local/clock:advance", {"seconds": seconds})

    def kill_functions(self) -> None:
        self._told("POST", "/_local/functions:kill")

    def set_faults(self, document: dict[str, Any]) -> None:
        self._told("PUT", "/_local/faults", document)

    def _told(self, method: str, control: str, body: dict[str, Any] | None = None) -> None:
        answer = self.cloud.http.request(method, control, json=body)
        assert answer.is_success, f"{control}: {answer.text}\n{self.cloud.text}"

    def message(self, return_id: str, **changes: Any) -> dict[str, Any]:
        """A return that is newer than all before."""
        reason = f"seed {self.seed} no {self._sequence}"
        return content(return_id=return_id, reason=reason, external_updated_at=self._next_time(), **changes)

    def _sent(self, method: str, path: str, **request: Any) -> Any:
        for _ in range(20):
            # A fresh token each time: the clock may have leapt meanwhile.
            try:
                headers = self.cloud.token("warehouse", account="acme")
                answer = self.cloud.http.request(method, path, headers=headers, **request)
            except httpx.TransportError:
                continue
            if answer.status_code < 500:
                assert answer.status_code in (200, 201), answer.text
                return answer.json()
            assert answer.status_code in (502, 503), answer.text
        raise AssertionError(f"{method} {path} is never acknowledged")

    def _next_time(self) -> str:
        self._sequence += 1
        return (AT + timedelta(seconds=self._sequence)).isoformat()

    def _note(self, return_id: str, external_updated_at: str) -> None:
        at = datetime.fromisoformat(external_updated_at)
        self.acknowledged[return_id] = max(at, self.acknowledged.get(return_id, at))

    # A series of it

    def trouble(self, steps: int, return_ids: list[str]) -> None:
        """``steps`` random events, some of them while the one before is still under way."""
        events = [self._event(step, return_ids) for step in range(steps)]
        with ThreadPoolExecutor(3) as several:
            for under_way in [several.submit(event) for event in events]:
                under_way.result()

    def _event(self, step: int, return_ids: list[str]) -> Callable[[], None]:
        return_id = self.dice.choice(return_ids)
        match self.dice.choice(["put"] * 5 + ["remove", "poison", "kill"] + ["cron"] * 3 + ["time"] * 3):
            case "put":
                messages = [
                    self._any_message(self.dice.choice(return_ids)) for _ in range(self.dice.randint(1, 8))
                ]
                return lambda: self.put(*messages)
            case "remove":
                return lambda: self.remove(return_id)
            case "poison":
                return lambda: self.poison(f"poison-{self.seed}-{step}")
            case "kill":
                return self.kill_functions
            case "cron":
                return self.cron
        seconds = self.dice.choice([1, 30, 61, 300, 601, 900])
        return lambda: self.advance(seconds)

    def _any_message(self, return_id: str) -> dict[str, Any]:
        match self.dice.choice(["plain"] * 4 + ["late", "cancelled", "due"]):
            case "late":
                late = (AT + timedelta(seconds=self._sequence - 5)).isoformat()
                return self.message(return_id) | {"external_updated_at": late}
            case "cancelled":
                return self.message(return_id, status="cancelled")
            case "due":
                now = datetime.fromisoformat(self.cloud.http.get("/_local/clock").json()["now"])
                due = now + timedelta(minutes=self.dice.randint(0, 40))
                return self.message(return_id, next_status="rejected", next_status_at=due.isoformat())
        return self.message(return_id)

    # The end

    def until_quiet(self) -> None:
        """No more trouble: time passes and crons fire until whole runs have begun and ended."""
        self.set_faults({})
        self.drain()
        for _ in range(2):
            self.advance(CRON_SECONDS)  # which is when the schedule fires
            self.drain()

    def run(self) -> None:
        """One whole run, that sees all that happened before."""
        self.drain()
        self.cron()
        self.drain()

    def drain(self) -> None:
        """Let time pass until no task is left."""
        for _ in range(60):
            if self.cloud.http.post("/_local/idle?timeout=25").is_success:
                if not self.waiting():
                    return
                self.advance(PAUSE_SECONDS)
        raise AssertionError(f"still waiting: {self.cloud.http.get('/_local/queues').json()}")

    def waiting(self) -> int:
        """How many tasks there are."""
        queues = self.cloud.http.get("/_local/queues").raise_for_status().json()
        return sum(queue["depth"] for queue in queues.values())

    def state(self) -> dict[str, Any]:
        """The one record of the sync's state."""
        (state,) = documents(self.database, STATE).values()
        return state

    def check(self) -> None:
        """All of the sync is as it should be, and each bad record has its letter."""
        stored = self.check_sync()
        letters = documents(self.database, "dead_letters").values()
        reported = sorted(
            json.loads(letter["payload"]).get("return_id", letter["error"]) for letter in letters
        )
        assert reported == sorted(return_id for return_id in stored if return_id.startswith("poison-"))
        assert self.poisoned <= set(reported)

    def check_sync(self) -> dict[str, dict[str, Any]]:
        """The index is the projection of ``order_returns``, nothing acknowledged is lost, and nobody is stuck.

        Returns:
            ``order_returns``, by id.
        """
        state = self.state()
        now = datetime.fromisoformat(self.cloud.http.get("/_local/clock").json()["now"])
        assert state["status"] == 0
        assert state["lease_expires_at"] is None
        assert state["start_date"] is None or state["start_date"] < state["end_date"]
        assert now - timedelta(hours=1) < state["end_date"] <= now
        stored = documents(self.database, "order_returns")
        self._check_index(stored, state["end_date"])
        for return_id, at in self.acknowledged.items():
            assert stored[return_id]["external_updated_at"] >= at, return_id
        return stored

    def _check_index(self, stored: dict[str, dict[str, Any]], as_of: datetime) -> None:
        decisions = [
            decide(return_id, fields, as_of, MAX_RECORD_BYTES) for return_id, fields in stored.items()
        ]
        wanted = {d.return_id: d.record for d in decisions if isinstance(d, Save)}
        found = records(self.cloud)
        wrong = {key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)}
        assert not wrong, [(key, wanted.get(key), found.get(key)) for key in sorted(wrong)[:3]]
