"""One sentence that says whether all is well, from many checks."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ops.glance import REMEMBERED, Glance
from functions.ops.health import PATIENCE_SECONDS, Check, Health, HealthChecks, HealthStatus, concluded
from functions.ops.spans import spoken

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
STATUSES: tuple[HealthStatus, ...] = get_args(HealthStatus)
FRESH = Check("freshness", "ok", "The index is 4 minutes behind.", 240)


def test_with_nothing_wrong_it_says_how_fresh_the_index_is() -> None:
    health = concluded([Check("database", "ok", "It answers."), FRESH], NOW)
    assert (health.status, health.sentence) == ("ok", "All is well: the index is 4 minutes behind.")


def test_what_is_wrong_is_said_in_our_words_and_what_to_do_and_who_said_it_are_left_to_the_list() -> None:
    letters = Check("dead letters", "degraded", "3 dead letters wait.", 3, "Replay them.", "503: <html>")
    health = concluded([FRESH, letters], NOW)
    assert (health.sentence, health.checks[1]) == ("Degraded: 3 dead letters wait.", letters)


def test_when_the_database_is_down_nothing_else_matters() -> None:
    health = concluded(
        [Check("dead letters", "degraded", "3 wait."), Check("database", "down", "No answer.")], NOW
    )
    assert (health.status, health.sentence) == ("down", "Down: No answer.")


def test_of_many_things_two_are_told_and_the_others_named() -> None:
    checks = [Check(f"c{number}", "degraded", f"D{number}.", advice="Mend.") for number in range(4)]
    assert concluded(checks, NOW).sentence == "Degraded: D0. D1. And 2 more: c2, c3."


@given(st.lists(st.sampled_from(STATUSES)))
def test_the_whole_is_as_bad_as_its_worst_part(statuses: list[HealthStatus]) -> None:
    checks = [Check(f"c{number}", status, "So.") for number, status in enumerate(statuses)]
    order = STATUSES.index
    assert order(concluded(checks, NOW).status) == max(map(order, statuses), default=0)


class Counting:
    """A probe that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> Sequence[Check]:
        self.asked += 1
        return [FRESH]


async def _broken() -> Sequence[Check]:
    raise RuntimeError("no\nway")


async def _silent() -> Sequence[Check]:
    await asyncio.Event().wait()
    raise AssertionError("nobody answers")


async def look(**probes: object) -> Health:
    return await HealthChecks(probes, lambda: NOW).look()  # type: ignore[arg-type]


async def test_a_check_that_fails_says_so_and_leaves_the_others_alone() -> None:
    health = await look(queues=_broken, freshness=Counting())
    assert [check.status for check in health.checks] == ["degraded", "ok"]
    assert health.checks[0].detail == "Nothing can be told of the queues."
    assert health.checks[0].quote == "no"


@pytest.mark.parametrize(("name", "status"), [("database", "down"), ("index", "degraded")])
async def test_what_does_not_answer_is_not_waited_for(
    name: str, status: HealthStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.ops.health.PATIENCE_SECONDS", 0.0)
    health = await look(**{name: _silent})
    assert (health.status, PATIENCE_SECONDS) == (status, 2.0)
    assert "no answer within" in health.checks[0].quote


async def test_what_takes_long_once_is_done_before_anything_is_timed() -> None:
    order: list[str] = []

    async def probe() -> Sequence[Check]:
        order.append("looked")
        return [FRESH]

    await HealthChecks({"freshness": probe}, lambda: NOW, lambda: order.append("prepared")).look()
    assert order == ["prepared", "looked"]


async def test_within_ten_seconds_all_that_ask_cause_one_look() -> None:
    probe, now = Counting(), [NOW]
    glance = Glance(HealthChecks({"freshness": probe}, lambda: now[0]), lambda: now[0])
    await asyncio.gather(*(glance.health() for _ in range(20)))
    now[0] += REMEMBERED - timedelta(seconds=1)
    await glance.health()
    assert probe.asked == 1
    now[0] += timedelta(seconds=1)
    await glance.health()
    assert probe.asked == 2


async def test_a_clock_that_was_set_back_does_not_keep_an_old_answer_for_ever() -> None:
    probe, now = Counting(), [NOW]
    glance = Glance(HealthChecks({"freshness": probe}, lambda: now[0]), lambda: now[0])
    await glance.health()
    now[0] -= timedelta(days=1)
    await glance.health()
    assert probe.asked == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 minute"),
        (119 * 60, "119 minutes"),
        (7200, "2 h"),
        (2 * 86_400, "2 days"),
    ],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert spoken(timedelta(seconds=seconds)) == words
