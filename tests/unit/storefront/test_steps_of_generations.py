from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.generations import (
    GRACE,
    LEASE,
    MAX_KEPT,
    Generation,
    Storefront,
    claimed,
    cleanup_at,
    flipped,
    removable,
    removed,
    removing,
    rolled_back,
)
from shared.problems import Problem
from shared.storefronts import RebuildTask

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(ticket: int) -> RebuildTask:
    return RebuildTask(store_id="s1", ticket=ticket)


def asked(state: Storefront) -> Storefront:
    """A ticket is drawn."""
    return replace(state, requested=state.requested + 1, due_at=state.due_at or NOW)


def claim(state: Storefront, ticket: int, now: datetime = NOW) -> Storefront:
    after = claimed(state, task(ticket), now)
    assert isinstance(after, Storefront), after
    return after


def made(number: int, now: datetime = NOW) -> Generation:
    return Generation(number, now, b"", 0, {})


def flip(state: Storefront, number: int, now: datetime = NOW, *, again: bool = False) -> Storefront:
    after = flipped(state, made(number, now), now, again=again)
    assert isinstance(after, Storefront), after
    return after


def built(state: Storefront, now: datetime = NOW) -> Storefront:
    """A request, and a build for it."""
    state = claim(asked(state), state.requested + 1, now)
    return flip(state, state.last_generation, now)


def test_a_build_settles_the_tickets_that_were_drawn_before_it_began() -> None:
    state = claim(asked(asked(Storefront("s1"))), 1)
    state = flip(asked(state), 1)
    assert (state.built, state.due_at) == (2, NOW)
    assert claimed(state, task(2), NOW) == "covered"
    assert flip(claim(state, 3), 2).due_at is None


def test_who_is_covered_by_a_build_under_way_has_nothing_to_do_and_others_wait() -> None:
    state = asked(claim(asked(asked(Storefront("s1"))), 1))
    assert claimed(state, task(2), NOW) == "covered"
    assert claimed(state, task(3), NOW) == state.claim
    assert isinstance(claimed(state, task(3), NOW + LEASE), Storefront)


def test_a_task_that_is_tried_again_takes_over_from_itself_at_once() -> None:
    state = claim(claim(asked(Storefront("s1")), 1), 1)
    assert flipped(state, made(1), NOW, again=False) == "overtaken"
    assert flip(state, 2).current == 2


def test_whoever_does_not_know_that_it_is_done_is_told_so() -> None:
    assert flipped(built(Storefront("s1")), made(1), NOW, again=False) == "served"


def test_a_build_that_leaves_something_over_asks_for_the_next() -> None:
    state = flip(claim(asked(Storefront("s1")), 1), 1, again=True)
    assert (state.requested, state.built) == (2, 1)
    assert state.due_at
    assert state.due_at > NOW


def test_one_that_is_asked_for_already_is_the_next() -> None:
    state = flip(asked(claim(asked(Storefront("s1")), 1)), 1, again=True)
    assert (state.requested, state.built) == (2, 1)


def test_a_rollback_leads_to_what_was_served_before_and_not_to_what_was_rolled_back() -> None:
    state = built(built(Storefront("s1")), NOW + MINUTE)
    state = rolled_back(state, None, NOW + 2 * MINUTE)
    assert state.current == 1
    state = built(state, NOW + 3 * MINUTE)
    assert (state.current, state.previous) == (3, 1)


def test_a_rollback_shuts_out_builds_and_settles_what_is_asked_for() -> None:
    state = claim(asked(built(built(Storefront("s1")))), 3)
    state = rolled_back(state, 2, NOW)
    assert flipped(state, made(3), NOW, again=False) == "overtaken"
    assert (state.current, state.built, state.due_at) == (2, 3, None)


@pytest.mark.parametrize("number", [None, 1, 3])
def test_there_is_no_going_back_to_what_is_not_kept(number: int | None) -> None:
    state = replace(built(built(Storefront("s1"))), generations={2: made(2)})
    with pytest.raises(Problem) as refused:
        rolled_back(state, number, NOW)
    assert (refused.value.status, refused.value.kind) == (409, "no-such-generation")


def test_what_is_not_needed_is_removed_after_a_while() -> None:
    state = built(built(built(Storefront("s1"))))
    assert cleanup_at(state, NOW) == NOW + GRACE
    assert removable(state, NOW) == []
    state = removing(state, NOW + GRACE)
    assert (state.removing, set(state.generations)) == ([1], {2, 3})
    assert cleanup_at(state, NOW) == NOW
    assert cleanup_at(removed(state, [1]), NOW) is None


def test_a_build_that_led_nowhere_is_removed_after_a_while() -> None:
    state = claim(claim(asked(Storefront("s1")), 1), 1)
    assert removable(state, NOW + GRACE) == [1]


@given(st.lists(st.tuples(st.sampled_from("acfrx"), st.integers(0, 9), st.integers(1, 5)), max_size=40))
def test_whatever_is_done_what_is_served_is_kept_and_no_number_is_used_twice(
    steps: list[tuple[str, int, int]],
) -> None:
    """Tickets drawn, claims, ends of any build so far, rollbacks and removals, with minutes in between."""
    state, now, begun = Storefront("s1"), NOW, [0]
    for step, which, minutes in steps:
        now += minutes * MINUTE
        before = state
        match step:
            case "a":
                state = asked(state)
            case "c":
                mine = claimed(state, task(max(state.requested, 1)), now)
                state = mine if isinstance(mine, Storefront) else state
                begun += [state.last_generation] * (state.last_generation not in begun)
            case "f":
                number = begun[which % len(begun)]
                after = flipped(state, made(number, now), now, again=False)
                state = after if isinstance(after, Storefront) else state
                assert state.current in (before.current, begun[-1])
            case "r" if state.previous:
                state = rolled_back(state, None, now)
            case "x":
                state = removing(state, now)
        assert begun == sorted(set(begun))
        assert state.current is None or state.current in state.generations
        assert state.previous == before.previous or step in "fr"
        assert not {state.current, state.previous} & set(state.removing)
        assert state.built <= state.requested
        assert (state.due_at is None) == (state.built == state.requested)


def test_a_store_that_is_rebuilt_all_the_time_keeps_no_more_than_some_generations() -> None:
    state = Storefront("s1")
    for _ in range(3 * MAX_KEPT):
        state = built(state)
    assert len(state.generations) == MAX_KEPT
    assert {state.current, state.previous} <= state.generations.keys()
    gone = set(range(1, state.last_generation + 1)) - state.generations.keys()
    assert set(removable(state, NOW)) == gone
    assert cleanup_at(state, NOW) == NOW
