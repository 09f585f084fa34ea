"""Filters as sets of encoded values: each operator becomes half-open intervals of the order-preserving encoding.

One form serves both the index scan (intervals of keys) and the check of a single document, so they cannot disagree.
Null and NaN follow Google: nothing equals them but ``IS_NULL`` and ``IS_NAN``; ``!=`` and ``not-in`` never match
null; a range compares values of its operand's type only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.local.firestore.encode import (
    AFTER_NULL,
    NAN,
    NULL,
    NUMBER,
    TOP,
    encode_path,
    encode_value,
    successor,
    type_range,
)
from infra.local.firestore.errors import invalid
from infra.local.firestore.indexes import field_value
from infra.local.firestore.messages import Document, StructuredQuery, Value
from infra.local.firestore.paths import (
    DOCUMENT_ID,
    FieldPath,
    format_field_path,
    parse_field_path,
    parse_resource,
)
from infra.local.firestore.sizes import MAX_INDEXED_BYTES, value_size

NAME: FieldPath = (DOCUMENT_ID,)
MAX_DISJUNCTIONS = 30  # https://firebase.google.com/docs/firestore/query-data/queries#limits_on_or_queries
MAX_NOT_IN = 10

Interval = tuple[bytes, bytes]
Intervals = tuple[Interval, ...]

EVERYTHING: Intervals = ((b"", TOP),)
_RANGES = {"LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL"}
_LISTS = {"IN", "NOT_IN", "ARRAY_CONTAINS_ANY"}
_UNARY: dict[str, Intervals] = {
    "IS_NULL": ((NULL, AFTER_NULL),),
    "IS_NAN": ((NAN, NUMBER),),
    "IS_NOT_NULL": ((AFTER_NULL, TOP),),
    "IS_NOT_NAN": ((AFTER_NULL, NAN), (NUMBER, TOP)),
}


class View:
    """A document's encoded fields, computed when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._encoded: dict[FieldPath, bytes | None] = {}

    def encoded(self, path: FieldPath) -> bytes | None:
        """The encoding of a field, or of the document's path for ``__name__``; None where the field is missing."""
        if path not in self._encoded:
            self._encoded[path] = self._encode(path)
        return self._encoded[path]

    def elements(self, path: FieldPath) -> Iterator[bytes]:
        """Encodings of an array's elements; nothing for other types."""
        value = field_value(self.document.fields, path)
        if value is not None and value.WhichOneof("value_type") == "array_value":
            yield from map(encode_value, value.array_value.values)

    def _encode(self, path: FieldPath) -> bytes | None:
        if path == NAME:
            return encode_path(parse_resource(self.document.name).segments)
        value = field_value(self.document.fields, path)
        return None if value is None else encode_value(value)


@dataclass(frozen=True)
class Range:
    """The field's value lies in one of the intervals, which are disjoint and ascending.

    An inequality implies an order; one with null (``a > null``) matches nothing and implies none, as at Google.
    """

    path: FieldPath
    intervals: Intervals
    is_inequality: bool = False

    def matches(self, view: View) -> bool:
        encoded = view.encoded(self.path)
        return encoded is not None and any(low <= encoded < high for low, high in self.intervals)


@dataclass(frozen=True)
class Contains:
    """The field is an array with an element in one of the intervals (each holds one value)."""

    path: FieldPath
    intervals: Intervals

    def matches(self, view: View) -> bool:
        return any(low <= each < high for each in view.elements(self.path) for low, high in self.intervals)


@dataclass(frozen=True)
class And:
    children: tuple["Filter", ...]

    def matches(self, view: View) -> bool:
        return all(child.matches(view) for child in self.children)


@dataclass(frozen=True)
class Or:
    children: tuple["Filter", ...]

    def matches(self, view: View) -> bool:
        return any(child.matches(view) for child in self.children)


Leaf = Range | Contains
Filter = Range | Contains | And | Or


def compile_filter(message: StructuredQuery) -> Filter:
    """The filter of a ``StructuredQuery.Filter`` message.

    Raises:
        FirestoreError: INVALID_ARGUMENT, malformed operands.
    """
    kind = message.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _composite(message.composite_filter)
    if kind == "unary_filter":
        return _unary(message.unary_filter)
    if kind == "field_filter":
        return _field(message.field_filter)
    raise invalid("A filter has no type.")


def leaves(node: Filter) -> Iterator[Leaf]:
    """All conditions of a filter, from left to right."""
    if isinstance(node, And | Or):
        for child in node.children:
            yield from leaves(child)
    else:
        yield node


def conjuncts(node: Filter | None) -> tuple[Filter, ...]:
    """The conditions that every match satisfies."""
    if node is None:
        return ()
    if isinstance(node, And):
        return tuple(each for child in node.children for each in conjuncts(child))
    return (node,)


def intersect(left: Intervals, right: Intervals) -> Intervals:
    """The values in both; both are disjoint and ascending."""
    common = ((max(a, c), min(b, d)) for a, b in left for c, d in right)
    return tuple((low, high) for low, high in common if low < high)


def encode_operand(path: FieldPath, value: Value) -> bytes:
    """A filter's or cursor's value in the encoding of its field.

    Raises:
        FirestoreError: INVALID_ARGUMENT, ``__name__`` compared with anything but a document.
    """
    if path != NAME:
        return encode_value(value)
    if value.WhichOneof("value_type") != "reference_value":
        raise invalid("__key__ filter value must be a Key")
    segments = parse_resource(value.reference_value).segments
    if not segments or len(segments) % 2:
        raise invalid(f'Document name "{value.reference_value}" must have an even number of path segments.')
    return encode_path(segments)


def _filter_operand(path: FieldPath, value: Value) -> bytes:
    if path != NAME and value_size(value) > MAX_INDEXED_BYTES:
        raise invalid(f"value for {format_field_path(path)} is too large to be used in a query")
    return encode_operand(path, value)


def _composite(message: StructuredQuery) -> Filter:
    children = tuple(map(compile_filter, message.filters))
    if not children:
        raise invalid("A composite filter must have at least one filter.")
    operator = StructuredQuery.CompositeFilter.Operator.Name(message.op)
    if operator == "OPERATOR_UNSPECIFIED":
        raise invalid("A composite filter must have an operator.")
    return And(children) if operator == "AND" else Or(children)


def _unary(message: StructuredQuery) -> Filter:
    operator = StructuredQuery.UnaryFilter.Operator.Name(message.op)
    if operator not in _UNARY:
        raise invalid("A unary filter must have an operator.")
    path = parse_field_path(message.field.field_path)
    if path == NAME:
        raise invalid("__key__ filter value must be a Key")
    return Range(path, _UNARY[operator], is_inequality=operator.startswith("IS_NOT"))


def _field(message: StructuredQuery) -> Filter:
    operator = StructuredQuery.FieldFilter.Operator.Name(message.op)
    path = parse_field_path(message.field.field_path)
    if path == NAME and operator.startswith("ARRAY_CONTAINS"):
        raise invalid("the name __key__ is reserved")
    if operator in _LISTS:
        return _list_filter(path, operator, message.value)
    encoded = _filter_operand(path, message.value)
    if operator in _RANGES:
        intervals = _range(operator, encoded)
        return Range(path, intervals, is_inequality=bool(intervals))
    if operator == "EQUAL":
        return Range(path, points([encoded]))
    if operator == "NOT_EQUAL":
        intervals = _all_but([encoded])
        return Range(path, intervals, is_inequality=bool(intervals))
    if operator == "ARRAY_CONTAINS":
        return Contains(path, points([encoded]))
    raise invalid("A field filter must have an operator.")


def _list_filter(path: FieldPath, operator: str, value: Value) -> Filter:
    if value.WhichOneof("value_type") != "array_value":
        raise invalid(f"'{operator}' requires an ArrayValue.")
    values = value.array_value.values
    if not values:
        raise invalid(f"'{operator}' requires an non-empty ArrayValue.")
    limit = MAX_NOT_IN if operator == "NOT_IN" else MAX_DISJUNCTIONS
    if len(values) > limit:
        raise invalid(f"'{operator}' supports up to {limit} comparison values.")
    encoded = [_filter_operand(path, each) for each in values]
    if operator == "IN":
        return Range(path, points(encoded))
    if operator == "NOT_IN":
        return Range(path, _all_but(encoded), is_inequality=set(encoded) != {NULL})
    return Contains(path, points(encoded))


def points(encoded: Iterable[bytes]) -> Intervals:
    """Intervals that hold these values and nothing else; null and NaN equal nothing."""
    return tuple((each, successor(each)) for each in sorted(set(encoded)) if each not in (NULL, NAN))


def _all_but(encoded: list[bytes]) -> Intervals:
    if NULL in encoded:
        return ()
    bounds = [AFTER_NULL, *(bound for point in points(encoded) for bound in point), TOP]
    return tuple(zip(bounds[::2], bounds[1::2], strict=True))


def _range(operator: str, encoded: bytes) -> Intervals:
    if encoded in (NULL, NAN):
        return ()
    low, high = type_range(encoded) if encoded[0] >= NULL[0] else (b"", TOP)
    interval = {
        "LESS_THAN": (low, encoded),
        "LESS_THAN_OR_EQUAL": (low, successor(encoded)),
        "GREATER_THAN": (successor(encoded), high),
        "GREATER_THAN_OR_EQUAL": (encoded, high),
    }[operator]
    return (interval,)
