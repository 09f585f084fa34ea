"""What a document may hold: https://firebase.google.com/docs/firestore/quotas and .../storage-size."""

from collections.abc import Mapping

from infra.local.firestore.encode import is_vector
from infra.local.firestore.errors import invalid
from infra.local.firestore.messages import Document, Value
from infra.local.firestore.paths import check_field_path, parse_document, parse_resource

MAX_DOCUMENT_BYTES = 1_048_576
MAX_DEPTH = 20
_FIXED_SIZES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}
_DOCUMENT_OVERHEAD = 32
_NAME_OVERHEAD = 16


def check_document(document: Document) -> None:
    """Refuse a document that Google would not store.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    size = document_size(document)
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) exceeds the "
            f"maximum allowed size of {MAX_DOCUMENT_BYTES:,} bytes."
        )


def document_size(document: Document) -> int:
    """Size in bytes, by Google's formula: the name, the fields, and 32 bytes."""
    segments = parse_resource(document.name).segments
    return _name_size(segments) + _fields_size(document.fields) + _DOCUMENT_OVERHEAD


def check_fields(fields: Mapping[str, Value], depth: int = 1) -> None:
    """Refuse reserved names, arrays in arrays, deep nesting and malformed values; cut timestamps to microseconds.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    if depth > MAX_DEPTH:
        raise invalid(f"Nesting of maps and arrays exceeds the maximum depth of {MAX_DEPTH}.")
    for name, value in fields.items():
        if not name:
            raise invalid("Property names must not be empty.")
        check_field_path((name,))
        check_value(value, depth)


def check_value(value: Value, depth: int = 1, *, in_array: bool = False) -> None:
    """Refuse what no document may hold at this depth.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        if not is_vector(value):
            check_fields(value.map_value.fields, depth + 1)
    elif kind == "array_value":
        if in_array:
            raise invalid("Cannot convert an array value in an array value.")
        for element in value.array_value.values:
            check_value(element, depth + 1, in_array=True)
    elif kind == "timestamp_value":
        value.timestamp_value.nanos -= value.timestamp_value.nanos % 1000
    elif kind == "reference_value":
        parse_document(value.reference_value)
    elif kind == "geo_point_value":
        _check_geo_point(value)
    elif kind is None:
        raise invalid("A value has no type.")


def _check_geo_point(value: Value) -> None:
    point = value.geo_point_value
    if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
        raise invalid("Latitude must be in [-90, 90] and longitude in [-180, 180].")


def _name_size(segments: tuple[str, ...]) -> int:
    return sum(len(segment.encode()) + 1 for segment in segments) + _NAME_OVERHEAD


def _fields_size(fields: Mapping[str, Value]) -> int:
    return sum(len(name.encode()) + 1 + _value_size(value) for name, value in fields.items())


def _value_size(value: Value) -> int:
    kind = value.WhichOneof("value_type")
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return _name_size(parse_resource(value.reference_value).segments)
    if kind == "array_value":
        return sum(map(_value_size, value.array_value.values))
    return _fields_size(value.map_value.fields)
