from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.refusal import Refusal
from infra.local.scheduler.cron import check_schedule, next_time


def following(schedule: str, zone: str, after: datetime) -> datetime:
    return datetime.fromtimestamp(next_time(schedule, zone, after.timestamp()), UTC)


@pytest.mark.parametrize(
    "schedule",
    [
        "* * * * *",
        "*/15 * * * *",
        "0 9 1-7 * MON",
        "5,35 0-23/2 * jan,Jul sun-sat",
        "0 0 29 2 *",
        "0 0 * * 7",
    ],
)
def test_unix_cron_is_taken(schedule: str) -> None:
    check_schedule(schedule, "Etc/UTC")


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "0 24 * * *",
        "*/0 * * * *",
        "0 0 L * *",
        "0 0 ? * *",
        "0 0 * * 1#1",
        "r * * * *",
        "h * * * *",
        "0 0 30 2 *",
        "jan * * * *",
        "* * * sun *",
        "1, * * * *",
        "every 5 minutes",
    ],
)
def test_anything_else_is_refused(schedule: str) -> None:
    with pytest.raises(Refusal):
        check_schedule(schedule, "Etc/UTC")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_the_next_time_of_a_quarter_hour_is_at_most_a_quarter_hour_away(moment: datetime, zone: str) -> None:
    after = moment.replace(tzinfo=UTC)
    due = following("*/15 * * * *", zone, after)
    assert timedelta(0) < due - after <= timedelta(minutes=15)
    assert (due.minute % 15, due.second) == (0, 0)


def test_a_local_time_keeps_its_hour_over_the_change_to_summer_time() -> None:
    before = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert following("0 18 * * *", "Europe/Berlin", before) == datetime(2027, 3, 27, 17, tzinfo=UTC)
    assert following("0 18 * * *", "Europe/Berlin", before + timedelta(days=1)) == datetime(
        2027, 3, 28, 16, tzinfo=UTC
    )


def test_a_local_time_that_is_skipped_comes_after_the_gap() -> None:
    before = datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    assert following("30 2 * * *", "Europe/Berlin", before) == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


def test_a_local_time_that_is_repeated_comes_twice() -> None:
    first = following("30 2 * * *", "Europe/Berlin", datetime(2027, 10, 30, 22, tzinfo=UTC))
    second = following("30 2 * * *", "Europe/Berlin", first)
    assert second - first == timedelta(hours=1)
