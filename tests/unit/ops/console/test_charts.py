"""The laws of the timeline's geometry."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from functions.ops.console.charts import HEIGHT, MAX_RUNS, WIDTH, Timeline, timeline
from functions.ops.runs import Run, RunStatus

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def run(
    minutes_ago: float, seconds: float = 3, done: int = 10, saved: int = 0, status: RunStatus = "done"
) -> Run:
    began = NOW - timedelta(minutes=minutes_ago)
    return Run(
        id=f"r-{minutes_ago}",
        kind="sync",
        subject="returns",
        status=status,
        phase=status,
        created_at=began,
        started_at=began,
        finished_at=began + timedelta(seconds=seconds),
        done=done,
        counts={"saved": saved, "skipped": done - saved},
    )


RUNS = st.lists(
    st.builds(
        run,
        st.floats(0, 10_000),
        st.floats(0, 5_000),
        st.integers(0, 10**6),
        st.just(0),
        st.sampled_from(get_args(RunStatus)),
    ),
    max_size=2 * MAX_RUNS,
).map(lambda runs: sorted(runs, key=lambda each: each.created_at, reverse=True))


def bars(chart: Timeline) -> list[tuple[float, float]]:
    return [(bar.x, bar.x + bar.width) for bar in chart.durations]


@given(RUNS)
def test_every_bar_is_in_the_picture(runs: list[Run]) -> None:
    chart = timeline(runs, NOW)
    for bar in [*chart.durations, *chart.records, *chart.written]:
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= HEIGHT
        assert abs(bar.y + bar.height - HEIGHT) < 0.02


@given(RUNS)
def test_bars_stand_side_by_side_in_the_order_of_time(runs: list[Run]) -> None:
    chart = timeline(runs, NOW)
    assert all(end < begin for (_, end), (begin, _) in pairwise(bars(chart)))
    shown = [bar.run.created_at for bar in chart.durations]
    assert shown == sorted(each.created_at for each in runs[:MAX_RUNS])


@given(RUNS)
def test_gaps_stand_between_bars(runs: list[Run]) -> None:
    chart = timeline(runs, NOW)
    for gap in chart.gaps:
        assert not any(begin <= gap.x <= end for begin, end in bars(chart))
        assert gap.seconds > 60


@given(RUNS)
def test_a_longer_run_never_has_a_lower_bar(runs: list[Run]) -> None:
    ordered = sorted(timeline(runs, NOW).durations, key=lambda bar: bar.value)
    assert all(low.height <= high.height for low, high in pairwise(ordered))


def test_the_longest_reaches_the_top_and_nothing_has_no_height() -> None:
    chart = timeline([run(0, seconds=8, done=0), run(1, seconds=2, done=5)], NOW)
    assert [bar.height for bar in chart.durations] == [HEIGHT / 4, HEIGHT]
    assert [bar.height for bar in chart.records] == [HEIGHT, 0]


def test_the_least_there_is_can_still_be_seen() -> None:
    chart = timeline([run(0, done=1), run(1, done=10**6)], NOW)
    assert chart.records[-1].height > 1


def test_what_was_written_is_drawn_in_the_scale_of_what_was_seen() -> None:
    chart = timeline([run(0, done=100, saved=25)], NOW)
    assert chart.written[0].height == chart.records[0].height / 4


def test_where_runs_stayed_away_a_gap_is_left() -> None:
    chart = timeline([run(0), run(15), run(30), run(150), run(165)], NOW)
    assert [gap.seconds for gap in chart.gaps] == [120 * 60]


def test_without_runs_there_is_nothing_to_draw() -> None:
    assert not timeline([], NOW).durations
