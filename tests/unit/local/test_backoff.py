import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.backoff import RetryPolicy

GOOGLES_EXAMPLE = RetryPolicy(
    max_attempts=100, max_retry_duration=0, min_backoff=10, max_backoff=300, max_doublings=3
)
EIGHTEEN_RETRIES_IN_72_HOURS = RetryPolicy(
    max_attempts=19, max_retry_duration=0, min_backoff=28, max_backoff=28800, max_doublings=16
)

policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 50) | st.just(-1),
    max_retry_duration=st.just(0.0) | st.floats(1, 1e6),
    min_backoff=st.floats(0, 1e5),
    max_backoff=st.floats(1e5, 1e6),
    max_doublings=st.integers(0, 2**31 - 1),
)


def test_googles_own_example() -> None:
    intervals = [GOOGLES_EXAMPLE.interval(retry) for retry in range(1, 9)]
    assert intervals == [10, 20, 40, 80, 160, 240, 300, 300]


def test_eighteen_retries_end_just_before_72_hours() -> None:
    hours = sum(EIGHTEEN_RETRIES_IN_72_HOURS.interval(retry) for retry in range(1, 19)) / 3600
    assert 71.9 < hours < 72


def test_without_doublings_the_interval_grows_linearly() -> None:
    policy = RetryPolicy(-1, 0, min_backoff=7, max_backoff=30, max_doublings=0)
    assert [policy.interval(retry) for retry in range(1, 6)] == [7, 14, 21, 28, 30]


@given(policies, st.integers(1, 10_000))
def test_an_interval_lies_between_the_bounds(policy: RetryPolicy, retry: int) -> None:
    assert policy.min_backoff <= policy.interval(retry) <= policy.max_backoff


@given(policies, st.integers(1, 10_000))
def test_intervals_never_shrink(policy: RetryPolicy, retry: int) -> None:
    assert policy.interval(retry) <= policy.interval(retry + 1)


@given(policies, st.integers(1, 10_000))
def test_a_step_is_at_most_a_doubling(policy: RetryPolicy, retry: int) -> None:
    assert policy.interval(retry + 1) <= 2 * policy.interval(retry)


@given(policies, st.integers(1, 100), st.floats(0, 1e7))
def test_an_attempt_follows_after_its_interval_or_not_at_all(
    policy: RetryPolicy, failures: int, elapsed: float
) -> None:
    following = policy.next_attempt(failures, first_attempt=0.0, failed_at=elapsed)
    assert following in (None, elapsed + policy.interval(failures))


@pytest.mark.parametrize(
    ("max_attempts", "max_retry_duration", "failures", "failed_at", "goes_on"),
    [
        (3, 0, 2, 1e9, True),  # attempts alone decide
        (3, 0, 3, 0, False),
        (-1, 100, 50, 98, True),  # the duration alone decides
        (-1, 100, 1, 100, False),
        (3, 100, 3, 98, True),  # both must be used up
        (3, 100, 2, 200, True),
        (3, 100, 3, 100, False),
        (-1, 0, 10**6, 1e9, True),  # no limit at all
    ],
)
def test_retrying_ends_when_every_limit_is_reached(
    max_attempts: int, max_retry_duration: float, failures: int, failed_at: float, goes_on: bool
) -> None:
    policy = RetryPolicy(max_attempts, max_retry_duration, min_backoff=1, max_backoff=1, max_doublings=0)
    assert (policy.next_attempt(failures, 0.0, failed_at) is not None) == goes_on
