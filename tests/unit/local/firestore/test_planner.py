"""Which index walks a query gets."""

import pytest
from google.cloud.firestore_v1 import _helpers

from infra.local.firestore.encode import encode_value, invert
from infra.local.firestore.errors import FirestoreError
from infra.local.firestore.indexes import Component, CompositeIndex, Exemption, IndexSet
from infra.local.firestore.messages import StructuredQuery, Value
from infra.local.firestore.planner import Scan, scans
from infra.local.firestore.queries import compile_query

ROOT = "projects/p/databases/(default)/documents"
INDEXES = IndexSet(
    [
        CompositeIndex("returns", [("account", "ASCENDING"), ("updated", "DESCENDING")]),
        CompositeIndex(
            "returns", [("account", "ASCENDING"), ("updated", "DESCENDING"), ("amount", "DESCENDING")]
        ),
    ],
    [Exemption("returns", "payload")],
    {},
)


def value(python: object) -> Value:
    return _helpers.encode_value(python)._pb


def walks(
    filters: list[tuple[str, str, object]], orders: list[tuple[str, str]], start: tuple[object, ...] = ()
) -> list[Scan]:
    conditions = [
        {"field_filter": {"field": {"field_path": path}, "op": op, "value": value(operand)}}
        for path, op, operand in filters
    ]
    query = StructuredQuery(
        from_=[{"collection_id": "returns"}],
        where={"composite_filter": {"op": "AND", "filters": conditions}} if conditions else None,
        order_by=[{"field": {"field_path": path}, "direction": direction} for path, direction in orders],
        start_at={"values": map(value, start)} if start else None,
    )
    return scans(compile_query(ROOT, query), INDEXES)


@pytest.mark.parametrize("direction", ["ASCENDING", "DESCENDING"])
def test_a_composite_answers_its_query_alone_in_both_directions(direction: str) -> None:
    found = walks([("account", "EQUAL", "a"), ("updated", "GREATER_THAN", 5)], [("updated", direction)])
    (best,) = [scan for scan in found if scan.covers and not scan.residual]
    assert best.components == (Component(("account",)), Component(("updated",), "DESCENDING"))
    assert best.reverse == (direction == "ASCENDING")


def test_an_equality_alone_comes_in_order_of_the_names() -> None:
    found = walks([("status", "EQUAL", 1)], [])
    assert any(scan.components == (Component(("status",)),) and scan.covers for scan in found)


def test_a_walk_in_the_wrong_order_is_not_offered() -> None:
    found = walks([("status", "GREATER_THAN", 1)], [("other", "ASCENDING")])
    assert {scan.components for scan in found} == {(Component(("other",)),)}


def test_mixed_directions_are_covered_by_no_single_field() -> None:
    found = walks([], [("a", "ASCENDING"), ("b", "DESCENDING")])
    assert found
    assert not any(scan.covers for scan in found)


def test_an_exempt_field_has_no_walk() -> None:
    with pytest.raises(FirestoreError, match="exempt"):
        walks([], [("payload", "ASCENDING")])


def test_a_condition_on_a_later_field_shows_in_the_keys() -> None:
    found = walks(
        [("account", "EQUAL", "a"), ("amount", "GREATER_THAN", 10)],
        [("updated", "DESCENDING"), ("amount", "DESCENDING")],
    )
    (walk,) = [scan for scan in found if scan.covers]
    (refutation,) = walk.refutations

    def key(updated: object, amount: object) -> bytes:
        later = b"".join(invert(encode_value(value(each))) for each in (updated, amount))
        return b"index" + walk.pinned + later + b"name"

    start = len(b"index" + walk.pinned)
    assert refutation.refutes(key("2026", 10), start)
    assert refutation.refutes(key(7, "11"), start)
    assert not refutation.refutes(key("2026", 11), start)
    assert not refutation.refutes(key(["not simple"], 10), start), "the document must be looked at"


def test_a_cursor_among_equal_values_narrows_the_walk() -> None:
    equal = [("account", "EQUAL", "a"), ("updated", "EQUAL", 5)]
    orders = [("updated", "DESCENDING"), ("amount", "DESCENDING")]
    (walk,) = [scan for scan in walks(equal, orders, start=(5, 7)) if scan.covers]
    assert walk.start == (encode_value(value(7)),)
    (elsewhere,) = [scan for scan in walks(equal, orders, start=(6, 7)) if scan.covers]
    assert elsewhere.start == ()
