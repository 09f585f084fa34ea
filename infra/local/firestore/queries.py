"""A query in the form that the planner and the executor share, checked as Google checks it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod

from infra.local.firestore.encode import encode_value, invert
from infra.local.firestore.errors import failed_precondition, invalid, unimplemented
from infra.local.firestore.filters import (
    MAX_DISJUNCTIONS,
    NAME,
    And,
    Contains,
    Filter,
    Or,
    Range,
    View,
    compile_filter,
    encode_operand,
    leaves,
)
from infra.local.firestore.messages import StructuredQuery
from infra.local.firestore.paths import (
    DOCUMENT_ID,
    FieldPath,
    Segments,
    format_field_path,
    parse_field_path,
    parse_parent,
)

MAX_INEQUALITY_FIELDS = (
    10  # https://firebase.google.com/docs/firestore/query-data/multiple-range-fields#limitations
)


@dataclass(frozen=True)
class Order:
    path: FieldPath
    descending: bool = False

    def key(self, encoded: bytes) -> bytes:
        """Bytes that compare in this order's direction."""
        return invert(encoded) if self.descending else encoded


@dataclass(frozen=True)
class Bound:
    """A cursor: the sort key's first components, encoded, and whether it lies before equal documents."""

    components: tuple[bytes, ...]
    before: bool

    @property
    def key(self) -> bytes:
        return b"".join(self.components)


@dataclass(frozen=True)
class Query:
    """A checked query. ``orders`` is complete: it always ends with ``__name__``."""

    database: str
    parent: Segments
    group: str
    whole_group: bool
    filter: Filter | None
    orders: tuple[Order, ...]
    start: Bound | None
    end: Bound | None
    offset: int
    limit: int | None
    projection: tuple[FieldPath, ...] | None

    def sort_key(self, view: View) -> bytes | None:
        """Bytes that compare as the query orders its results; None where an ordered field is missing."""
        key = []
        for order in self.orders:
            encoded = view.encoded(order.path)
            if encoded is None:
                return None
            key.append(order.key(encoded))
        return b"".join(key)

    def within_bounds(self, key: bytes) -> bool:
        """Whether a sort key lies between the cursors."""
        return not self._precedes_start(key) and not self._passes_end(key)

    def _precedes_start(self, key: bytes) -> bool:
        if self.start is None:
            return False
        bound = self.start.key
        head = key[: len(bound)]
        return head < bound if self.start.before else head <= bound

    def _passes_end(self, key: bytes) -> bool:
        if self.end is None:
            return False
        bound = self.end.key
        head = key[: len(bound)]
        return head >= bound if self.end.before else head > bound

    def in_scope(self, segments: Segments) -> bool:
        """Whether a document's path belongs to the queried collections."""
        depth = len(self.parent)
        if segments[:depth] != self.parent or len(segments) <= depth:
            return False
        if self.group and segments[-2] != self.group:
            return False
        return self.whole_group or len(segments) == depth + 2

    def paths(self) -> set[FieldPath]:
        """Every field that the filter or the order needs, without ``__name__``."""
        filtered = {leaf.path for leaf in leaves(self.filter)} if self.filter else set()
        return (filtered | {order.path for order in self.orders}) - {NAME}


def compile_query(parent: str, message: StructuredQuery) -> Query:
    """Check a ``StructuredQuery`` and add the orders that it implies.

    Args:
        parent: the name of the document, or of the root, below which to look.
        message: the raw protobuf message.

    Raises:
        FirestoreError: INVALID_ARGUMENT or FAILED_PRECONDITION for what Google refuses, UNIMPLEMENTED for vector
            search.
    """
    if message.HasField("find_nearest"):
        raise unimplemented("find_nearest (vector search) is not served.")
    if len(message.from_) > 1:
        raise invalid("A query can select from one collection only.")
    resource = parse_parent(parent)
    selector = next(iter(message.from_), None)
    condition = compile_filter(message.where) if message.HasField("where") else None
    explicit = _explicit_orders(message)
    if condition is not None:
        _check_filter(condition, message.where)
    orders = _complete_orders(explicit, condition)
    query = Query(
        database=resource.database,
        parent=resource.segments,
        group=selector.collection_id if selector else "",
        whole_group=bool(selector and selector.all_descendants),
        filter=condition,
        orders=orders,
        start=_bound(message.start_at, explicit, orders) if message.HasField("start_at") else None,
        end=_bound(message.end_at, explicit, orders) if message.HasField("end_at") else None,
        offset=_not_negative("offset", message.offset),
        limit=_not_negative("limit", message.limit.value) if message.HasField("limit") else None,
        projection=_projection(message),
    )
    _check_kindless(query)
    _check_scope(query)
    return query


def with_aggregated(query: Query, paths: Iterable[FieldPath], message: StructuredQuery) -> Query:
    """The query over those documents that have all aggregated fields; it is ordered by them, too.

    Args:
        query: compiled from ``message``.
        paths: the fields that ``sum`` and ``avg`` add up.
        message: tells which orders are explicit.

    Raises:
        FirestoreError: INVALID_ARGUMENT, the query filters or orders by ``__name__`` before them.
    """
    *orders, by_name = query.orders
    missing = sorted(set(paths) - {order.path for order in orders})
    if not missing:
        return query
    if query.whole_group and query.parent:
        raise invalid("collection group queries are only allowed at the root parent")
    names_first = message.order_by and message.order_by[-1].field.field_path == DOCUMENT_ID
    if names_first or any(leaf.path == NAME for leaf in (leaves(query.filter) if query.filter else ())):
        raise invalid(
            f"This query requires an index that has fields [{', '.join(map(format_field_path, missing))}] after "
            "__name__. Please try the query again with additional ordering on those fields."
        )
    implied = (Order(path, by_name.descending) for path in missing)
    return replace(query, orders=(*orders, *implied, by_name))


def _explicit_orders(message: StructuredQuery) -> tuple[Order, ...]:
    orders: list[Order] = []
    for each in message.order_by:
        path = parse_field_path(each.field.field_path)
        if any(path == order.path for order in orders):
            raise invalid(f"order by clause cannot contain duplicate fields {each.field.field_path}")
        if orders and orders[-1].path == NAME:
            raise invalid("order by clause cannot contain more fields after the key")
        orders.append(Order(path, each.direction == StructuredQuery.DESCENDING))
    return tuple(orders)


def _complete_orders(explicit: tuple[Order, ...], condition: Filter | None) -> tuple[Order, ...]:
    """Append the inequality fields by name, then ``__name__``, in the last explicit direction."""
    descending = bool(explicit) and explicit[-1].descending
    present = {order.path for order in explicit} | {NAME}
    implied = sorted(_inequality_fields(condition) - present)
    if explicit and explicit[-1].path == NAME:
        if implied:
            raise invalid("order by clause cannot contain more fields after the key")
        return explicit
    return (*explicit, *(Order(path, descending) for path in implied), Order(NAME, descending))


def _inequality_fields(condition: Filter | None) -> set[FieldPath]:
    found = leaves(condition) if condition is not None else ()
    return {leaf.path for leaf in found if isinstance(leaf, Range) and leaf.is_inequality}


def _bound(message: StructuredQuery, explicit: tuple[Order, ...], orders: tuple[Order, ...]) -> Bound:
    if len(message.values) > len(explicit):
        raise invalid("Cursor has too many values.")
    pairs = zip(orders, message.values, strict=False)
    return Bound(
        tuple(order.key(encode_operand(order.path, value)) for order, value in pairs), message.before
    )


def _not_negative(name: str, number: int) -> int:
    if number < 0:
        raise invalid(f"{name} is negative")
    return number


def _projection(message: StructuredQuery) -> tuple[FieldPath, ...] | None:
    if not message.HasField("select"):
        return None
    return tuple(parse_field_path(each.field_path) for each in message.select.fields)


def _check_filter(condition: Filter, message: StructuredQuery) -> None:
    inequalities = _inequality_fields(condition)
    if len(inequalities) > MAX_INEQUALITY_FIELDS:
        raise invalid(f"Only inequality filters on up to {MAX_INEQUALITY_FIELDS} fields are allowed.")
    if inequalities and NAME not in inequalities and _pins_name(condition):
        raise invalid(
            "Equality on key is not allowed if there are other inequality fields and key does not appear in "
            "inequalities."
        )
    disjunctions = _disjunctions(message)
    if disjunctions > MAX_DISJUNCTIONS:
        raise invalid(
            f"Too many disjunctions after normalization. Result had {disjunctions} disjunctions which is more "
            f"than the maximum of {MAX_DISJUNCTIONS}"
        )
    if _array_filters(condition) > 1:
        raise invalid("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.")
    operators = list(_operators(message))
    negations = [each for each in operators if each in _NEGATIONS]
    if len(negations) > 1:
        raise invalid(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query."
        )
    if "NOT_IN" in negations and {"IN", "ARRAY_CONTAINS_ANY", "OR"}.intersection(operators):
        raise invalid("'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'.")


def _pins_name(condition: Filter) -> bool:
    return any(
        leaf.path == NAME and not leaf.is_inequality for leaf in leaves(condition) if isinstance(leaf, Range)
    )


_NEGATIONS = {"NOT_EQUAL", "NOT_IN", "IS_NOT_NULL", "IS_NOT_NAN"}


def _operators(message: StructuredQuery) -> Iterator[str]:
    kind = message.WhichOneof("filter_type")
    if kind == "composite_filter":
        yield StructuredQuery.CompositeFilter.Operator.Name(message.composite_filter.op)
        for child in message.composite_filter.filters:
            yield from _operators(child)
    elif kind == "unary_filter":
        yield StructuredQuery.UnaryFilter.Operator.Name(message.unary_filter.op)
    else:
        yield StructuredQuery.FieldFilter.Operator.Name(message.field_filter.op)


def _disjunctions(message: StructuredQuery) -> int:
    """How many conjunctions the filter has in disjunctive normal form."""
    if message.HasField("composite_filter"):
        parts = map(_disjunctions, message.composite_filter.filters)
        is_or = message.composite_filter.op == StructuredQuery.CompositeFilter.OR
        return sum(parts) if is_or else prod(parts)
    operator = message.field_filter.op
    if operator in (StructuredQuery.FieldFilter.IN, StructuredQuery.FieldFilter.ARRAY_CONTAINS_ANY):
        return len(set(map(encode_value, message.field_filter.value.array_value.values)))
    return 1


def _array_filters(condition: Filter) -> int:
    """The most array filters that one conjunction of the normal form has."""
    if isinstance(condition, And):
        return sum(map(_array_filters, condition.children))
    if isinstance(condition, Or):
        return max(map(_array_filters, condition.children))
    return int(isinstance(condition, Contains))


def _check_scope(query: Query) -> None:
    """Refuse what Google's name index cannot do."""
    if query.paths():
        if query.whole_group and query.parent:
            raise invalid("collection group queries are only allowed at the root parent")
    elif query.orders[0].descending:
        raise failed_precondition("Firestore does not support descending key scans")


def _check_kindless(query: Query) -> None:
    if query.group:
        return
    for leaf in leaves(query.filter) if query.filter else ():
        if leaf.path != NAME:
            raise invalid(f"kind is required for filter: {'.'.join(leaf.path)}")
    if query.orders != (Order(NAME),):
        raise invalid("kind is required for all orders except __key__ ascending")
