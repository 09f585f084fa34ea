"""Which index ranges answer a query: pure, from the query and the declared indexes.

A :class:`Scan` walks one index in the query's order. It pins the leading fields that the filter holds to one value,
takes the ranges of the next one, and narrows them by the cursors. What a scan does not guarantee (its residual
conditions, exact cursors, the order beyond the index's fields) the executor checks on each document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from infra.local.firestore.encode import TOP, invert, successor, value_pattern
from infra.local.firestore.errors import failed_precondition
from infra.local.firestore.filters import (
    EVERYTHING,
    NAME,
    Contains,
    Filter,
    Interval,
    Intervals,
    Leaf,
    Range,
    conjuncts,
    intersect,
)
from infra.local.firestore.indexes import Component, Components, IndexSet, Mode
from infra.local.firestore.paths import FieldPath, format_field_path
from infra.local.firestore.queries import Bound, Order, Query

_BY_NAME = Component(NAME)


@dataclass(frozen=True)
class Scope:
    """One run of an index's keys: those of a collection, or of the nested collections of a group.

    Args:
        base: what the keys start with.
        path_prefix: what the names at the keys' ends leave out.
    """

    base: bytes
    path_prefix: bytes

    def name(self, path: bytes) -> bytes:
        """A bound on paths as a bound on the names in this scope's keys."""
        if path.startswith(self.path_prefix):
            return path[len(self.path_prefix) :]
        return b"" if path < self.path_prefix else TOP


@dataclass(frozen=True)
class Refutation:
    """A condition on a later field of an index, which shows in the keys of those that do not satisfy it.

    Args:
        pattern: finds the field's value in a key, behind the pinned ones.
        intervals: what it may be, as the index holds it.
    """

    pattern: re.Pattern[bytes]
    intervals: Intervals

    def refutes(self, key: bytes, start: int) -> bool:
        """Whether the document behind a key fails the condition; where the key cannot tell, it does not."""
        found = self.pattern.match(key, start)
        return found is not None and not any(low <= found[1] < high for low, high in self.intervals)


@dataclass(frozen=True)
class Scan:
    """A walk over one index.

    Args:
        pinned: encoded values of the leading fields.
        following: the component after them, ``__name__`` when there is no other.
        intervals: values of ``following``, as encoded in ascending order.
        start: the first cursor's components from ``following`` on; ``end`` likewise.
        reverse: walk from the highest key down.
        covers: the keys' order is the query's order.
        residual: the conditions that the ranges do not guarantee.
        refutations: those of them that spare reading some documents.
    """

    components: Components
    pinned: bytes
    pins: int
    following: Component
    intervals: Intervals
    start: tuple[bytes, ...]
    end: tuple[bytes, ...]
    reverse: bool
    covers: bool
    residual: tuple[Filter, ...]
    refutations: tuple[Refutation, ...] = ()

    def ranges(self, scope: Scope) -> list[Interval]:
        """Ranges of keys, in the order of the walk."""
        head = scope.base + self.pinned
        own = sorted(self._interval(low, high, scope) for low, high in self.intervals)
        found = [(head + low, head + high) for low, high in intersect(tuple(own), (self._bounds(scope),))]
        return found[::-1] if self.reverse else found

    def _interval(self, low: bytes, high: bytes, scope: Scope) -> Interval:
        if self.following is _BY_NAME:
            return _interval(scope.name(low), scope.name(high), descending=_names_descend(self.components))
        return _interval(low, high, descending=self.following.mode == "DESCENDING")

    def _bounds(self, scope: Scope) -> Interval:
        """Where the cursors let the walk begin and end."""
        start, end = self._position(self.start, scope), self._position(self.end, scope)
        low, high = (end, start) if self.reverse else (start, end)
        return low, successor(high) if high else TOP

    def edges(self, scope: Scope) -> tuple[bytes, ...]:
        """What keys at the cursors start with; all other keys in the ranges lie between the cursors."""
        cursors = (cursor for cursor in (self.start, self.end) if cursor)
        return tuple(scope.base + self.pinned + self._position(cursor, scope) for cursor in cursors)

    def _position(self, cursor: Sequence[bytes], scope: Scope) -> bytes:
        """A cursor as the start of keys."""
        position = b""
        walked = (*self.components[self.pins :], _BY_NAME)
        for component, raw in zip(walked, cursor, strict=False):
            if component is _BY_NAME:
                name = scope.name(raw)
                return position + (invert(name) if _names_descend(self.components) else name)
            position += _directed(component, raw)
        return position


def scans(query: Query, indexes: IndexSet) -> list[Scan]:
    """Every useful walk, over automatic and declared indexes, in the query's order or in a prefix of it.

    Raises:
        FirestoreError: FAILED_PRECONDITION, the query needs a field that is exempt from indexing.
    """
    conditions = Conditions(query)
    walks = [_scan(query, conditions, components) for components in _candidates(query, conditions, indexes)]
    exempt = {path for path in query.paths() if indexes.is_exempt(query.group, path)}
    usable = [walk for walk in walks if walk and exempt <= {each.path for each in walk.components}]
    if exempt and not usable:
        fields = ", ".join(sorted(map(format_field_path, exempt)))
        raise failed_precondition(
            f"The query requires an index for collection {query.group} and field {fields}, exempt from indexing."
        )
    return usable


def leaf_scan(leaf: Leaf) -> Scan:
    """The entries that satisfy one condition, in no useful order."""
    mode: Mode = "CONTAINS" if isinstance(leaf, Contains) else "ASCENDING"
    following = _BY_NAME if leaf.path == NAME else Component(leaf.path, mode)
    components = () if leaf.path == NAME else (following,)
    return Scan(
        components, b"", 0, following, leaf.intervals, (), (), reverse=False, covers=False, residual=()
    )


class Conditions:
    """What every match satisfies, by field."""

    def __init__(self, query: Query) -> None:
        self.all = conjuncts(query.filter)
        self.ranges: dict[FieldPath, Intervals] = {}
        self.contains: dict[FieldPath, bytes] = {}
        for node in self.all:
            if isinstance(node, Range):
                self.ranges[node.path] = intersect(self.ranges.get(node.path, EVERYTHING), node.intervals)
            elif isinstance(node, Contains) and len(node.intervals) == 1:
                self.contains[node.path] = node.intervals[0][0]

    def values(self, pinned: Components) -> dict[FieldPath, bytes]:
        """The values of fields that are pinned whole."""
        return {each.path: self.ranges[each.path][0][0] for each in pinned if each.mode != "CONTAINS"}

    def pin(self, component: Component) -> bytes | None:
        """The one value that a component can have, as the index holds it."""
        if component.mode == "CONTAINS":
            element = self.contains.get(component.path)
            return None if element is None else element
        intervals = self.ranges.get(component.path, ())
        if len(intervals) != 1 or successor(intervals[0][0]) != intervals[0][1]:
            return None
        return _directed(component, intervals[0][0])


def _candidates(query: Query, conditions: Conditions, indexes: IndexSet) -> Iterator[Components]:
    yield ()
    for path in dict.fromkeys([*(order.path for order in query.orders), *conditions.ranges]):
        if path != NAME and not indexes.is_exempt(query.group, path):
            yield (Component(path),)
    for path in conditions.contains:
        if not indexes.is_exempt(query.group, path):
            yield (Component(path, "CONTAINS"),)
    yield from indexes.composites(query.group)


def _scan(query: Query, conditions: Conditions, components: Components) -> Scan | None:
    pins = list(takewhile(lambda pin: pin is not None, map(conditions.pin, components)))
    rest = components[len(pins) :]
    constant = conditions.values(components[: len(pins)])
    orders = [order for order in query.orders if order.path not in constant]
    matched = _match(rest, orders, _names_descend(components))
    if matched is None:
        return None
    reverse, covers = matched
    following = rest[0] if rest else _BY_NAME
    usable = len(rest) + covers
    return Scan(
        components=components,
        pinned=b"".join(pin for pin in pins if pin is not None),
        pins=len(pins),
        following=following,
        intervals=conditions.ranges.get(following.path, EVERYTHING),
        start=_raw(query.start, query.orders, constant)[:usable],
        end=_raw(query.end, query.orders, constant)[:usable],
        reverse=reverse,
        covers=covers,
        residual=tuple(
            node for node in conditions.all if not _guarantees(node, components[: len(pins)], following)
        ),
        refutations=tuple(_refutations(rest, conditions)),
    )


def _refutations(rest: Components, conditions: Conditions) -> Iterator[Refutation]:
    """The conditions on all but the first of the components that a walk does not pin."""
    before = b""
    for number, component in enumerate(rest):
        descending = component.mode == "DESCENDING"
        value = value_pattern(descending=descending)
        if number and component.path in conditions.ranges:
            intervals = conditions.ranges[component.path]
            directed = tuple(_interval(low, high, descending=descending) for low, high in intervals)
            yield Refutation(re.compile(b"%b(%b)" % (before, value)), directed)
        before += value


def _guarantees(node: Filter, pinned: Components, following: Component) -> bool:
    """Whether all documents in a scan's ranges satisfy a condition."""
    if isinstance(node, Range):
        walked = [each.path for each in (*pinned, following) if each.mode != "CONTAINS"]
        return node.path in walked
    return (
        isinstance(node, Contains) and len(node.intervals) == 1 and Component(node.path, "CONTAINS") in pinned
    )


def _match(rest: Components, orders: list[Order], names_descend: bool) -> tuple[bool, bool] | None:
    """Whether to walk backwards and whether the order is complete; None where the index has another order."""
    backwards = set()
    for component, order in zip(rest, orders, strict=False):
        if component.path != order.path or component.mode == "CONTAINS":
            return None
        backwards.add((component.mode == "DESCENDING") != order.descending)
    if len(rest) >= len(orders) or len(backwards) > 1:
        return None
    then = orders[len(rest)]
    if then.path != NAME:
        return (backwards.pop(), False) if backwards else None
    names_backwards = names_descend != then.descending
    reverse = backwards.pop() if backwards else names_backwards
    return reverse, names_backwards == reverse


def _raw(
    bound: Bound | None, orders: Sequence[Order], constant: Mapping[FieldPath, bytes]
) -> tuple[bytes, ...]:
    """A cursor's values as ascending encodings, without those that are constant; nothing where those differ."""
    if bound is None:
        return ()
    pairs = [(order.path, order.key(each)) for order, each in zip(orders, bound.components, strict=False)]
    if any(constant.get(path, raw) != raw for path, raw in pairs):
        return ()
    return tuple(raw for path, raw in pairs if path not in constant)


def _names_descend(components: Components) -> bool:
    return bool(components) and components[-1].mode == "DESCENDING"


def _directed(component: Component, encoded: bytes) -> bytes:
    return invert(encoded) if component.mode == "DESCENDING" else encoded


def _interval(low: bytes, high: bytes, *, descending: bool) -> Interval:
    """Bounds on ascending encodings as bounds on an index's bytes."""
    return (successor(invert(high)), successor(invert(low))) if descending else (low, high)
