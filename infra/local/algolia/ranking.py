"""Algolia's tie-breaking: documents are compared by one criterion after the other.

https://www.algolia.com/doc/guides/managing-results/relevance-overview/in-depth/ranking-criteria. ``geo`` and
``filters`` never differ here (no geo search, no optional filters or scores). What is left equal is ordered by
objectID, so that pages are stable over writes and restarts.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice, pairwise
from typing import Any, Literal

from .docset import docs_in, mask_of
from .inverted import InvertedIndex
from .matching import Level, Scope, Term, Weights, best_weights, places_of
from .order import SortBy, sort_key
from .vocabulary import MAX_POSITION

FURTHEST = 8
"""The proximity of two words that are far apart or in different attributes."""

_WORST_WEIGHT = 1 << 62
_CHUNK = 1_000
"""Documents compared before the event loop gets a turn."""

ExactOnSingleWord = Literal["attribute", "none", "word"]
Criterion = str | SortBy


@dataclass(frozen=True)
class RankBy:
    """How one index ranks.

    ``criteria`` are names (``typo``, ``words``, …) and sorts; ``custom`` has been replaced by the sorts of
    customRanking. ``priorities`` gives for each searchable column its rank and whether position counts in it; empty
    when no searchableAttributes are set, which turns the attribute criterion off.
    """

    criteria: tuple[Criterion, ...]
    priorities: Mapping[int, tuple[int, bool]]
    exact_on_single_word: ExactOnSingleWord = "attribute"

    def sorts(self) -> tuple[SortBy, ...]:
        """All sorts, in order: the whole ranking when there is no text to match."""
        return tuple(criterion for criterion in self.criteria if isinstance(criterion, tuple))

    def trailing_sorts(self) -> tuple[SortBy, ...]:
        """The sorts that no textual criterion follows."""
        trailing: list[SortBy] = []
        for criterion in reversed(self.criteria):
            if not isinstance(criterion, tuple):
                break
            trailing.insert(0, criterion)
        return tuple(trailing)

    def by_level_first(self) -> bool:
        """Typos and words come before everything else, so that levels can be compared as a whole."""
        return [name for name in self.criteria if name not in ("geo", "filters")][:2] == ["typo", "words"]


@dataclass(frozen=True)
class Relevance:
    """The textual criteria of one document; ``attribute`` is the rank of its best attribute and the position there."""

    typos: int = 0
    matched: int = 0
    proximity: int = 0
    attribute: int = 0
    exact: int = 0


Ranked = tuple[int, Relevance]


def by_attributes(index: InvertedIndex, rank_by: RankBy, docs: int, window: slice) -> list[Ranked]:
    """A window of the documents in the order of their own attributes, for a query without words."""
    ordered = index.order(rank_by.sorts()).among(mask_of(docs, index.size))
    return [(doc, Relevance()) for doc in islice(ordered, window.start, window.stop)]


class RelevanceRanking:
    """Ranks the documents that match the words of one query."""

    def __init__(self, index: InvertedIndex, rank_by: RankBy, terms: Sequence[Term], scope: Scope) -> None:
        self._index = index
        self._rank_by = rank_by
        self._terms = terms
        self._scope = scope
        self._weights = _weights(rank_by.priorities)

    async def window(self, levels: Mapping[Level, int], window: slice) -> list[Ranked]:
        """A window of the matching documents, best first.

        Only the levels that reach into the window are compared document by document, and the event loop gets a turn
        every few thousand of them.
        """
        by_level = self._rank_by.by_level_first()
        ranked: list[tuple[Any, Ranked]] = []
        skipped = 0
        for level in sorted(levels, key=lambda level: (level[0], -level[1])):
            count = levels[level].bit_count()
            if by_level and skipped + count <= window.start:
                skipped += count
                continue
            ranked.extend(
                await self._ranked(level, levels[level], window.stop - skipped - len(ranked) * by_level)
            )
            if by_level and skipped + len(ranked) >= window.stop:
                break
        if not by_level:
            ranked.sort(key=lambda entry: entry[0])
        return [entry for _, entry in ranked[window.start - skipped : window.stop - skipped]]

    async def _ranked(self, level: Level, bits: int, limit: int) -> list[tuple[Any, Ranked]]:
        """The first ``limit`` documents of one level, each with the key it was compared by."""
        mask = mask_of(bits, self._index.size)
        docs = docs_in(bits, self._index.size)
        values = await self._textual_values(mask, docs)
        place = self._index.order(self._rank_by.trailing_sorts()).rank()
        keys = zip(
            *self._key_columns(level, values, docs),
            map(place.__getitem__, docs),
            range(len(docs)),
            strict=True,
        )
        return [
            (
                key[:-1],
                (docs[key[-1]], Relevance(*level, *(values[name][key[-1]] for name in values))),
            )
            for key in nsmallest(limit, keys)
        ]

    def _key_columns(self, level: Level, values: Mapping[str, list[int]], docs: list[int]) -> Iterator[Any]:
        criteria = self._rank_by.criteria
        for criterion in criteria[: len(criteria) - len(self._rank_by.trailing_sorts())]:
            if isinstance(criterion, tuple):
                column, descending = self._index.sort_values(criterion[0]), criterion[1]
                yield [sort_key(column[doc], descending) for doc in docs]
            elif criterion in ("typo", "words"):
                yield [level[0] if criterion == "typo" else -level[1]] * len(docs)
            elif criterion == "exact":
                yield [-value for value in values["exact"]]
            elif criterion in values:
                yield values[criterion]

    async def _textual_values(self, mask: bytes, docs: list[int]) -> dict[str, list[int]]:
        """Proximity, attribute and exact of each document, in their order."""
        return {
            "proximity": await self._proximities(mask, docs),
            "attribute": await self._best_attributes(mask, docs),
            "exact": self._exact_counts(docs),
        }

    async def _proximities(self, mask: bytes, docs: list[int]) -> list[int]:
        if len(self._terms) == 1:
            return [0] * len(docs)
        places = [await places_of(self._index, term, self._scope, mask) for term in self._terms]
        values: list[int] = []
        for start in range(0, len(docs), _CHUNK):
            chunk = docs[start : start + _CHUNK]
            values.extend(_proximity([found.get(doc, ()) for found in places]) for doc in chunk)
            await asyncio.sleep(0)
        return values

    async def _best_attributes(self, mask: bytes, docs: list[int]) -> list[int]:
        if not self._weights:
            return [0] * len(docs)
        best = [_WORST_WEIGHT] * len(mask)
        for term in self._terms:
            await best_weights(self._index, term, self._scope, self._weights, mask, best)
        return list(map(best.__getitem__, docs))

    def _exact_counts(self, docs: list[int]) -> list[int]:
        """How many query words each document contains as they are; a single word may have to be a whole value."""
        size, mode = self._index.size, self._rank_by.exact_on_single_word
        if len(self._terms) == 1 and mode == "none":
            return [0] * len(docs)
        find = (
            self._index.words.docs_alone
            if len(self._terms) == 1 and mode == "attribute"
            else self._index.words.docs_with
        )
        masks = [mask_of(find([term.word], self._scope.literal, size), size) for term in self._terms]
        return [sum(counts) for counts in zip(*(map(mask.__getitem__, docs) for mask in masks), strict=True)]


def _weights(priorities: Mapping[int, tuple[int, bool]]) -> Weights:
    """Rank first, then the position where it counts."""
    return {
        column: (rank << MAX_POSITION.bit_length(), MAX_POSITION if ordered else 0)
        for column, (rank, ordered) in priorities.items()
    }


def _proximity(places: Iterable[Sequence[int]]) -> int:
    """The distances between the words that follow each other in the query, summed up."""
    return sum(_distance(first, second) for first, second in pairwise(term for term in places if term))


def _distance(first: Sequence[int], second: Sequence[int]) -> int:
    """1 for neighbours, one more for each word between them or for the wrong order."""
    nearest = FURTHEST
    for here in first:
        for there in second:
            gap = there - here
            if -FURTHEST < gap < nearest:
                nearest = gap if gap > 0 else min(nearest, 1 - gap)
                if nearest == 1:
                    return 1
    return nearest
