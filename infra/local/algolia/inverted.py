"""The in-memory index of one primary: everything a search needs but the records themselves."""

from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

from .docset import Postings, bits_of
from .order import SortBy, StaticOrder
from .schema import Leaf, Schema, facet_value, leaves
from .text import fold, words
from .vocabulary import ELEMENT_GAP, MAX_COLUMN, Vocabulary


class Numbers:
    """The numbers of one attribute, in the order they came."""

    def __init__(self) -> None:
        self.values = array("d")
        self.docs = array("I")

    def add(self, doc: int, value: float) -> None:
        """One more number."""
        self.values.append(value)
        self.docs.append(doc)

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

    def add(self, doc: int, value: str) -> None:
        """The document has the value."""
        postings = self.values.get(value)
        if postings is None:
            postings = self.values[value] = Postings()
            self._folded.setdefault(fold(value), []).append(postings)
        postings.add(doc)

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
        for object_id, record in changes:
            replaced = self.doc_of.pop(object_id, None)
            if replaced is not None:
                dead.append(replaced)
            if record is not None:
                self._append(object_id, record)
        added = bits_of(range(first, self.size), self.size)
        self.alive = (self.alive | added) & ~bits_of(dead, self.size)

    def _append(self, object_id: str, record: dict[str, Any]) -> None:
        doc = len(self.ids)
        self.ids.append(object_id)
        self.doc_of[object_id] = doc
        found = leaves(record)
        for path, values in found.items():
            searchable, faceted = self.schema.roles(path)
            if searchable:
                self._add_words(doc, path, values)
            if faceted:
                self._add_facets(doc, path, values)
            self._add_numbers(doc, path, values)
        for path, column in self._sorts.items():
            column.append(found[path][0] if path in found else None)

    def _add_words(self, doc: int, path: str, values: list[Leaf]) -> None:
        column = self.columns.get(path)
        if column is None:
            column = self.columns[path] = min(len(self.columns), MAX_COLUMN)
        start = 0
        for value in values:
            if not isinstance(value, bool):
                found = words(value if isinstance(value, str) else facet_value(value))
                self.words.add(doc, column, found, start)
                start += len(found) + ELEMENT_GAP

    def _add_facets(self, doc: int, path: str, values: list[Leaf]) -> None:
        facet = self.facets.get(path)
        if facet is None:
            facet = self.facets[path] = Facet()
        for value in values:
            facet.add(doc, facet_value(value))

    def _add_numbers(self, doc: int, path: str, values: list[Leaf]) -> None:
        for value in values:
            if isinstance(value, int | float) and not isinstance(value, bool):
                numbers = self.numbers.get(path)
                if numbers is None:
                    numbers = self.numbers[path] = Numbers()
                numbers.add(doc, value)

    def order(self, chain: tuple[SortBy, ...]) -> StaticOrder:
        """All documents ordered by the attributes of ``chain``, as of now."""
        order = self._orders.get(chain)
        if order is None:
            order = self._orders[chain] = StaticOrder(chain, self._sorts, self.ids)
        order.update(self.alive, self.size)
        return order

    def sort_values(self, attribute: str) -> list[Leaf | None]:
        """For each document its value of a sorting attribute (the first one of an array)."""
        return self._sorts[attribute]
