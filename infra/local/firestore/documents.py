"""What a document may hold: https://firebase.google.com/docs/firestore/quotas and .../storage-size."""

from collections.abc import Mapping

from infra.local.firestore.encode import is_vector
from infra.local.firestore.errors import invalid
from infra.local.firestore.messages import Document, Value
from infra.local.firestore.paths import check_field_path, parse_document, parse_resource
from infra.local.firestore.sizes import fields_size, name_size

MAX_DOCUMENT_BYTES = 1_048_576
MAX_DEPTH = 20
_DOCUMENT_OVERHEAD = 32
# No value's storage size is more than twice its length on the wire (an integer of 0: 8 bytes against 4).
_MOST_GROWTH = 2


def check_document(document: Document) -> None:
    """Refuse a document that Google would not store.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    if document.ByteSize() * _MOST_GROWTH < MAX_DOCUMENT_BYTES:
        return
    size = document_size(document)
    if size > MAX_DOCUMENT_BYTES:
        raise invalid(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) exceeds the "
            f"maximum allowed size of {MAX_DOCUMENT_BYTES:,} bytes."
        )


def document_size(document: Document) -> int:
    """Size in bytes, by Google's formula: the name, the fields, and 32 bytes."""
    segments = parse_resource(document.name).segments
    return name_size(segments) + fields_size(document.fields) + _DOCUMENT_OVERHEAD


def check_fields(fields: Mapping[str, Value], depth: int = 1) -> None:
    """Refuse reserved names, arrays in arrays, deep nesting and malformed values; cut timestamps to microseconds.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    if depth > MAX_DEPTH:
        raise invalid(f"Nesting of maps and arrays exceeds the maximum depth of {MAX_DEPTH}.")
    for name in fields:  # items() of a protobuf map is slow
        if not name:
            raise invalid("Property names must not be empty.")
        check_field_path((name,))
        check_value(fields[name], depth)


def check_value(value: Value, depth: int = 1, *, in_array: bool = False) -> None:
    """Refuse what no document may hold at this depth.

    Raises:
        FirestoreError: INVALID_ARGUMENT.
    """
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        if not is_vector(value):
            check_fields(value.map_value.fields, depth + 1)
        elif in_array:
            raise invalid("Cannot convert a vector value in an array value.")
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
