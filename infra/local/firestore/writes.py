"""What one write makes of one document: pure, so that a commit is a fold over its writes."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from infra.local.firestore.documents import check_document, check_fields
from infra.local.firestore.errors import already_exists, failed_precondition, invalid, not_found
from infra.local.firestore.indexes import field_value
from infra.local.firestore.messages import Document, Precondition, Timestamp, Value, Write
from infra.local.firestore.paths import (
    DOCUMENT_ID,
    FieldPath,
    format_field_path,
    parse_document,
    parse_field_path,
)
from infra.local.firestore.transforms import check_transform, transformed


@dataclass(frozen=True)
class Outcome:
    """The document after a write (None: it is gone), and what its transforms computed, in their order."""

    document: Document | None
    transform_results: Sequence[Value]


def target(write: Write) -> str:
    """The name of the document that a write is about.

    Raises:
        FirestoreError: INVALID_ARGUMENT, the write holds no operation.
    """
    operation = write.WhichOneof("operation")
    if operation == "update":
        return str(write.update.name)
    if operation == "delete":
        return str(write.delete)
    if operation == "transform":
        return str(write.transform.document)
    raise invalid("empty write operation")


def check_write(write: Write) -> None:
    """Refuse a write that no state of the database would make legal. Google checks all writes before it applies one.

    Raises:
        FirestoreError: INVALID_ARGUMENT, or UNIMPLEMENTED for a transform that is not served.
    """
    parse_document(target(write))
    check_fields(write.update.fields)
    for text in write.update_mask.field_paths:
        parse_field_path(text)
    paths = set()
    for transform in _transforms(write):
        check_transform(transform)
        paths.add(parse_field_path(transform.field_path))
    if (DOCUMENT_ID,) in paths:
        raise invalid("A transform cannot change __name__.")
    for path in paths:
        if any(path[:length] in paths for length in range(1, len(path))):
            raise invalid(
                f"Cannot transform property {format_field_path(path)} and one above it at the same time."
            )


def _transforms(write: Write) -> Sequence[Value]:
    is_transform = write.WhichOneof("operation") == "transform"
    found: Sequence[Value] = write.transform.field_transforms if is_transform else write.update_transforms
    return found


def apply_write(write: Write, current: Document | None, now_us: int) -> Outcome:
    """The result of a checked write at a commit time (microseconds since the epoch); ``current`` is not changed.

    A write that changes nothing keeps the document's update time, as at Google.

    Raises:
        FirestoreError: a precondition fails, or Google would not store the result.
    """
    check_precondition(write.current_document, current, target(write))
    operation = write.WhichOneof("operation")
    if operation == "delete":
        return Outcome(None, ())
    result = Document()
    if current is not None:
        result.CopyFrom(current)
    if operation == "update":
        _update(write, result)
    results = _transform(_transforms(write), result.fields, now_us)
    result.name = target(write)
    return Outcome(_finished(result, current, now_us), results)


def check_precondition(precondition: Precondition, current: Document | None, name: str) -> None:
    """Check ``exists`` and ``update_time``.

    Raises:
        FirestoreError: NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION.
    """
    condition = precondition.WhichOneof("condition_type")
    if condition == "exists":
        if precondition.exists and current is None:
            raise not_found(name)
        if not precondition.exists and current is not None:
            raise already_exists(name)
    elif condition == "update_time":
        stored = microseconds(current.update_time) if current is not None else 0
        required = microseconds(precondition.update_time)
        if stored != required:
            raise failed_precondition(
                f"the stored version ({stored}) does not match the required base version ({required})"
            )


def microseconds(moment: Timestamp) -> int:
    """A timestamp as microseconds since the epoch."""
    return int(moment.seconds * 1_000_000 + moment.nanos // 1000)


def timestamp(us: int) -> Timestamp:
    """Microseconds since the epoch as a timestamp."""
    return Timestamp(seconds=us // 1_000_000, nanos=us % 1_000_000 * 1000)


def _finished(result: Document, current: Document | None, now_us: int) -> Document:
    if current is not None and _bytes(result) == _bytes(current):
        return current
    check_document(result)
    result.update_time.CopyFrom(timestamp(now_us))
    if current is None:
        result.create_time.CopyFrom(result.update_time)
    return result


def _bytes(document: Document) -> bytes:
    # Messages compare NaN as unequal to itself; their bytes do not.
    return bytes(document.SerializeToString(deterministic=True))


def _update(write: Write, result: Document) -> None:
    if not write.HasField("update_mask"):
        result.ClearField("fields")
        result.MergeFrom(Document(fields=write.update.fields))
        return
    for text in write.update_mask.field_paths:
        path = parse_field_path(text)
        value = field_value(write.update.fields, path)
        if value is not None:
            set_field(result.fields, path, value)
        else:
            _delete_field(result.fields, path)


def set_field(fields: MutableMapping[str, Value], path: FieldPath, value: Value) -> None:
    """Put a value at a path, making maps on the way as needed."""
    *above, last = path
    for name in above:
        if fields[name].WhichOneof("value_type") != "map_value":
            fields[name].map_value.SetInParent()
        fields = fields[name].map_value.fields
    fields[last].CopyFrom(value)


def _delete_field(fields: MutableMapping[str, Value], path: FieldPath) -> None:
    *above, last = path
    for name in above:
        if name not in fields or fields[name].WhichOneof("value_type") != "map_value":
            return
        fields = fields[name].map_value.fields
    if last in fields:
        del fields[last]


def _transform(transforms: Sequence[Value], fields: MutableMapping[str, Value], now_us: int) -> list[Value]:
    results = []
    for transform in transforms:
        path = parse_field_path(transform.field_path)
        value, result = transformed(transform, field_value(fields, path), now_us)
        set_field(fields, path, value)
        results.append(result)
    return results


def masked(document: Document, mask: Sequence[FieldPath]) -> Document:
    """A copy with the mask's fields only; ``__name__`` stands for the name, which is always kept."""
    result = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in mask:
        value: Value | None = field_value(document.fields, path)
        if value is not None:
            set_field(result.fields, path, value)
    return result
