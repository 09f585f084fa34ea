from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.tasks.rates import TokenBucket, burst_size, hold_seconds, retry_after_seconds

rates = st.floats(0.01, 500)


@given(rates)
def test_a_burst_is_at_least_a_seconds_worth(rate: float) -> None:
    assert burst_size(rate) >= rate


@given(rates, st.lists(st.floats(0, 60), max_size=50))
def test_dispatches_never_exceed_burst_plus_rate(rate: float, pauses: list[float]) -> None:
    now = 0.0
    bucket = TokenBucket.full(rate, now)
    taken = 0
    for pause in pauses:
        now += pause
        count = bucket.available(now)
        bucket.take(count)
        taken += count
        assert taken <= burst_size(rate) + rate * now + 1e-6


@given(rates)
def test_an_empty_bucket_has_a_token_when_it_says_so(rate: float) -> None:
    bucket = TokenBucket.full(rate, 0.0)
    bucket.take(bucket.available(0.0))
    ready = bucket.next_token_at()
    assert bucket.available(ready * 0.99) == 0
    assert bucket.available(ready * 1.01) == 1


def test_a_full_bucket_has_a_token_now() -> None:
    assert TokenBucket.full(1.0, 100.0).next_token_at() == 100.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("999999", 3600),
        ("-5", 0),
        ("soon", 0),
        ("²", 0),
        (formatdate(1_000_060, usegmt=True), 60),
        (formatdate(999_000, usegmt=True), 0),
        (formatdate(1_000_060), 60),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert retry_after_seconds(header, now=1_000_000) == seconds


def test_a_hold_doubles_up_to_a_minute() -> None:
    assert [hold_seconds(n, 0) for n in (1, 2, 3, 6, 7, 1000)] == [1, 2, 4, 32, 60, 60]


def test_a_hold_lasts_as_long_as_was_asked_for() -> None:
    assert hold_seconds(1, retry_after=90) == 90
