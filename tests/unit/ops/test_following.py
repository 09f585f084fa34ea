"""A run that is followed: looked at until it has ended, and what the command then exits with."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
import typer

from functions.ops.client import ApiError
from functions.ops.following import ended, exit_code, exit_with
from functions.ops.operations_client import OperationsClient
from tests.unit.ops.desk import RUN, run

BROKEN = httpx.ConnectError("no")
# Anything that may come of a look.
Look = dict[str, Any] | httpx.Response | BaseException
HOW_TO_GO_ON = "The run goes on; follow it with: python -m functions.ops runs watch audit audit-1"


def api(answers: Sequence[Look]) -> OperationsClient:
    """An API that gives these answers, one after the other."""
    left: Iterator[Look] = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/ops/runs/audit/audit-1"
        following = next(left)
        if isinstance(following, BaseException):
            raise following
        return (
            following if isinstance(following, httpx.Response) else httpx.Response(200, json=RUN | following)
        )

    transport = httpx.MockTransport(answer)
    return OperationsClient(httpx.Client(base_url="http://shop.example/ops", transport=transport))


def test_a_run_is_looked_at_until_it_has_ended() -> None:
    looks = api([{"status": "running"}, {"status": "cancelling"}, {"status": "cancelled"}])
    assert ended(looks, run(), 0).status == "cancelled"


def test_a_connection_that_breaks_off_now_and_then_does_not_matter() -> None:
    looks = api([*[BROKEN] * 4, {"status": "running"}, *[BROKEN] * 4, {"status": "done"}])
    assert ended(looks, run(), 0).status == "done"


def test_an_api_that_stays_away_is_not_asked_for_ever() -> None:
    with pytest.raises(ApiError, match="Nothing answers") as caught:
        ended(api([BROKEN] * 5), run(), 0)
    assert HOW_TO_GO_ON in str(caught.value)


@pytest.mark.parametrize(("status", "goes_on"), [(401, True), (403, True), (404, False)])
def test_what_will_not_change_is_asked_once(status: int, goes_on: bool) -> None:
    with pytest.raises(ApiError, match=f"answered {status}") as caught:
        ended(api([httpx.Response(status)]), run(), 0)
    assert (HOW_TO_GO_ON in str(caught.value)) == goes_on


def test_a_fault_of_the_moment_is_looked_past() -> None:
    looks = api([httpx.Response(503), httpx.Response(429), {"status": "done"}])
    assert ended(looks, run(), 0).status == "done"


def test_whoever_stops_following_is_told_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        ended(api([KeyboardInterrupt()]), run(), 0)
    told = capsys.readouterr()
    assert (told.out, told.err.splitlines()[0]) == ("", "Following audit audit-1")
    assert HOW_TO_GO_ON in told.err


def test_a_run_that_is_done_is_at_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    ended(api([{"status": "done", "phase": "comparing"}]), run(), 0)
    assert "audit: done" in capsys.readouterr().err
    ended(api([{"status": "failed", "phase": "comparing"}]), run(), 0)
    assert "audit: comparing" in capsys.readouterr().err


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
        ({"status": "done", "kind": "repair", "counts": {"repaired": 4, "pending": 1}}, 1),
        ({"status": "done", "kind": "repair", "counts": {"failed": 0, "pending": 0}}, 0),
        ({"status": "partial", "kind": "prices"}, 1),
        ({"status": "failed"}, 1),
        ({"status": "cancelled"}, 1),
        ({"status": "taken-over", "kind": "sync"}, 1),
    ],
)
def test_the_exit_code_says_how_it_ended(members: dict[str, Any], code: int) -> None:
    assert exit_code(run(**members)) == code


def test_a_repair_that_left_something_pending_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        exit_with(run(status="done", kind="repair", counts={"pending": 2}))
    told = capsys.readouterr()
    assert (caught.value.exit_code, told.out) == (1, "")
    assert told.err.startswith("2 findings")
    assert told.err.endswith("Audit again: python -m functions.ops audit start returns\n")
