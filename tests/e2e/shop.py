"""A seller's products on a running local cloud: what the shop says of them, and what the partner got of them, when."""

from datetime import datetime
from typing import Any

import httpx

from tests.e2e.harness import LocalCloud

QUEUE = "supplyChainSync"
SWEEPER = "/_local/schedules/outboxSweeper:run"


def product(name: str = "Boots", **members: Any) -> dict[str, Any]:
    """The body of a product."""
    return {"product_name": name, "product_price": "89.90", "currency": "EUR", **members}


class Shop:
    """One seller, the operators and the controls of the local cloud."""

    def __init__(self, cloud: LocalCloud, seller: str = "ann") -> None:
        self.cloud = cloud
        self.seller = seller

    # The seller

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """A seller's request, with a fresh token, since the clock may have leapt meanwhile."""
        headers = self.cloud.token("seller", sub=self.seller) | request.pop("headers", {})
        return self.cloud.http.request(method, f"/products{path}", headers=headers, **request)

    def create(self, **members: Any) -> str:
        """Add a product; return its id."""
        answer = self.ask("POST", "", json=product(**members))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def state(self, product_id: str) -> dict[str, Any]:
        """What the shop says has become of a product's changes."""
        state: dict[str, Any] = self.ask("GET", f"/{product_id}/supply-chain").raise_for_status().json()
        return state

    # The operators

    def get(self, product_id: str) -> dict[str, Any]:
        """A product as operators see it."""
        operator = self.cloud.token("ops", sub="olga")
        answer = self.cloud.http.get(f"/products/{product_id}", headers=operator).raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def letters(self, product_id: str, status: str = "") -> list[dict[str, Any]]:
        """The dead letters about a product, the newest first."""
        query = {"queue": QUEUE, "limit": 100} | ({"status": status} if status else {})
        operator = self.cloud.token("ops", sub="olga")
        answer = self.cloud.http.get("/ops/dead-letters", params=query, headers=operator).raise_for_status()
        return [
            letter for letter in answer.json()["dead_letters"] if letter["event"].startswith(f"{product_id}:")
        ]

    def replay(self, letter_id: str) -> None:
        """Try a dead letter's work again, until nothing is under way."""
        operator = self.cloud.token("ops", sub="olga")
        answer = self.cloud.http.post(f"/ops/dead-letters/{letter_id}:replay", headers=operator)
        assert answer.status_code == 202, answer.text
        self.idle()

    def replay_all(self) -> None:
        """Try the work of all dead letters of the queue again."""
        operator = self.cloud.token("ops", sub="olga")
        answer = self.cloud.http.post("/ops/dead-letters:replay", json={"queue": QUEUE}, headers=operator)
        assert (answer.status_code, answer.json()["failed"]) == (200, []), answer.text

    # The partner

    def posts(self, product_id: str) -> list[datetime]:
        """When each POST of a product arrived at the partner."""
        return [_time(visit["at"]) for visit in self._visits(product_id) if visit["method"] == "POST"]

    def unanswered(self, product_id: str) -> int:
        """How many of a product's requests the partner has not answered yet."""
        return sum(visit["status"] is None for visit in self._visits(product_id))

    def _visits(self, product_id: str) -> list[dict[str, Any]]:
        visits = self._got("/_local/supply-chain/requests", product=product_id)
        assert not visits["forgotten"]
        return list(visits["requests"])

    def partners(self, product_id: str) -> dict[str, Any] | None:
        """What the partner has of a product."""
        every = self._got("/_local/supply-chain/products")["products"]
        return next((taken for taken in every if taken["id"] == product_id), None)

    # The cloud

    def tasks(self, product_id: str) -> list[dict[str, Any]]:
        """The tasks that wait for a product's delivery."""
        waiting = self._got(f"/_local/queues/{QUEUE}/tasks")["tasks"]
        return [task for task in waiting if task["payload"]["product_id"] == product_id]

    def now(self) -> datetime:
        """The time that all go by."""
        return _time(self._got("/_local/clock")["now"])

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until ``moment``, and let all that is due by then come to its end."""
        self.advance(max(0.0, (moment - self.now()).total_seconds()))

    def advance(self, seconds: float) -> None:
        """Let time pass, and let all that is due by then come to its end."""
        self.told("POST", "/_local/clock:advance", {"seconds": seconds})
        self.idle()

    def idle(self) -> None:
        """Let all that is due come to its end."""
        self.told("POST", "/_local/idle?timeout=25")

    def waiting(self) -> int:
        """How many tasks wait for deliveries of any product."""
        return int(self._got("/_local/queues")[QUEUE]["depth"])

    def next_attempt(self, product_id: str) -> datetime | None:
        """When a product's delivery is tried again; None if it is not."""
        return min((_time(task["schedule_time"]) for task in self.tasks(product_id)), default=None)

    def sweep(self) -> None:
        """Let the sweeper come."""
        self.told("POST", SWEEPER)

    def kill_functions(self) -> None:
        """``kill -9``; return when they are back."""
        self.told("POST", "/_local/functions:kill")

    def set_faults(self, **faults: Any) -> None:
        """What goes wrong from now on; nothing else does."""
        self.told("PUT", "/_local/faults", faults)

    def told(self, method: str, control: str, body: dict[str, Any] | None = None) -> None:
        """Use a control, which must succeed."""
        answer = self.cloud.http.request(method, control, json=body)
        assert answer.is_success, f"{control}: {answer.text}\n{self.cloud.text}"

    def _got(self, control: str, **query: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.cloud.http.get(control, params=query).raise_for_status().json()
        return answer


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
