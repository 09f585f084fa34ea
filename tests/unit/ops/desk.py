"""The operators' API in a few lines, for its client: letters by number, the oldest first; and a run."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from functions.ops.answers import DeadLetterView
from functions.ops.runs_answers import OperatorRun

MOST = 500
RUN: dict[str, Any] = {
    "id": "audit-1",
    "kind": "audit",
    "subject": "returns",
    "status": "running",
    "phase": "looking",
    "purpose": "",
    "by": "olga",
    "created_at": "2026-11-20T03:00:00Z",
    "started_at": None,
    "finished_at": None,
    "seconds": 1.0,
    "per_second": None,
    "window": None,
    "batches": None,
    "unit": "records",
    "done": 0,
    "total": None,
    "options": {},
    "counts": {},
    "by_account": {},
    "uses": {},
    "took_over": "",
    "error": "",
    "trace": "",
    "dead_letters": [],
}


def letter_id(number: int) -> str:
    return f"{number:032x}"


def letter(number: int, **members: Any) -> DeadLetterView:
    """A letter as the API shows it."""
    shown: dict[str, Any] = {
        "id": letter_id(number),
        "queue": "returnSync",
        "function": "return-updated-task-queue",
        "payload": {"number": number},
        "error": "too late",
        "attempts": 10,
        "trace": "",
        "event": None,
        "status": "open",
        "created_at": "2026-11-20T08:00:00Z",
        "closed_at": None,
        "closed_by": None,
        "reason": None,
    }
    return DeadLetterView.model_validate(shown | members)


def run(**members: Any) -> OperatorRun:
    """A run as the API shows it: an audit that is under way."""
    return OperatorRun.model_validate(RUN | members)


@dataclass
class Desk(httpx.BaseTransport):
    """Serves a list and replays.

    Args:
        waiting: the numbers of the open letters.
        bad: those that cannot be replayed.
        deadly: whether what is replayed makes a new letter at once.
    """

    waiting: list[int]
    bad: frozenset[int] = frozenset()
    deadly: bool = False
    limits: list[int] = field(default_factory=list)
    replayed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(max(self.waiting, default=0) + 1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(":replay"):
            return httpx.Response(200, json=self._replay(orjson.loads(request.read())["limit"]))
        return httpx.Response(200, json=self._list(dict(request.url.params)))

    def _replay(self, limit: int) -> dict[str, Any]:
        assert 1 <= limit <= MOST
        self.limits.append(limit)
        tried = self.waiting[:limit]
        more = len(self.waiting) > limit
        good = [number for number in tried if number not in self.bad]
        self.replayed += good
        self.waiting = [number for number in self.waiting if number not in good]
        if self.deadly:
            self.waiting += itertools.islice(self._numbers, len(good))
        failed = [{"id": letter_id(number), "detail": "bad"} for number in tried if number in self.bad]
        return {"replayed": len(good), "failed": failed, "more": more}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        begin, limit = int(query.get("cursor", 0)), int(query["limit"])
        page = self.waiting[begin : begin + limit]
        following = begin + limit if begin + limit < len(self.waiting) else None
        return {
            "dead_letters": [letter(number).model_dump(mode="json") for number in page],
            "total": len(self.waiting),
            "next_cursor": following and str(following),
            "a_member_of_next_year": True,
        }
