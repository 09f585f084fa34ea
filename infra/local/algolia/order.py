"""The order of all documents by their own attributes: ``asc(a)``, ``desc(b)``, then objectID."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import total_ordering
from itertools import compress
from typing import Any

from .docset import docs_in, mask_of
from .schema import Leaf

SortBy = tuple[str, bool]
"""An attribute and whether it is descending."""

_MISSING = (2, 0)
_FEW = 64


@total_ordering
class _Descending:
    """A string that sorts backwards."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.text == other.text

    def __lt__(self, other: "_Descending") -> bool:
        return other.text < self.text


def sort_key(leaf: Leaf | None, descending: bool) -> tuple[int, Any]:
    """A key that sorts numbers before texts and missing values last, either way; booleans sort as words do."""
    if leaf is None:
        return _MISSING
    if isinstance(leaf, bool):
        return 0, int(leaf) if not descending else -int(leaf)
    if isinstance(leaf, str):
        return 1, _Descending(leaf) if descending else leaf
    return 0, -leaf if descending else leaf


class StaticOrder:
    """All documents in one order, kept between searches and brought up to date by merging the new ones in.

    ``rest``: the order by what follows the first attribute of ``chain``; with it, one sort is enough to begin.
    """

    def __init__(
        self,
        chain: Sequence[SortBy],
        columns: dict[str, list[Leaf | None]],
        ids: list[str],
        rest: "StaticOrder | None" = None,
    ) -> None:
        self._sources = [(columns[attribute], descending) for attribute, descending in chain]
        self._ids = ids
        self._rest = rest
        self._order: list[int] = []
        self._alive = 0
        self._size = 0
        self._rank: array[int] | None = None

    def update(self, alive: int, size: int) -> None:
        """Take in the documents that are ``alive`` now, of ``size`` ever added."""
        if alive == self._alive and size == self._size:
            return
        added = docs_in(alive & ~self._alive, size)
        if len(added) * _FEW > len(self._order):
            self._order = self._sorted(alive, size)
        else:
            mask = mask_of(alive, size)
            self._order = self._merged(list(compress(self._order, map(mask.__getitem__, self._order))), added)
        self._alive, self._size, self._rank = alive, size, None

    def _sorted(self, alive: int, size: int) -> list[int]:
        """Stable sorts from the last criterion to the first; numbers are compared as they are, which is fast."""
        if self._rest is not None:
            self._rest.update(alive, size)
            docs, sources = self._rest._order.copy(), self._sources[:1]
        else:
            docs, sources = sorted(docs_in(alive, size), key=self._ids.__getitem__), self._sources
        for column, descending in reversed(sources):
            if set(map(type, column)) <= {int, float}:
                docs.sort(key=column.__getitem__, reverse=descending)  # type: ignore[arg-type]  # numbers only
            else:
                docs.sort(key=[sort_key(leaf, descending) for leaf in column].__getitem__)
        return docs

    def _merged(self, ordered: list[int], added: list[int]) -> list[int]:
        """Both in order; few new documents cost a search each, not a sort of all."""
        merged: list[int] = []
        at = 0
        for doc in sorted(added, key=self._key):
            place = bisect_left(ordered, self._key(doc), lo=at, key=self._key)
            merged += ordered[at:place]
            merged.append(doc)
            at = place
        return merged + ordered[at:]

    def _key(self, doc: int) -> tuple[Any, ...]:
        return (*(sort_key(column[doc], descending) for column, descending in self._sources), self._ids[doc])

    def among(self, mask: bytes) -> Iterator[int]:
        """The documents of a mask, best first."""
        return compress(self._order, map(mask.__getitem__, self._order))

    def rank(self) -> "array[int]":
        """For each document its place in the order."""
        if self._rank is None:
            self._rank = array("I", bytes(4 * self._size))
            for place, doc in enumerate(self._order):
                self._rank[doc] = place
        return self._rank
