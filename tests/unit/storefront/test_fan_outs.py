"""Windows of time in which changes share a walk, and when a walk counts as lost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.fan_outs import SILENT, WINDOW, Progress, window

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = NOW - SILENT - timedelta(seconds=1)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(moments)
def test_a_window_is_over_soon_and_seconds_after_all_that_happens_in_it(now: datetime) -> None:
    _, end = window(now)
    assert timedelta(seconds=5) < end - now <= WINDOW + timedelta(seconds=5)


@given(moments, st.timedeltas(timedelta(0), timedelta(minutes=2)))
def test_moments_share_a_window_until_it_is_over(now: datetime, later: timedelta) -> None:
    (name, end), (other, other_end) = window(now), window(now + later)
    assert (name == other) == (end == other_end)
    assert name != other or later < WINDOW


@pytest.mark.parametrize(
    ("progress", "lost"),
    [
        (Progress(0, None, 0, None), False),
        (Progress(3, LONG_AGO, 2, None), True),
        (Progress(3, LONG_AGO, 2, LONG_AGO), True),
        (Progress(3, LONG_AGO, 3, LONG_AGO), False),
        (Progress(3, NOW, 2, LONG_AGO), False),
        (Progress(3, LONG_AGO, 2, NOW), False),
    ],
    ids=["no change yet", "never begun", "silent", "told of", "just changed", "under way"],
)
def test_a_walk_is_lost_when_it_is_needed_and_silent(progress: Progress, lost: bool) -> None:
    assert progress.is_lost(NOW) is lost
