"""Algolia's tie-breaking: documents are compared by one criterion after the other.

https://www.algolia.com/doc/guides/managing-results/relevance-overview/in-depth/ranking-criteria. ``geo`` and
``filters`` never differ here (no geo search, no optional filters or scores). What is left equal is ordered by
objectID, so that pages are stable over writes and restarts.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Literal

from .docset import docs_in, mask_of
from .inverted import InvertedIndex
from .matching import Hit, Level, Term, hits_of
from .order import SortBy, sort_key
from .vocabulary import MAX_POSITION

FURTHEST = 8
"""The proximity of two words that are far apart or in different attributes."""

_CHUNK = 2_000

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


@dataclass(frozen=True)
class Relevance:
    """The textual criteria of one matching document; ``attribute`` is (rank of the best attribute, position)."""

    typos: int = 0
    matched: int = 0
    proximity: int = 0
    attribute: tuple[int, int] = (0, 0)
    exact: int = 0


Ranked = tuple[int, Relevance]


def by_attributes(index: InvertedIndex, rank_by: RankBy, docs: int, window: slice) -> list[Ranked]:
    """A window of the documents in the order of their own attributes, for a query without words."""
    ordered = index.order(rank_by.sorts()).among(mask_of(docs, index.size))
    return [(doc, Relevance()) for doc in islice(ordered, window.start, window.stop)]


async def by_relevance(
    index: InvertedIndex,
    rank_by: RankBy,
    terms: Sequence[Term],
    columns: frozenset[int] | None,
    levels: Mapping[Level, int],
    window: slice,
) -> list[Ranked]:
    """A window of the matching documents, best first.

    Only the buckets that reach into the window are compared document by document; the event loop gets a turn every
    few thousand documents.
    """
    ranked: list[Ranked] = []
    skipped = 0
    for docs in _buckets(rank_by, levels):
        count = docs.bit_count()
        if skipped + count > window.start:
            ranked.extend(await _ranked(index, rank_by, terms, columns, docs))
        else:
            skipped += count
        if skipped + len(ranked) >= window.stop:
            break
    return ranked[window.start - skipped : window.stop - skipped]


def _buckets(rank_by: RankBy, levels: Mapping[Level, int]) -> Iterator[int]:
    """Documents by typos and words when these come first in the ranking, otherwise all at once."""
    leading = [name for name in rank_by.criteria if name not in ("geo", "filters")][:2]
    if leading == ["typo", "words"]:
        yield from (levels[level] for level in sorted(levels, key=lambda level: (level[0], -level[1])))
        return
    everything = 0
    for docs in levels.values():
        everything |= docs
    yield everything


async def _ranked(
    index: InvertedIndex, rank_by: RankBy, terms: Sequence[Term], columns: frozenset[int] | None, docs: int
) -> list[Ranked]:
    hits = []
    for term in terms:
        hits.append(hits_of(index, term, columns, docs))
        await asyncio.sleep(0)
    trailing = _trailing_sorts(rank_by)
    leading = rank_by.criteria[: len(rank_by.criteria) - len(trailing)]
    numbers = docs_in(docs, index.size)
    keyed: list[tuple[Any, Relevance, int]] = []
    place = index.order(trailing).rank()
    for start in range(0, len(numbers), _CHUNK):
        for doc in numbers[start : start + _CHUNK]:
            relevance = _relevance([found.get(doc) for found in hits], rank_by)
            keyed.append(((*_key(index, doc, leading, relevance), place[doc]), relevance, doc))
        await asyncio.sleep(0)
    keyed.sort(key=lambda entry: entry[0])
    return [(doc, relevance) for _, relevance, doc in keyed]


def _trailing_sorts(rank_by: RankBy) -> tuple[SortBy, ...]:
    trailing: list[SortBy] = []
    for criterion in reversed(rank_by.criteria):
        if not isinstance(criterion, tuple):
            break
        trailing.insert(0, criterion)
    return tuple(trailing)


def _key(
    index: InvertedIndex, doc: int, criteria: Sequence[Criterion], relevance: Relevance
) -> Iterator[Any]:
    for criterion in criteria:
        if isinstance(criterion, tuple):
            attribute, descending = criterion
            yield sort_key(index.sort_values(attribute)[doc], descending)
        elif criterion == "typo":
            yield relevance.typos
        elif criterion == "words":
            yield -relevance.matched
        elif criterion == "proximity":
            yield relevance.proximity
        elif criterion == "attribute":
            yield relevance.attribute
        elif criterion == "exact":
            yield -relevance.exact


def _relevance(hits: list[Hit | None], rank_by: RankBy) -> Relevance:
    found = [hit for hit in hits if hit is not None]
    return Relevance(
        typos=sum(hit.typos for hit in found),
        matched=len(found),
        proximity=sum(_distance(first.places, second.places) for first, second in pairwise(found)),
        attribute=_best_attribute(found, rank_by.priorities),
        exact=_exact(found, len(hits), rank_by.exact_on_single_word),
    )


def _distance(first: list[int], second: list[int]) -> int:
    """1 for neighbours, one more for each word between them or for the wrong order."""
    nearest = FURTHEST
    for here in first:
        for there in second:
            if here ^ there <= MAX_POSITION:
                gap = there - here if there > here else here - there + 1
                nearest = min(nearest, gap)
    return nearest


def _best_attribute(found: list[Hit], priorities: Mapping[int, tuple[int, bool]]) -> tuple[int, int]:
    if not priorities:
        return 0, 0
    best = (len(priorities), 0)
    for hit in found:
        for place in hit.places:
            rank, position_counts = priorities[place >> 20]
            best = min(best, (rank, place & MAX_POSITION if position_counts else 0))
    return best


def _exact(found: list[Hit], query_words: int, on_single_word: ExactOnSingleWord) -> int:
    if query_words > 1 or on_single_word == "word":
        return sum(hit.exact for hit in found)
    return int(on_single_word == "attribute" and any(hit.alone for hit in found))
