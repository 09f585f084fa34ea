"""The in-memory index of one primary: everything a search needs but the records themselves."""

import asyncio
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

from .docset import Postings, bits_of
from .order import SortBy, StaticOrder
from .schema import Entries, Leaf, Schema, collect_leaves, facet_value
from .text import fold
from .vocabulary import MAX_COLUMN, Vocabulary


class Numbers:
    """The numbers of one attribute, in the order they came."""

    def __init__(self) -> None:
        self.values = array("d")
        self.docs = array("I")

    def extend(self, entries: Iterable[tuple[int, float]]) -> None:
        """More numbers, each with its document."""
        for doc, value in entries:
            self.docs.append(doc)
            self.values.append(value)

    def docs_where(self, holds: Callable[[float], Any], size: int) -> int:
        """The documents with a number for which ``holds``; scanning is faster than sorting after every write."""
        return bits_of(compress(self.docs, map(holds, self.values)), size)

    def values_in(self, mask: bytes) -> list[float]:
        """The numbers of the documents of a mask that covers all documents."""
        return list(compress(self.values, map(mask.__getitem__, self.docs)))


class Facet:
    """The documents of each value of one attribute."""

    def __init__(self) -> None:
        self.values: dict[str, Postings] = {}
        self._folded: dict[str, list[Postings]] = {}

    def extend(self, entries: Iterable[tuple[int, Leaf]]) -> None:
        """Documents, ascending, each with a value it has."""
        known = self.values
        for doc, leaf in entries:
            value = leaf if type(leaf) is str else facet_value(leaf)
            postings = known.get(value)
            if postings is None:
                postings = known[value] = Postings()
                self._folded.setdefault(fold(value), []).append(postings)
            postings.add(doc)

    def count_new(self) -> None:
        """Do now what the next search would have to do for the documents that came since the last one."""
        for postings in self.values.values():
            postings.bits()

    def docs_with(self, value: str) -> int:
        """The documents with the value, whatever its letter case."""
        found = 0
        for postings in self._folded.get(fold(value), ()):
            found |= postings.bits()
        return found

    def docs_with_exactly(self, value: str) -> int:
        """The documents with this very value."""
        return self.values[value].bits() if value in self.values else 0


class InvertedIndex:
    """Documents numbered in the order they came. A changed record is a new document; the old one is no longer alive.

    Nothing is removed in between, so a search that works on a copy of ``alive`` and ``size`` is not disturbed by
    writes. ``wasteful`` says when building anew pays.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.ids: list[str] = []
        self.doc_of: dict[str, int] = {}
        self.alive = 0
        self.words = Vocabulary()
        self.columns: dict[str, int] = {}
        self.facets: dict[str, Facet] = {}
        self.numbers: dict[str, Numbers] = {}
        self._sorts: dict[str, list[Leaf | None]] = {path: [] for path in schema.sorts}
        self._orders: dict[tuple[SortBy, ...], StaticOrder] = {}

    @property
    def size(self) -> int:
        """Documents ever added."""
        return len(self.ids)

    @property
    def wasteful(self) -> bool:
        """More than half of a large index is dead documents."""
        return self.size > 20_000 and self.size > 2 * len(self.doc_of)

    def apply(self, changes: Sequence[tuple[str, dict[str, Any] | None]]) -> None:
        """Put records by objectID, or take them out (None)."""
        first, dead = self.size, []
        found: defaultdict[str, Entries] = defaultdict(list)
        for object_id, record in changes:
            replaced = self.doc_of.pop(object_id, None)
            if replaced is not None:
                dead.append(replaced)
            if record is not None:
                doc = self.doc_of[object_id] = len(self.ids)
                self.ids.append(object_id)
                collect_leaves(found, doc, record)
        for path, entries in found.items():
            self._add(path, entries)
        for path, column in self._sorts.items():
            column.extend(_first_values(found.get(path, ()), first, self.size))
        self.words.settle()
        added = bits_of(range(first, self.size), self.size)
        self.alive = (self.alive | added) & ~bits_of(dead, self.size)

    def _add(self, path: str, entries: Entries) -> None:
        searchable, faceted = self.schema.roles(path)
        if searchable:
            column = self.columns.setdefault(path, min(len(self.columns), MAX_COLUMN))
            self.words.add(column, _texts(entries))
        if faceted:
            self.facets.setdefault(path, Facet()).extend(entries)
        numbers = [(doc, leaf) for doc, leaf in entries if type(leaf) is float or type(leaf) is int]
        if numbers:
            self.numbers.setdefault(path, Numbers()).extend(numbers)

    async def prepare_facets(self) -> None:
        """Do what the first search with facets would have to do, an attribute per turn of the event loop."""
        for facet in list(self.facets.values()):
            facet.count_new()
            await asyncio.sleep(0)

    async def prepare_order(self, chain: tuple[SortBy, ...]) -> None:
        """Sort for the first time, by one attribute per turn of the event loop; later on, there is little to do."""
        if chain not in self._orders:
            for start in range(len(chain), -1, -1):
                self.order(chain[start:])
                await asyncio.sleep(0)

    def _order(self, chain: tuple[SortBy, ...]) -> StaticOrder:
        if chain not in self._orders:
            rest = self._order(chain[1:]) if chain else None
            self._orders[chain] = StaticOrder(chain, self._sorts, self.ids, rest)
        return self._orders[chain]

    def order(self, chain: tuple[SortBy, ...]) -> StaticOrder:
        """All documents ordered by the attributes of ``chain``, as of now."""
        order = self._order(chain)
        order.update(self.alive, self.size)
        return order

    def sort_values(self, attribute: str) -> list[Leaf | None]:
        """For each document its value of a sorting attribute (the first one of an array)."""
        return self._sorts[attribute]


def _texts(entries: Entries) -> Iterator[tuple[int, str]]:
    """What is searched as text: numbers are, booleans are not."""
    for doc, leaf in entries:
        if type(leaf) is str:
            yield doc, leaf
        elif type(leaf) is not bool:
            yield doc, facet_value(leaf)


def _first_values(entries: Sequence[tuple[int, Leaf]], start: int, end: int) -> list[Leaf | None]:
    """The value of each document from ``start`` to ``end``; of an array its first element."""
    values: list[Leaf | None] = [None] * (end - start)
    for doc, leaf in reversed(entries):
        values[doc - start] = leaf
    return values
