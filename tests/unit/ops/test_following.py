"""A run that is followed: looked at until it has ended, and what the command then exits with."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from functions.ops.client import ApiError
from functions.ops.following import ended, exit_code
from functions.ops.operations_client import OperationsClient
from functions.ops.runs_answers import OperatorRun

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
BROKEN = httpx.ConnectError("no")


def run(**members: Any) -> OperatorRun:
    return OperatorRun.model_validate(RUN | members)


def api(answers: Sequence[dict[str, Any] | Exception]) -> OperationsClient:
    """An API that gives these answers, one after the other."""
    left: Iterator[dict[str, Any] | Exception] = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/ops/runs/audit/audit-1"
        following = next(left)
        if isinstance(following, Exception):
            raise following
        return httpx.Response(200, json=RUN | following)

    transport = httpx.MockTransport(answer)
    return OperationsClient(httpx.Client(base_url="http://shop.example/ops", transport=transport))


def test_a_run_is_looked_at_until_it_has_ended() -> None:
    looks = api([{"status": "running"}, {"status": "cancelling"}, {"status": "cancelled"}])
    assert ended(looks, run(), 0).status == "cancelled"


def test_a_connection_that_breaks_off_now_and_then_does_not_matter() -> None:
    looks = api([*[BROKEN] * 4, {"status": "running"}, *[BROKEN] * 4, {"status": "done"}])
    assert ended(looks, run(), 0).status == "done"


def test_an_api_that_stays_away_is_not_asked_for_ever() -> None:
    with pytest.raises(ApiError, match="Nothing answers"):
        ended(api([BROKEN] * 5), run(), 0)


def test_a_run_that_has_ended_is_not_looked_at_again() -> None:
    assert ended(api([]), run(status="done"), 0).status == "done"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": "done"}, 0),
        ({"status": "done", "counts": {"checked": 9, "pending": 3}}, 0),
        ({"status": "done", "counts": {"extra": 1}}, 3),
        ({"status": "done", "kind": "repair", "counts": {"repaired": 4}}, 0),
        ({"status": "done", "kind": "repair", "counts": {"failed": 1}}, 1),
        ({"status": "partial", "kind": "prices"}, 1),
        ({"status": "failed"}, 1),
        ({"status": "cancelled"}, 1),
        ({"status": "taken-over", "kind": "sync"}, 1),
    ],
)
def test_the_exit_code_says_how_it_ended(members: dict[str, Any], code: int) -> None:
    assert exit_code(run(**members)) == code
