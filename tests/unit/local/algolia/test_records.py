from typing import Any

import pytest

from infra.local.algolia.errors import ApiError
from infra.local.algolia.records import BatchResult, Operation, parse_operation, partially_updated

RECORD = {"objectID": "1", "count": 3, "tags": ["a", "b", "a"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"count": {"_operation": "Increment", "value": 2}}, {"count": 5}),
        ({"count": {"_operation": "Decrement", "value": 2}}, {"count": 1}),
        ({"new": {"_operation": "Increment", "value": 2}}, {"new": 2}),
        ({"tags": {"_operation": "Add", "value": "c"}}, {"tags": ["a", "b", "a", "c"]}),
        ({"tags": {"_operation": "AddUnique", "value": "a"}}, {"tags": ["a", "b", "a"]}),
        ({"tags": {"_operation": "AddUnique", "value": "c"}}, {"tags": ["a", "b", "a", "c"]}),
        ({"tags": {"_operation": "Remove", "value": "a"}}, {"tags": ["b"]}),
        ({"count": {"_operation": "IncrementFrom", "value": 3}}, {"count": 4}),
        ({"count": {"_operation": "IncrementSet", "value": 9}}, {"count": 9}),
        ({"count": None, "name": {"first": "x"}}, {"count": None, "name": {"first": "x"}}),
    ],
)
def test_built_in_operations(change: dict[str, Any], expected: dict[str, Any]) -> None:
    assert partially_updated(RECORD, change, "1") == {**RECORD, **expected}


@pytest.mark.parametrize("operation", [("IncrementFrom", 2), ("IncrementSet", 3), ("IncrementSet", 1)])
def test_a_condition_that_fails_ignores_the_whole_update(operation: tuple[str, int]) -> None:
    name, value = operation

    assert partially_updated(RECORD, {"x": 1, "count": {"_operation": name, "value": value}}, "1") is None


@pytest.mark.parametrize(
    ("name", "value", "created"),
    [("IncrementFrom", 0, 1), ("IncrementFrom", 1, None), ("IncrementSet", 5, 5), ("IncrementSet", 0, None)],
)
def test_conditions_on_a_record_that_does_not_exist(name: str, value: int, created: int | None) -> None:
    updated = partially_updated(None, {"version": {"_operation": name, "value": value}}, "1")

    assert updated == (None if created is None else {"objectID": "1", "version": created})


@pytest.mark.parametrize(
    "change",
    [
        {"count": {"_operation": "Increment", "value": "2"}},
        {"tags": {"_operation": "Increment", "value": 2}},
        {"count": {"_operation": "Add", "value": 2}},
        {"count": {"_operation": "Square", "value": 2}},
    ],
)
def test_operations_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        partially_updated(RECORD, change, "1")


def test_operations_see_those_before_them_in_the_batch() -> None:
    result = BatchResult({"1": {"objectID": "1", "n": 1}}.get)

    for operation in [
        Operation("partialUpdateObject", "1", {"objectID": "1", "m": 2}),
        Operation("deleteObject", "1"),
        Operation("partialUpdateObjectNoCreate", "1", {"objectID": "1", "n": 5}),
        Operation("partialUpdateObject", "1", {"objectID": "1", "k": 3}),
    ]:
        result.apply(operation)

    assert result.changes == {"1": {"objectID": "1", "k": 3}}


def test_an_integer_object_id_becomes_its_digits() -> None:
    assert parse_operation(0, "addObject", {"objectID": 7}, 100).body == {"objectID": "7"}


@pytest.mark.parametrize("body", [{"objectID": ""}, {"objectID": None}, {"objectID": 1.5}, {}, "text", None])
def test_updates_without_a_proper_object_id_are_refused(body: Any) -> None:
    with pytest.raises(ApiError):
        parse_operation(0, "updateObject", body, 100)
