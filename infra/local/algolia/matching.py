"""From the query's words to the documents that contain them, with their typos."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .inverted import InvertedIndex
from .text import fold, words
from .vocabulary import MAX_COLUMN, MAX_POSITION, Vocabulary

_ENTRIES_PER_TURN = 20_000
"""Occurrences read before the event loop gets a turn: about 5 ms."""

QueryType = Literal["prefixLast", "prefixAll", "prefixNone"]


@dataclass(frozen=True)
class TypoRules:
    """How much may be misspelled: the settings of the same names.

    At most one edit is looked for in a word. An edit of the first letter counts as two typos, as on Algolia, so it is
    only accepted in words of at least ``min_size_for_2`` letters.
    """

    tolerance: Literal["true", "false", "min", "strict"] = "true"
    min_size_for_1: int = 4
    min_size_for_2: int = 8
    on_numbers: bool = True
    except_words: frozenset[str] = frozenset()
    except_attributes: tuple[str, ...] = ()

    def budget(self, word: str) -> int:
        """How many typos a match of ``word`` may have."""
        if self.tolerance == "false" or word in self.except_words or (word.isdigit() and not self.on_numbers):
            return 0
        return (len(word) >= self.min_size_for_1) + (len(word) >= self.min_size_for_2)


@dataclass(frozen=True)
class Scope:
    """The columns to search in, None for all there are: ``literal`` for words as written, ``misspelled`` with typos."""

    literal: frozenset[int] | None
    misspelled: frozenset[int] | None

    def columns(self, typos: int) -> frozenset[int] | None:
        """Where a match with so many typos counts."""
        return self.misspelled if typos else self.literal


@dataclass
class Term:
    """One word of the query and the known words that match it: for each its typos and how many letters matched."""

    word: str
    optional: bool = False
    matches: dict[str, tuple[int, int]] = field(default_factory=dict)

    def with_typos(self, typos: int) -> list[str]:
        """The matching words with exactly so many typos."""
        return [word for word, (count, _) in self.matches.items() if count == typos]


def terms_of(
    query: str, kind: QueryType, optional: Iterable[str], rules: TypoRules, known: Vocabulary
) -> list[Term]:
    """The query's words with everything known that matches them."""
    found = words(query)
    optional_words = {fold(word) for text in optional for word in words(text)}
    terms = []
    for place, word in enumerate(found):
        is_prefix = kind == "prefixAll" or (kind == "prefixLast" and place == len(found) - 1)
        term = Term(word, word in optional_words)
        _match(term, known, is_prefix, rules.budget(word))
        terms.append(term)
    return terms


def _match(term: Term, known: Vocabulary, is_prefix: bool, budget: int) -> None:
    _collect(term, known, term.word, is_prefix, 0)
    if budget:
        for variant in known.misspellings(term.word):
            typos = 1 if variant[0] == term.word[0] else 2
            if typos <= budget:
                _collect(term, known, variant, is_prefix, typos)


def _collect(term: Term, known: Vocabulary, spelling: str, is_prefix: bool, typos: int) -> None:
    candidates: Iterable[str] = (spelling,) if spelling in known else ()
    for word in known.starting_with(spelling) if is_prefix else candidates:
        best = term.matches.get(word)
        if best is None or typos < best[0] or (typos == best[0] and len(spelling) > best[1]):
            term.matches[word] = (typos, len(spelling))


Weights = Mapping[int, tuple[int, int]]
"""For each column: the weight of a match in it, and the bits of the position that add to it."""

Level = tuple[int, int]
"""Typos and number of query words matched."""


def levels(index: InvertedIndex, terms: list[Term], scope: Scope, within: int) -> dict[Level, int]:
    """The documents of ``within`` that match, by their typos and number of matched words.

    Every word that is not optional must match; when all are optional, at least one must.
    """
    reached: dict[Level, int] = {(0, 0): within}
    for term in terms:
        by_typos = _docs_by_typos(index, term, scope)
        following: dict[Level, int] = {}
        for (typos, matched), docs in reached.items():
            rest = docs
            for count, matching in by_typos.items():
                _merge(following, (typos + count, matched + 1), rest & matching)
                rest &= ~matching
            if term.optional:
                _merge(following, (typos, matched), rest)
        reached = following
    if terms:
        reached.pop((0, 0), None)
    return reached


def _merge(levels: dict[Level, int], level: Level, docs: int) -> None:
    if docs:
        levels[level] = levels.get(level, 0) | docs


def _docs_by_typos(index: InvertedIndex, term: Term, scope: Scope) -> dict[int, int]:
    found = {}
    for typos in (0, 1, 2):
        spellings = term.with_typos(typos)
        if spellings:
            found[typos] = index.words.docs_with(spellings, scope.columns(typos), index.size)
    return found


async def _occurrence_chunks(
    index: InvertedIndex, term: Term, scope: Scope
) -> AsyncIterator[tuple[Iterable[int], frozenset[int] | None]]:
    """All occurrences of the words that match a term, with the columns in which these count.

    The event loop gets a turn every few thousand.
    """
    read = 0
    for word, (typos, _) in term.matches.items():
        columns = scope.columns(typos)
        occurrences = index.words.occurrences(word)
        for start in range(0, len(occurrences), _ENTRIES_PER_TURN):
            chunk = occurrences[start : start + _ENTRIES_PER_TURN]
            yield chunk, columns
            read += len(chunk)
            if read > _ENTRIES_PER_TURN:
                read = 0
                await asyncio.sleep(0)


async def places_of(index: InvertedIndex, term: Term, scope: Scope, mask: bytes) -> dict[int, list[int]]:
    """Where the documents of a mask contain the term: ``column << 20 | position``, by document."""
    found: dict[int, list[int]] = {}
    size = len(mask)
    async for chunk, columns in _occurrence_chunks(index, term, scope):
        for entry in chunk:
            doc = entry >> 32
            if doc < size and mask[doc]:
                column = entry >> 21 & MAX_COLUMN
                if columns is None or column in columns:
                    place = column << 20 | entry & MAX_POSITION
                    known = found.get(doc)
                    if known is None:
                        found[doc] = [place]
                    else:
                        known.append(place)
    return found


async def best_weights(
    index: InvertedIndex, term: Term, scope: Scope, weights: Weights, mask: bytes, best: list[int]
) -> None:
    """Lower ``best`` (by document) to the least weight of an occurrence of the term."""
    size = len(mask)
    async for chunk, columns in _occurrence_chunks(index, term, scope):
        for entry in chunk:
            doc = entry >> 32
            if doc < size and mask[doc]:
                column = entry >> 21 & MAX_COLUMN
                if column in weights and (columns is None or column in columns):
                    base, counted = weights[column]
                    weight = base | entry & counted
                    if weight < best[doc]:
                        best[doc] = weight
