"""Questions as Algolia queries."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from functions.returns.search import SearchQuery, account_filter, parameters


def query(**given: str) -> SearchQuery:
    return SearchQuery.model_validate(given)


def test_accounts_that_differ_by_case_alone_are_told_apart_by_an_index_that_ignores_case() -> None:
    assert account_filter("acme").lower() != account_filter("ACME").lower()


def test_a_tenant_is_confined_whatever_it_asks() -> None:
    asked = parameters(query(q='" OR account_key:x', status="refunded", reason="a,-b"), "acme")
    assert asked["filters"] == account_filter("acme")
    assert asked["facetFilters"] == [["status:refunded"], ["reason:a", "reason:\\-b"]]


def test_an_operator_is_not_confined() -> None:
    assert "filters" not in parameters(query(), None)


def test_days_are_taken_whole() -> None:
    asked = parameters(query(**{"from": "2026-11-01", "to": "2026-11-01"}), None)
    start = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
    assert asked["numericFilters"] == [
        f"requested_at_ts >= {start}",
        f"requested_at_ts <= {start + 86_399}",
    ]


@pytest.mark.parametrize("day", ["20261101", "2026-W01-1", "2026-11-31", "yesterday", "1"])
def test_what_is_no_date_is_refused(day: str) -> None:
    with pytest.raises(ValidationError):
        query(**{"from": day})
