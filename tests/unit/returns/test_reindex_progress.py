"""What comes next in a re-index, from times and numbers alone."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.returns.reindex_progress import MAX_ROUNDS, SHORT_ROUND, Progress, objection, temporary_name
from shared.return_sync.runs import OVERLAP
from shared.return_sync.walk import Position
from tests.unit.returns.examples import AT

SECOND = timedelta(seconds=1)
durations = st.integers(1, 7200).map(lambda seconds: timedelta(seconds=seconds))


def behind_the_walk(**changes: object) -> Progress:
    walked = Progress(stage="walk", index="order_returns_reindex_1_0", as_of=AT, after="R-9")
    return walked.model_copy(update=changes)


def behind_both_walks(progress: Progress, took: timedelta) -> Progress:
    assert progress.window is not None
    now = progress.window.end + took
    return progress.after_walk(now, now).after_walk(now, now)


def test_the_first_round_covers_all_since_the_walk_began_and_the_overlap() -> None:
    progress = behind_the_walk().in_round(AT + timedelta(hours=2))
    assert progress.window is not None
    assert progress.window.start == AT - OVERLAP
    assert progress.window.end == progress.window.as_of == AT + timedelta(hours=2)
    assert progress.window.is_historic


def test_a_round_goes_over_what_fell_due_and_then_over_changes() -> None:
    progress = behind_the_walk().in_round(AT + SECOND)
    assert progress.walk == "next_status_at"
    beyond = progress.past(Position(at=AT, return_id="R-1")).after_walk(AT + 2 * SECOND, AT + 2 * SECOND)
    assert (beyond.stage, beyond.walk, beyond.position) == ("catch up", "updated_at", None)
    assert beyond.window == progress.window


def test_only_changes_and_only_under_the_lock_are_read_beyond_the_end_of_the_round() -> None:
    free, locked = (behind_the_walk(run_id=run_id).in_round(AT + SECOND) for run_id in ("", "run"))
    assert free.to_be_read() == free.window
    assert free.after_walk(AT, AT).to_be_read() == free.window
    assert locked.to_be_read() == locked.window
    changes = locked.after_walk(AT, AT).to_be_read()
    assert (changes.start, changes.as_of) == (AT - OVERLAP, AT + SECOND)
    assert changes.end > AT + timedelta(days=10_000)


def test_behind_a_short_round_comes_the_comparison_and_behind_a_long_one_another() -> None:
    progress = behind_the_walk().in_round(AT + SECOND)
    assert behind_both_walks(progress, SHORT_ROUND).stage == "compare"
    another = behind_both_walks(progress, SHORT_ROUND + SECOND)
    assert (another.stage, another.rounds) == ("catch up", 2)


def test_rounds_that_stay_long_come_to_an_end() -> None:
    progress = behind_the_walk().in_round(AT + SECOND)
    for _ in range(MAX_ROUNDS - 1):
        progress = behind_both_walks(progress, timedelta(hours=1))
        assert progress.stage == "catch up"
    assert behind_both_walks(progress, timedelta(hours=1)).stage == "compare"


def test_behind_a_round_under_the_lock_comes_the_move_however_long_it_took() -> None:
    progress = behind_the_walk(run_id="run").in_round(AT + SECOND)
    assert behind_both_walks(progress, timedelta(hours=1)).stage == "move"


@given(took=st.lists(durations, min_size=1, max_size=MAX_ROUNDS + 2), waited=durations)
def test_no_moment_since_the_walk_began_lies_between_two_rounds(
    took: list[timedelta], waited: timedelta
) -> None:
    rounds = [behind_the_walk().in_round(AT + SECOND)]
    for duration in took:
        after = behind_both_walks(rounds[-1], duration)
        if after.stage != "catch up":
            break
        rounds.append(after)
    assert rounds[-1].window is not None
    rounds.append(rounds[-1].at("lock").in_round(rounds[-1].window.end + waited))
    windows = [each.window for each in rounds if each.window is not None]
    assert windows[0].start == AT - OVERLAP
    for before, window in itertools.pairwise(windows):
        assert window.start == before.end - OVERLAP


@pytest.mark.parametrize(("stage", "back"), [("catch up", "catch up"), ("move", "lock")])
def test_without_the_lock_a_round_goes_on_and_everything_else_waits_for_another(
    stage: str, back: str
) -> None:
    locked = behind_the_walk(run_id="run").in_round(AT + SECOND).model_copy(update={"stage": stage})
    assert (locked.without_lock().stage, locked.without_lock().run_id) == (back, "")


def test_progress_survives_being_kept_as_json() -> None:
    progress = behind_the_walk(task=7).in_round(AT + SECOND).past(Position(at=AT, return_id="R-1"))
    assert Progress.model_validate(progress.model_dump(mode="json")) == progress


@pytest.mark.parametrize(
    ("new", "live", "says"),
    [(0, 0, "No return"), (0, 9, "No return"), (1, 0, None), (5, 10, None), (4, 10, "live one has 10")],
)
def test_a_new_index_without_records_or_with_few_is_objected_to(
    new: int, live: int, says: str | None
) -> None:
    reason = objection(new, live)
    assert reason is None if says is None else says in (reason or "")


def test_each_beginning_of_each_job_has_an_index_of_its_own() -> None:
    jobs = ("reindex-returns-20261121T200000-0a1b2c3d", "reindex-returns-20261121T200000-4e5f6a7b")
    names = {temporary_name("order_returns", job, step) for job in jobs for step in (0, 7)}
    assert names == {f"order_returns_reindex_{job[-8:]}_{step}" for job in jobs for step in (0, 7)}
