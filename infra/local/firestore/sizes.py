"""Storage sizes by Google's formula: https://firebase.google.com/docs/firestore/storage-size."""

from collections.abc import Mapping

from infra.local.firestore.messages import Value

MAX_INDEXED_BYTES = 1500  # of a field's value: https://firebase.google.com/docs/firestore/quotas#indexes
NAME_OVERHEAD = 16
FIXED_SIZES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}


def text_size(text: str) -> int:
    """Size of a string, a field's name or an id, in bytes."""
    return len(text.encode()) + 1


def name_size(segments: tuple[str, ...]) -> int:
    """Size of a document's name, in bytes."""
    return sum(map(text_size, segments)) + NAME_OVERHEAD


def fields_size(fields: Mapping[str, Value]) -> int:
    """Size of fields with their names, in bytes."""
    return sum(text_size(name) + value_size(value) for name, value in fields.items())


def value_size(value: Value) -> int:
    """Size of a value, in bytes."""
    kind = value.WhichOneof("value_type")
    if kind in FIXED_SIZES:
        return FIXED_SIZES[kind]
    if kind == "string_value":
        return text_size(value.string_value)
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return name_size(tuple(value.reference_value.split("/")[5:]))
    if kind == "array_value":
        return sum(map(value_size, value.array_value.values))
    return fields_size(value.map_value.fields)
