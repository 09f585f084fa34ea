"""Facet counts, statistics and the search for facet values."""

from collections.abc import Iterable, Sequence
from typing import Any

from .docset import mask_of
from .errors import ApiError
from .highlight import Highlighter
from .inverted import InvertedIndex
from .matching import Term, TypoRules, terms_of
from .schema import covers
from .settings import FacetDeclaration
from .text import fold, words
from .vocabulary import Vocabulary


class FacetCounter:
    """Counts the values of facets within one set of documents."""

    def __init__(self, index: InvertedIndex, docs: int) -> None:
        self._index = index
        self._docs = docs
        self._mask = mask_of(docs, index.size)

    def counts(self, path: str) -> dict[str, int]:
        """How many of the documents have each value; values without any are left out."""
        facet = self._index.facets.get(path)
        if facet is None:
            return {}
        counted = (
            (value, postings.count_in(self._docs, self._mask)) for value, postings in facet.values.items()
        )
        return {value: count for value, count in counted if count}

    def stats(self, path: str) -> dict[str, float] | None:
        """Least, greatest, mean and sum of the documents' numbers."""
        numbers = self._index.numbers.get(path)
        values = numbers.values_in(self._mask) if numbers else []
        if not values:
            return None
        total = sum(values)
        return {"min": min(values), "max": max(values), "avg": total / len(values), "sum": total}


def most_frequent(counts: dict[str, int], limit: int, alphabetically: bool) -> dict[str, int]:
    """The ``limit`` most frequent values; equally frequent ones by name. Then in the order asked for."""
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return dict(sorted(frequent, key=lambda item: fold(item[0])) if alphabetically else frequent)


def facets_of(
    counter: FacetCounter,
    paths: Iterable[str],
    wanted: Sequence[str],
    declared: Sequence[FacetDeclaration],
    limit: int,
    alphabetically: bool,
) -> dict[str, Any]:
    """``facets`` and ``facets_stats`` of an answer.

    ``wanted`` are names or ``*``; those that are not declared for counting are left out, as on Algolia.
    """
    counted = [entry.attribute for entry in declared if entry.counted]
    facets, stats = {}, {}
    for path in sorted(paths):
        if not covers(counted, path) or not ("*" in wanted or covers(wanted, path)):
            continue
        counts = counter.counts(path)
        if counts:
            facets[path] = most_frequent(counts, limit, alphabetically)
            found = counter.stats(path)
            if found:
                stats[path] = found
    return {"facets": facets, **({"facets_stats": stats} if stats else {})}


def require_searchable(name: str, declared: Sequence[FacetDeclaration]) -> None:
    """Raises ApiError 400 unless the facet was declared as ``searchable(name)``."""
    if not any(entry.searchable and covers([entry.attribute], name) for entry in declared):
        raise ApiError(
            400,
            f"Cannot search in `{name}` attribute, you need to add `searchable({name})` to attributesForFaceting.",
        )


def search_values(
    counts: dict[str, int], query: str, rules: TypoRules, limit: int, tags: tuple[str, str]
) -> list[Any]:
    """The facet values whose words match every word of the query, the last one as a prefix."""
    known = Vocabulary()
    known.add(0, enumerate(counts))
    known.settle()
    terms = terms_of(query, "prefixLast", (), rules, known)
    highlighter = Highlighter(terms, tags, "")
    matching = {value: count for value, count in counts.items() if _has_all(value, terms)}
    return [
        {"value": value, "highlighted": highlighter.mark("", value).text, "count": count}
        for value, count in most_frequent(matching, limit, alphabetically=False).items()
    ]


def _has_all(value: str, terms: Sequence[Term]) -> bool:
    found = set(words(value))
    return all(any(word in term.matches for word in found) for term in terms)
