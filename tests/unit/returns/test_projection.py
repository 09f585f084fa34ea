"""What the index should hold of a return."""

from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.returns.model import STATUSES
from functions.returns.projection import Delete, Reject, Save, decide, fit, project, status_at
from tests.unit.returns.examples import AT, a_return, content, contents, stored

LIMIT = 10_000


def test_a_return_becomes_a_record_with_its_id() -> None:
    decision = decide("R-1", stored(), AT, LIMIT)
    assert isinstance(decision, Save)
    assert decision.record["objectID"] == "R-1"
    assert decision.record["account"] == "acme"
    assert decision.record["requested_at_ts"] == 1_793_347_200
    assert decision.record["refund_amount"] == "39.80"
    assert decision.record["item_count"] == 2


@pytest.mark.parametrize("status", STATUSES)
def test_only_the_cancelled_leave_the_index(status: str) -> None:
    decision = decide("R-1", stored(status=status), AT, LIMIT)
    assert isinstance(decision, Delete if status == "cancelled" else Save)


def test_the_deleted_leave_the_index() -> None:
    tombstone = {"return_id": "R-1", "account": "acme", "deleted": True, "updated_at": AT}
    assert isinstance(decide("R-1", tombstone, AT, LIMIT), Delete)


@pytest.mark.parametrize(("seconds", "status"), [(-1, "approved"), (0, "rejected"), (1, "rejected")])
def test_a_coming_status_is_in_force_from_its_time_on(seconds: int, status: str) -> None:
    content = a_return(status="approved", next_status="rejected", next_status_at="2026-11-01T12:00:00Z")
    assert status_at(content, AT + timedelta(seconds=seconds)) == status


def test_a_return_that_time_cancels_leaves_the_index() -> None:
    fields = stored(status="approved", next_status="cancelled", next_status_at="2026-11-01T12:00:00Z")
    assert isinstance(decide("R-1", fields, AT - timedelta(seconds=1), LIMIT), Save)
    assert isinstance(decide("R-1", fields, AT, LIMIT), Delete)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "vanished"}, "status"),
        ({"items": [{"sku": "a"}]}, "items[0].name"),
        ({"refund_amount": 12.5}, "refund_amount"),
        ({"requested_at": "yesterday"}, "requested_at"),
        ({"customer": None}, "customer"),
        ({"return_id": "R-2"}, "R-2"),
    ],
)
def test_a_spoilt_document_is_rejected_and_says_why(change: dict[str, object], reason: str) -> None:
    decision = decide("R-1", stored() | change, AT, LIMIT)
    assert isinstance(decision, Reject)
    assert reason in decision.reason


def test_a_reason_tells_no_customer_data() -> None:
    spoilt = stored() | {"customer": {"name": "Ada Lind", "city": "Malmö", "country": 7}}
    decision = decide("R-1", spoilt, AT, LIMIT)
    assert isinstance(decision, Reject)
    assert "Ada" not in decision.reason


def test_the_fingerprint_tells_versions_apart_and_knows_the_same_one_again() -> None:
    first = decide("R-1", stored(), AT, LIMIT).fingerprint
    assert decide("R-1", stored(), AT + timedelta(days=1), LIMIT).fingerprint == first
    assert decide("R-1", stored(updated_at=AT + timedelta(seconds=1)), AT, LIMIT).fingerprint != first
    assert decide("R-1", stored(reason="other"), AT, LIMIT).fingerprint != first


def test_a_record_over_the_limit_loses_its_last_items_and_says_so() -> None:
    lines = [{"sku": f"SKU-{n}", "name": "n" * 150, "quantity": 1, "unit_price": "1.00"} for n in range(200)]
    decision = decide("R-1", stored(items=lines), AT, LIMIT)
    assert isinstance(decision, Save)
    assert decision.record["items_truncated"] is True
    assert decision.record["item_count"] == 200
    assert [item["sku"] for item in decision.record["items"]] == [
        f"SKU-{n}" for n in range(len(decision.record["items"]))
    ]


def test_a_record_that_is_too_large_without_items_is_rejected() -> None:
    decision = decide("R-1", stored(reason="r" * 200, order_id="o" * 200), AT, 500)
    assert isinstance(decision, Reject)
    assert "500" in decision.reason


@given(contents, st.integers(600, 4_000))
def test_a_fitted_record_keeps_the_limit_and_wastes_none_of_it(
    message: dict[str, object], limit: int
) -> None:
    whole = project(a_return(**message), AT)
    record, size = fit(whole, limit)
    assert size == len(orjson.dumps(record))
    if size <= limit and "items_truncated" in record:
        kept = len(record["items"])
        assert record["items"] == whole["items"][:kept]
        assert size + len(orjson.dumps(whole["items"][kept])) + bool(kept) > limit


@given(contents)
def test_every_valid_return_has_a_decision_that_survives_storage(message: dict[str, object]) -> None:
    fields = a_return(**message).model_dump() | {"updated_at": AT, "deleted": False}
    assert not isinstance(decide("R-1", fields, AT, 100_000), Reject)


def test_what_a_message_leaves_out_is_nothing_in_the_record() -> None:
    assert "next_status" not in project(a_return(**content()), AT)
