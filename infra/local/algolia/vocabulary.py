"""Where each word occurs, and which words resemble a given one."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from .docset import Postings
from .text import one_edit

MAX_POSITION = (1 << 20) - 1
MAX_COLUMN = (1 << 11) - 1
ELEMENT_GAP = 8
"""Positions skipped between two elements of an array, so that no phrase spans them: the largest proximity."""

_TAIL_LIMIT = 5_000
_DENSE = 1 / 64


class Vocabulary:
    """The inverted index of words: for each, its occurrences, ascending by document.

    An occurrence is 64 bits: document (32), column (11), alone (1: the only word of its value), position (20).

    Occurrences are only ever appended, so a search may run while documents are added: the caller's document set
    decides what counts. Words that are common keep their document set as bits between searches.
    """

    def __init__(self) -> None:
        self._occurrences: dict[str, array[int]] = {}
        self._dense: dict[str, Postings] = {}
        self._alphabet: set[str] = set()
        self._sorted: list[str] = []
        self._tail: list[str] = []
        self._unsorted: list[str] = []

    def __contains__(self, word: str) -> bool:
        return word in self._occurrences

    def add(self, doc: int, column: int, words: list[str], start: int) -> None:
        """Record one value's words, the first at position ``start`` of the column."""
        head = doc << 32 | column << 21 | (len(words) == 1) << 20
        occurrences = self._occurrences
        for position, word in enumerate(words, start):
            found = occurrences.get(word)
            if found is None:
                found = self._new_word(word)
            found.append(head | (position if position < MAX_POSITION else MAX_POSITION))

    def _new_word(self, word: str) -> "array[int]":
        self._unsorted.append(word)
        self._alphabet.update(word)
        self._occurrences[word] = array("Q")
        return self._occurrences[word]

    def occurrences(self, word: str) -> "array[int]":
        """The packed occurrences of a known word."""
        return self._occurrences[word]

    def starting_with(self, prefix: str) -> Iterator[str]:
        """Every known word that starts with ``prefix``, itself included."""
        if self._unsorted:
            self._tail.extend(self._unsorted)
            self._tail.sort()
            self._unsorted = []
        if len(self._tail) > _TAIL_LIMIT:
            self._sorted = sorted([*self._sorted, *self._tail])
            self._tail = []
        for run in (self._sorted, self._tail):
            at = bisect_left(run, prefix)
            while at < len(run) and run[at].startswith(prefix):
                yield run[at]
                at += 1

    def misspellings(self, word: str) -> set[str]:
        """The strings one typo away from ``word`` that known words could contain."""
        return one_edit(word, self._alphabet)

    def docs_with(self, words: Iterable[str], columns: frozenset[int] | None, size: int) -> int:
        """The set of documents below ``size`` with any of ``words`` in one of ``columns`` (None: wherever)."""
        packed = bytearray((size >> 3) + 1)
        found, end = 0, size << 32
        for word in words:
            occurrences = self._occurrences[word]
            if columns is None and len(occurrences) > size * _DENSE:
                found |= self._dense_bits(word, occurrences)
                continue
            for entry in occurrences:
                if entry < end and (columns is None or entry >> 21 & MAX_COLUMN in columns):
                    doc = entry >> 32
                    packed[doc >> 3] |= 1 << (doc & 7)
        return found | int.from_bytes(packed, "little")

    def _dense_bits(self, word: str, occurrences: "array[int]") -> int:
        postings = self._dense.setdefault(word, Postings())
        known = postings.docs[-1] + 1 if postings.docs else 0
        for entry in occurrences[bisect_left(occurrences, known << 32) :]:
            postings.add(entry >> 32)
        return postings.bits()
