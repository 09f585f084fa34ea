"""Which index walks a query gets."""

import pytest
from google.cloud.firestore_v1 import _helpers

from infra.local.firestore.errors import FirestoreError
from infra.local.firestore.indexes import Component, CompositeIndex, Exemption, IndexSet
from infra.local.firestore.messages import StructuredQuery
from infra.local.firestore.planner import Scan, scans
from infra.local.firestore.queries import compile_query

ROOT = "projects/p/databases/(default)/documents"
INDEXES = IndexSet(
    [CompositeIndex("returns", [("account", "ASCENDING"), ("updated", "DESCENDING")])],
    [Exemption("returns", "payload")],
    {},
)


def walks(filters: list[tuple[str, str, object]], orders: list[tuple[str, str]]) -> list[Scan]:
    conditions = [
        {"field_filter": {"field": {"field_path": path}, "op": op, "value": _helpers.encode_value(value)._pb}}
        for path, op, value in filters
    ]
    query = StructuredQuery(
        from_=[{"collection_id": "returns"}],
        where={"composite_filter": {"op": "AND", "filters": conditions}} if conditions else None,
        order_by=[{"field": {"field_path": path}, "direction": direction} for path, direction in orders],
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
