"""Writes as pure functions of the records they start from."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from .errors import ApiError, bad_request

Record = dict[str, Any]

ACTIONS = frozenset(
    {
        "addObject", "updateObject", "partialUpdateObject", "partialUpdateObjectNoCreate", "deleteObject", "delete",
        "clear",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One validated request of a batch; ``delete`` and ``clear`` concern the whole index."""

    action: str
    object_id: str = ""
    body: Record = field(default_factory=dict)


def parse_operation(position: int, action: Any, body: Any, record_size_limit: int) -> Operation:
    """One request of a batch.

    Raises:
        ApiError: 400 for an unknown action, a missing objectID or a record over ``record_size_limit`` bytes of JSON.
    """
    if not isinstance(action, str) or action not in ACTIONS:
        raise bad_request(f"Invalid action {action!r} at position {position}", position=position)
    if action in ("delete", "clear"):
        return Operation(action)
    if not isinstance(body, dict):
        raise bad_request(f"Invalid body at position {position}: expected an object", position=position)
    if "objectID" not in body and action == "addObject":
        body = {**body, "objectID": uuid.uuid4().hex}
    object_id = object_id_of(body.get("objectID"), position)
    record = body if body["objectID"] == object_id else {**body, "objectID": object_id}
    encoded(position, record, record_size_limit)
    return Operation(action, object_id, record)


def object_id_of(value: Any, position: int = 0) -> str:
    """An objectID: a non-empty string; an integer stands for its digits.

    Raises:
        ApiError: 400 for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        message = (
            "objectID is missing" if value is None else "objectID must be a non-empty string or an integer"
        )
        raise bad_request(f"{message} at position {position}", position=position)
    return value


def encoded(position: int, record: Record, limit: int) -> bytes:
    """A record as it is stored.

    Raises:
        ApiError: 400 when it is over ``limit`` bytes, nested deeper than 254 levels, or has integers over 64 bits.
    """
    try:
        data = orjson.dumps(record)
    except orjson.JSONEncodeError as error:
        raise bad_request(f"Invalid record at the position {position}: {error}", position=position) from None
    if len(data) > limit:
        raise too_big(position, record["objectID"], len(data), limit)
    return data


def too_big(position: int, object_id: str, size: int, limit: int) -> ApiError:
    """Algolia's answer to a record over the plan's limit."""
    message = (
        f"Record at the position {position} objectID={object_id} is too big size={size}/{limit} bytes. Please have a "
        "look at https://www.algolia.com/doc/guides/sending-and-managing-data/prepare-your-data/in-depth/"
        "index-and-records-size-and-usage-limitations/#record-size-limits"
    )
    return bad_request(message, position=position, objectID=object_id)


class _UpdateIgnoredError(Exception):
    """A conditional operation does not hold: the whole update of the object is ignored."""


def partially_updated(record: Record | None, changes: Mapping[str, Any], object_id: str) -> Record | None:
    """``record`` (None: there is none) with first-level attributes replaced and built-in operations applied.

    None means that the update is ignored, as IncrementFrom and IncrementSet demand.
    https://www.algolia.com/doc/rest-api/search/partial-update-object. A missing attribute counts as 0 or as an
    empty array.

    Raises:
        ApiError: 400 for an operation that does not fit its value or the attribute's.
    """
    updated = dict(record) if record is not None else {"objectID": object_id}
    try:
        for attribute, value in changes.items():
            if isinstance(value, dict) and "_operation" in value:
                updated[attribute] = _operate(attribute, value, updated.get(attribute))
            else:
                updated[attribute] = value
    except _UpdateIgnoredError:
        return None
    return updated


def _operate(attribute: str, operation: Mapping[str, Any], current: Any) -> Any:
    name, value = str(operation["_operation"]), operation.get("value")
    if name in _NUMERIC:
        present = 0 if current is None else current
        if not _is_number(value) or not _is_number(present):
            raise bad_request(f"{name} of {attribute}: expected numbers")
        return _NUMERIC[name](present, value)
    if name in _ARRAYS:
        present = [] if current is None else current
        if not isinstance(present, list) or not (_is_number(value) or isinstance(value, str)):
            raise bad_request(f"{name} of {attribute}: expected an array and a number or string")
        return _ARRAYS[name](present, value)
    raise bad_request(f"Unknown _operation {name!r} of {attribute}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _increment_from(current: Any, expected: Any) -> Any:
    if current != expected:
        raise _UpdateIgnoredError
    return current + 1


def _increment_set(current: Any, value: Any) -> Any:
    if value <= current:
        raise _UpdateIgnoredError
    return value


_NUMERIC: dict[str, Callable[[Any, Any], Any]] = {
    "Increment": lambda current, step: current + step,
    "Decrement": lambda current, step: current - step,
    "IncrementFrom": _increment_from,
    "IncrementSet": _increment_set,
}
_ARRAYS: dict[str, Callable[[list[Any], Any], list[Any]]] = {
    "Add": lambda elements, value: [*elements, value],
    "AddUnique": lambda elements, value: elements if value in elements else [*elements, value],
    "Remove": lambda elements, value: [element for element in elements if element != value],
}


class BatchResult:
    """Operations applied one after the other, on top of the records that ``lookup`` finds.

    ``changes`` hold the last state of each touched record (None: deleted), on top of an index that was emptied first
    when ``cleared``; ``dropped`` when it was deleted and not written to since.
    """

    def __init__(self, lookup: Callable[[str], Record | None]) -> None:
        self._lookup = lookup
        self.changes: dict[str, Record | None] = {}
        self.cleared = False
        self.dropped = False

    def apply(self, operation: Operation) -> None:
        """Apply one operation."""
        self.dropped = operation.action == "delete"
        if operation.action in ("delete", "clear"):
            self.changes.clear()
            self.cleared = True
        elif operation.action == "deleteObject":
            self.changes[operation.object_id] = None
        elif operation.action.startswith("partialUpdateObject"):
            self._update(operation)
        else:
            self.changes[operation.object_id] = operation.body

    def _update(self, operation: Operation) -> None:
        current = self._current(operation.object_id)
        if current is None and operation.action == "partialUpdateObjectNoCreate":
            return
        updated = partially_updated(current, operation.body, operation.object_id)
        if updated is not None:
            self.changes[operation.object_id] = updated

    def _current(self, object_id: str) -> Record | None:
        if object_id in self.changes:
            return self.changes[object_id]
        return None if self.cleared else self._lookup(object_id)
