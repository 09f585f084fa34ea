"""The demo's returns: the same for a day, all acceptable, and with something of everything."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from functions.returns.model import STATUSES, Return
from infra.local.demo.returns import demo_returns

_DAY = date(2026, 3, 1)
_MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def returns() -> list[Return]:
    """Every one passes the product's own check."""
    return [Return.model_validate(entry) for entry in demo_returns(_DAY)]


def test_a_day_always_has_the_same_returns() -> None:
    assert list(demo_returns(_DAY)) == list(demo_returns(_DAY))


def test_there_are_thousands_over_several_accounts_and_every_status(returns: list[Return]) -> None:
    assert len({entry.return_id for entry in returns}) == len(returns) >= 2_000
    assert 4 <= len({entry.account for entry in returns}) <= 6
    assert Counter(entry.status for entry in returns).keys() == set(STATUSES)
    assert len({entry.currency for entry in returns}) >= 3
    assert {len(entry.items) for entry in returns} == {1, 2, 3, 4, 5}


def test_everything_has_happened_in_the_sixty_days_before(returns: list[Return]) -> None:
    for entry in returns:
        assert _MIDNIGHT - timedelta(days=60) <= entry.requested_at <= entry.external_updated_at <= _MIDNIGHT


def test_time_alone_has_changed_some_and_will_change_some_today(returns: list[Return]) -> None:
    due = [entry.next_status_at for entry in returns if entry.next_status_at]
    assert sum(at <= _MIDNIGHT for at in due) >= 10
    assert sum(_MIDNIGHT < at <= _MIDNIGHT + timedelta(days=1) for at in due) >= 10


def test_a_carrier_is_known_once_the_return_is_handed_over(returns: list[Return]) -> None:
    for entry in returns:
        before = entry.status in ("requested", "approved", "cancelled")
        assert (entry.carrier is None) == (entry.tracking_number is None) == before
