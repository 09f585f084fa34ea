"""Where each word occurs, and which words resemble a given one."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from .docset import Postings, bits_of
from .text import one_edit

MAX_POSITION = (1 << 20) - 1
MAX_COLUMN = (1 << 11) - 1
ALONE = 1 << 20
ELEMENT_GAP = 8
"""Positions skipped between two elements of an array, so that no phrase spans them: the largest proximity."""

_TAIL_LIMIT = 5_000
_DENSE = 1 / 64


class _Occurrences(dict[str, "array[int]"]):
    """Occurrences by word; notices the words it meets for the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.alphabet: set[str] = set()
        self.unsorted: list[str] = []

    def __missing__(self, word: str) -> "array[int]":
        self.alphabet.update(word)
        self.unsorted.append(word)
        found = self[word] = array("Q")
        return found


class Vocabulary:
    """The inverted index of words: for each, its occurrences, ascending by document.

    An occurrence is 64 bits: document (32), column (11), alone (1: the only word of its value), position (20).

    Occurrences are only ever appended, so a search may run while documents are added: the caller's document set
    decides what counts. Words that are common keep their document set as bits between searches.
    """

    def __init__(self) -> None:
        self._occurrences = _Occurrences()
        self._dense: dict[str, Postings] = {}
        self._sorted: list[str] = []
        self._tail: list[str] = []

    def __contains__(self, word: str) -> bool:
        return word in self._occurrences

    def add(self, doc: int, column: int, words: list[str], start: int) -> None:
        """Record one value's words, the first at position ``start`` of the column."""
        first = doc << 32 | column << 21 | (len(words) == 1) << 20 | min(start, MAX_POSITION)
        occurrences = self._occurrences
        for entry, word in enumerate(words[: MAX_POSITION - start], first):
            occurrences[word].append(entry)

    def occurrences(self, word: str) -> "array[int]":
        """The packed occurrences of a known word."""
        return self._occurrences[word]

    def starting_with(self, prefix: str) -> Iterator[str]:
        """Every known word that starts with ``prefix``, itself included."""
        if self._occurrences.unsorted:
            self._tail = sorted([*self._tail, *self._occurrences.unsorted])
            self._occurrences.unsorted = []
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
        return one_edit(word, self._occurrences.alphabet)

    def docs_with(self, words: Iterable[str], columns: frozenset[int] | None, size: int) -> int:
        """The set of documents below ``size`` with any of ``words`` in one of ``columns`` (None: wherever)."""
        found, sparse = 0, bytearray((size >> 3) + 1)
        for word in words:
            occurrences = self._occurrences.get(word, ())
            if columns is None and len(occurrences) > size * _DENSE:
                found |= self._dense_bits(word)
                continue
            for doc in _docs(occurrences, columns, size):
                sparse[doc >> 3] |= 1 << (doc & 7)
        return found | int.from_bytes(sparse, "little")

    def docs_alone(self, words: Iterable[str], columns: frozenset[int] | None, size: int) -> int:
        """As ``docs_with``, where the word is all there is in a value."""
        alone = (entry for word in words for entry in self._occurrences.get(word, ()) if entry & ALONE)
        return bits_of(_docs(alone, columns, size), size)

    def _dense_bits(self, word: str) -> int:
        occurrences = self._occurrences[word]
        postings = self._dense.setdefault(word, Postings())
        known = postings.docs[-1] + 1 if postings.docs else 0
        for entry in occurrences[bisect_left(occurrences, known << 32) :]:
            postings.add(entry >> 32)
        return postings.bits()


def _docs(occurrences: Iterable[int], columns: frozenset[int] | None, size: int) -> Iterator[int]:
    end = size << 32
    if columns is None:
        return (entry >> 32 for entry in occurrences if entry < end)
    return (entry >> 32 for entry in occurrences if entry < end and entry >> 21 & MAX_COLUMN in columns)
