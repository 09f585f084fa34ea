"""Where each word occurs, and which words resemble a given one."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from .docset import bits_of
from .text import one_edit, words

MAX_POSITION = (1 << 20) - 1
MAX_COLUMN = (1 << 11) - 1
ALONE = 1 << 20
ELEMENT_GAP = 8
"""Positions skipped between two elements of an array, so that no phrase spans them: the largest proximity."""

_DENSE = 1 / 64
_LONGEST = 200
_MOST_RECIPES = 20_000
_LONGEST_RUN = 20_000

Recipe = tuple[tuple[Callable[[int], None], int], ...]
"""How to record a text that has come before: for each word, where to append, and all but the document of the entry."""


class Vocabulary:
    """The inverted index of words: for each, its occurrences.

    An occurrence is 64 bits: document (32), column (11), alone (1: the only word of its value), position (20).

    Occurrences are only ever appended, so a search may run while documents are added: the caller's document set
    decides what counts. Words that are common keep their document set as bits between searches.
    """

    def __init__(self) -> None:
        # Most words of ids and numbers occur once, and an array for each would keep the garbage collector busy.
        self._occurrences: dict[str, int | array[int]] = {}
        self._recipes: dict[int, dict[str, Recipe]] = {}
        self._dense: dict[str, tuple[int, int]] = {}
        self._alphabet: set[str] = set()
        self._unsorted: list[str] = []
        self._runs: list[list[str]] = []

    def __contains__(self, word: str) -> bool:
        return word in self._occurrences

    def add(self, column: int, texts: Iterable[tuple[int, str]]) -> None:
        """Record the words of a column's texts, each with its document; those of one document follow each other.

        ``settle`` makes them known to ``starting_with`` and ``misspellings``.
        """
        recipes = self._recipes.setdefault(column, {})
        current, start = -1, 0
        for doc, text in texts:
            if doc != current:
                current, start = doc, 0
            recipe = recipes.get(text)
            if recipe:
                at = doc << 32 | start
                for append, low in recipe:
                    append(at + low)
                length = len(recipe)
            else:
                length = self._add_new(doc << 32 | column << 21, text, start)
                self._remember(recipes, column, text)
            start = min(start + length + ELEMENT_GAP, MAX_POSITION - _LONGEST)

    def _add_new(self, at: int, text: str, start: int) -> int:
        """Record the words of one text, and return how many these are."""
        known = self._occurrences
        found = words(text)
        first = at | (len(found) == 1) << 20 | start
        for entry, word in enumerate(found[: MAX_POSITION - start], first):
            occurrences = known.get(word)
            if occurrences is None:
                known[word] = entry
                self._unsorted.append(word)
            elif isinstance(occurrences, int):
                known[word] = array("Q", (occurrences, entry))
            else:
                occurrences.append(entry)
        return len(found)

    def _remember(self, recipes: dict[str, Recipe], column: int, text: str) -> None:
        """Of a text that comes a second time, keep where its words go: it is likely to come again."""
        if len(text) > _LONGEST:
            return
        if text not in recipes:
            if len(recipes) >= _MOST_RECIPES:
                recipes.clear()
            recipes[text] = ()
            return
        found = words(text)
        base = column << 21 | (len(found) == 1) << 20
        recipes[text] = tuple((self._array(word).append, base + place) for place, word in enumerate(found))

    def _array(self, word: str) -> "array[int]":
        occurrences = self._occurrences[word]
        if isinstance(occurrences, int):
            occurrences = self._occurrences[word] = array("Q", (occurrences,))
        return occurrences

    def settle(self) -> None:
        """Sort the new words in.

        Runs double in length, as in a log-structured merge tree: a word is moved a logarithmic number of times, and
        sorting two sorted runs merges them. Above ``_LONGEST_RUN`` words a merge would stall the event loop.
        """
        if not self._unsorted:
            return
        self._alphabet.update(*self._unsorted)
        run, self._unsorted = sorted(self._unsorted), []
        while self._runs and len(self._runs[-1]) < min(2 * len(run), _LONGEST_RUN):
            run = sorted(self._runs.pop() + run)
        self._runs.append(run)

    def occurrences(self, word: str) -> Sequence[int]:
        """The packed occurrences of a word, in the order they came."""
        found = self._occurrences.get(word, ())
        return (found,) if isinstance(found, int) else found

    def starting_with(self, prefix: str) -> Iterator[str]:
        """Every known word that starts with ``prefix``, itself included."""
        for run in self._runs:
            at = bisect_left(run, prefix)
            while at < len(run) and run[at].startswith(prefix):
                yield run[at]
                at += 1

    def misspellings(self, word: str) -> set[str]:
        """The strings one typo away from ``word`` that known words could contain."""
        return one_edit(word, self._alphabet)

    def docs_with(self, words: Iterable[str], columns: frozenset[int] | None, size: int) -> int:
        """The set of documents below ``size`` with any of ``words`` in one of ``columns`` (None: wherever)."""
        found, sparse = 0, bytearray((size >> 3) + 1)
        for word in words:
            occurrences = self.occurrences(word)
            if columns is None and len(occurrences) > size * _DENSE:
                found |= self._dense_bits(word, size)
                continue
            for doc in _docs(occurrences, columns, size):
                sparse[doc >> 3] |= 1 << (doc & 7)
        return found | int.from_bytes(sparse, "little")

    def docs_alone(self, words: Iterable[str], columns: frozenset[int] | None, size: int) -> int:
        """As ``docs_with``, where the word is all there is in a value."""
        alone = (entry for word in words for entry in self.occurrences(word) if entry & ALONE)
        return bits_of(_docs(alone, columns, size), size)

    def _dense_bits(self, word: str, size: int) -> int:
        occurrences = self.occurrences(word)
        bits, read = self._dense.get(word, (0, 0))
        if read < len(occurrences):
            bits |= bits_of((entry >> 32 for entry in occurrences[read:]), size)
            self._dense[word] = (bits, len(occurrences))
        return bits


def _docs(occurrences: Iterable[int], columns: frozenset[int] | None, size: int) -> Iterator[int]:
    end = size << 32
    if columns is None:
        return (entry >> 32 for entry in occurrences if entry < end)
    return (entry >> 32 for entry in occurrences if entry < end and entry >> 21 & MAX_COLUMN in columns)
