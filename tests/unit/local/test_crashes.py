"""Which deliveries crash follows from the seed and the delivery, and comes about as often as asked for."""

from hypothesis import given
from hypothesis import strategies as st

from infra.local.crashes import CrashPlan

_DELIVERIES = [f"returnSync task-{number} 0" for number in range(2_000)]
_RATES = st.floats(0, 1)
_SEEDS = st.integers(0, 2**32)


@given(_RATES, _SEEDS, st.text())
def test_the_same_seed_and_delivery_crash_alike(rate: float, seed: int, delivery: str) -> None:
    assert CrashPlan(rate, seed).crash_in(delivery) == CrashPlan(rate, seed).crash_in(delivery)


@given(_SEEDS, st.text())
def test_never_and_always_mean_that(seed: int, delivery: str) -> None:
    assert CrashPlan(0.0, seed).crash_in(delivery) is None
    delay = CrashPlan(1.0, seed).crash_in(delivery)
    assert delay is not None
    assert 0.001 <= delay <= 0.502


def test_the_share_is_the_rate_and_another_seed_hits_others() -> None:
    hit = {delivery for delivery in _DELIVERIES if CrashPlan(0.2, 1).crash_in(delivery) is not None}
    others = {delivery for delivery in _DELIVERIES if CrashPlan(0.2, 2).crash_in(delivery) is not None}
    assert 0.16 < len(hit) / len(_DELIVERIES) < 0.24
    assert hit != others
