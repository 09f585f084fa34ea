"""What an audit says of one return, given its document, its record, and how far the sync has come."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.returns.auditing_judgement import (
    Drift,
    Fits,
    Known,
    Pending,
    Unprojectable,
    Verdict,
    content_hash,
    differing_fields,
    is_document_id,
    judge,
)
from functions.returns.projection import Record, project
from tests.unit.returns.examples import AT, a_return, contents, stored

WATERMARK = AT + timedelta(minutes=10)
READ_AT = AT + timedelta(minutes=20)


def judged(
    document: dict[str, Any] | None, record: Record | None, watermark: datetime | None = WATERMARK
) -> Verdict:
    return judge("R-1", document, record, Known(watermark, READ_AT, 10_000))


def record_of(as_of: datetime = AT, **changes: Any) -> Record:
    return project(a_return(**changes), as_of)


def test_a_record_that_says_what_the_document_says_fits() -> None:
    assert judged(stored(), record_of()) == Fits()


def test_a_listed_return_without_a_record_is_missing() -> None:
    assert judged(stored(), None) == Drift("missing", "acme")


def test_a_record_that_was_altered_differs_in_the_fields_that_were() -> None:
    altered = record_of() | {"status": "refunded", "reason": "broken", "by_hand": 1}
    assert judged(stored(), altered) == Drift("different", "acme", {"fields": "by_hand, reason, status"})


def test_what_a_hand_wrote_does_not_swell_a_finding() -> None:
    by_hand = record_of() | {f"field {number}": 1 for number in range(1_000)}
    verdict = judged(stored(), by_hand)
    assert isinstance(verdict, Drift)
    assert len(verdict.details["fields"]) == 400
    assert judged(None, {"objectID": "R-1", "account": "a" * 10_000}) == Drift(
        "extra", "a" * 255, {"why": "no document"}
    )


def test_a_cancelled_return_in_the_index_is_extra() -> None:
    cancelled = stored(status="cancelled")
    assert judged(cancelled, None) == Fits()
    assert judged(cancelled, record_of()) == Drift("extra", "acme", {"why": "not listed"})


def test_a_tombstone_with_a_record_is_extra_and_belongs_to_whom_the_record_says() -> None:
    tombstone = {"return_id": "R-1", "account": None, "deleted": True, "updated_at": AT}
    assert judged(tombstone, record_of(account="other")) == Drift("extra", "other", {"why": "deleted"})


def test_a_record_without_a_document_is_extra() -> None:
    assert judged(None, record_of()) == Drift("extra", "acme", {"why": "no document"})
    assert judged(None, None) == Fits()
    assert judged(None, {"objectID": "R-1", "account": 7}) == Drift("extra", "", {"why": "no document"})


@pytest.mark.parametrize("record", [None, record_of(reason="old")])
def test_what_changed_after_the_watermark_is_pending(record: Record | None) -> None:
    assert judged(stored(WATERMARK + timedelta(microseconds=1)), record) == Pending()
    assert isinstance(judged(stored(WATERMARK), record), Drift)


def test_before_a_run_has_ended_every_change_is_pending() -> None:
    assert judged(stored(), None, watermark=None) == Pending()


@pytest.mark.parametrize("updated_at", [None, "2026-11-20T00:00:00Z", 7])
@pytest.mark.parametrize("watermark", [None, WATERMARK])
def test_a_time_of_change_that_is_no_time_lies_in_no_run_to_come(
    updated_at: Any, watermark: datetime | None
) -> None:
    document = stored() | {"updated_at": updated_at}
    assert judged(document, None, watermark) == Drift("missing", "acme", {"updated_at": "no timestamp"})
    assert judged(document, record_of(), watermark) == Fits()


def test_a_time_of_change_that_is_yet_to_come_excuses_nothing() -> None:
    assert isinstance(judged(stored(READ_AT + timedelta(days=300)), None), Drift)


def test_a_status_that_fell_due_after_the_watermark_may_be_either() -> None:
    due = {"next_status": "rejected", "next_status_at": (WATERMARK + timedelta(minutes=1)).isoformat()}
    document = stored(status="approved", **due)
    before, after = (record_of(status=status, **due) for status in ("approved", "rejected"))
    assert judged(document, before) == judged(document, after) == Fits()
    other = record_of(status="received", **due)
    assert judged(document, other) == Drift("different", "acme", {"fields": "status"})


def test_a_status_that_fell_due_before_the_watermark_has_to_be_there() -> None:
    due = {"next_status": "cancelled", "next_status_at": WATERMARK.isoformat()}
    document = stored(status="approved", **due)
    assert judged(document, record_of(status="approved", **due)) == Drift(
        "extra", "acme", {"why": "not listed"}
    )
    assert judged(document, None) == Fits()


@pytest.mark.parametrize("record", [None, record_of()])
def test_what_cannot_be_indexed_is_no_drift(record: Record | None) -> None:
    assert judged(stored() | {"items": "gone"}, record) == Unprojectable()
    assert judged(stored(return_id="R-2"), record) == Unprojectable()


@given(contents)
def test_a_record_fits_however_json_has_carried_it(content: dict[str, Any]) -> None:
    document = stored(**content)
    record = project(a_return(**content), READ_AT)
    carried = orjson.loads(orjson.dumps(dict(reversed(list(record.items())))))
    if record["status"] != "cancelled":
        assert judged(document, carried) == Fits()


@given(contents, st.data())
def test_no_change_of_any_field_goes_unnoticed(content: dict[str, Any], data: st.DataObject) -> None:
    record = project(a_return(**content), READ_AT)
    name = data.draw(st.sampled_from(sorted(record)))
    value = data.draw(st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.text(max_size=3)))
    altered = record | {name: value}
    if isinstance(value, bool) or value != record[name]:
        assert content_hash(altered) != content_hash(record)
        assert differing_fields(altered, record) == [name]


def test_a_whole_number_is_the_same_number_in_either_spelling_and_true_is_none() -> None:
    assert content_hash({"a": [{"b": 20.0}]}) == content_hash({"a": [{"b": 20}]})
    assert content_hash({"a": 1}) != content_hash({"a": True})
    assert content_hash({"a": None}) != content_hash({})
    assert differing_fields({"a": 1, "b": None}, {"a": True}) == ["a", "b"]


@pytest.mark.parametrize(("text", "is_one"), [("R-1", True), ("å" * 750, True), ("å" * 751, False)])
def test_an_id_is_a_documents_up_to_its_length(text: str, is_one: bool) -> None:
    assert is_document_id(text) is is_one


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "/", "__all__"])
def test_what_firestore_keeps_for_itself_is_no_documents_id(text: str) -> None:
    assert not is_document_id(text)
