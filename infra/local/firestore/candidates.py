"""Documents that may satisfy a filter, from index entries alone, without reading a document."""

from collections.abc import Iterator

from infra.local.firestore.encode import encode_path, encode_path_prefix
from infra.local.firestore.filters import (
    EVERYTHING,
    NAME,
    And,
    Filter,
    Leaf,
    Or,
    Range,
    conjuncts,
    leaves,
)
from infra.local.firestore.indexes import Components, IndexSet
from infra.local.firestore.planner import Scan, Scope, leaf_scan
from infra.local.firestore.queries import Query
from infra.local.firestore.storage import Reader, Store

_WORTHWHILE = 16
"""A condition with up to this many times the entries of the most selective one is still intersected with it."""


class Candidates:
    """Counts and sets of documents for the filter of one query on one snapshot."""

    def __init__(self, store: Store, reader: Reader, indexes: IndexSet, query: Query) -> None:
        self._store = store
        self._reader = reader
        self._indexes = indexes
        self._query = query

    def scopes(self, components: Components) -> list[Scope]:
        """Where an index keeps the queried collections."""
        query = self._query
        base = self._store.index(query.database, query.group, components, whole_group=False)
        prefix = encode_path_prefix((*query.parent, query.group))
        own = Scope(base + encode_path(query.parent), prefix)
        if not query.whole_group:
            return [own]
        nested = Scope(self._store.index(query.database, query.group, components, whole_group=True), b"")
        return [nested] if query.parent else [own, nested]

    def ranges(self, scan: Scan) -> Iterator[tuple[bytes, bytes]]:
        """A scan's key ranges in all scopes."""
        for scope in self.scopes(scan.components):
            yield from scan.ranges(scope)

    def count(self, scan: Scan, at_most: int) -> int:
        """Entries of a scan; about ``at_most`` means: that or more. -1 counts all."""
        total = 0
        for low, high in self.ranges(scan):
            total += self._reader.count(low, high, at_most - total if at_most >= 0 else -1)
            if 0 <= at_most <= total:
                break
        return total

    def estimate(self, node: Filter, at_most: int) -> int | None:
        """An upper bound on the matches, counted up to ``at_most``; None where no index helps."""
        if isinstance(node, And):
            known = [each for child in node.children if (each := self.estimate(child, at_most)) is not None]
            return min(known, default=None)
        if isinstance(node, Or):
            parts = [self.estimate(child, at_most) for child in node.children]
            return None if None in parts else sum(part for part in parts if part is not None)
        if self._is_exempt(node):
            return None
        return self.count(leaf_scan(node), at_most)

    def superset(self, node: Filter) -> set[int] | None:
        """Documents among which all matches are; None where no index helps."""
        if isinstance(node, Or):
            parts = [self.superset(child) for child in node.children]
            return None if None in parts else set().union(*(part for part in parts if part is not None))
        if isinstance(node, And):
            return self._intersection(node)
        return None if self._is_exempt(node) else self._ids(node)

    def exact_count(self) -> int | None:
        """The number of matches, without cursors, offset and limit; None where the indexes cannot tell."""
        node = self._with_orders()
        if any(self._is_exempt(leaf) for leaf in leaves(node)):
            return None
        if isinstance(node, Range):
            return self.count(leaf_scan(node), -1)
        return len(self._exact(node))

    def _with_orders(self) -> Filter:
        """The filter, and that the ordered fields exist."""
        present = conjuncts(self._query.filter)
        constrained = {leaf.path for leaf in present if isinstance(leaf, Range)}
        paths = [order.path for order in self._query.orders if order.path not in constrained | {NAME}]
        parts = (*present, *(Range(path, EVERYTHING) for path in paths))
        if not parts:
            return Range(NAME, EVERYTHING)
        return parts[0] if len(parts) == 1 else And(parts)

    def _exact(self, node: Filter) -> set[int]:
        if isinstance(node, And):
            return set.intersection(*map(self._exact, node.children))
        if isinstance(node, Or):
            return set().union(*map(self._exact, node.children))
        return self._ids(node)

    def _intersection(self, node: And) -> set[int] | None:
        sized = [(size, child) for child in node.children if (size := self.estimate(child, -1)) is not None]
        if not sized:
            return None
        sized.sort(key=lambda pair: pair[0])
        found: set[int] | None = None
        for size, child in sized:
            if found is not None and size > _WORTHWHILE * len(found):
                break
            ids = self.superset(child)
            found = ids if found is None or ids is None else found & ids
        return found

    def _ids(self, leaf: Leaf) -> set[int]:
        return set().union(*(self._reader.ids(low, high) for low, high in self.ranges(leaf_scan(leaf))))

    def _is_exempt(self, leaf: Leaf) -> bool:
        return leaf.path != NAME and self._indexes.is_exempt(self._query.group, leaf.path)
