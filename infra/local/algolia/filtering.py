"""Which documents a parsed filter lets through."""

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .filters import Between, Compare, Conjunction, FacetIs, Filter, TagIs
from .inverted import InvertedIndex
from .schema import covers

# Reversed, as the bound is the first argument: ``price < 5`` holds where ``5 > price``.
_HOLDS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.gt,
    "<=": operator.ge,
    ">": operator.lt,
    ">=": operator.le,
}


def docs_passing(index: InvertedIndex, filters: Conjunction, facets: Iterable[str]) -> int:
    """The living documents that satisfy every group.

    ``facets`` are the attributes declared for faceting. As on Algolia, a facet that is not declared has no values: it
    matches nothing, without an error. ``_tags``, objectID and numbers need no declaration. A comparison holds when
    it holds for some number of the attribute, so ``!=`` does not match a record without one.
    """
    passing, declared = index.alive, tuple(facets)
    for group in filters:
        matching = 0
        for item in group:
            docs = _matching(index, item, declared)
            matching |= index.alive & ~docs if item.negated else docs
        passing &= matching
    return passing


def _matching(index: InvertedIndex, item: Filter, declared: tuple[str, ...]) -> int:
    match item:
        case TagIs(value=value):
            tags = index.facets.get("_tags")
            return tags.docs_with_exactly(value) if tags else 0
        case FacetIs(attribute="objectID", value=value):
            return 1 << index.doc_of[value] if value in index.doc_of else 0
        case FacetIs(attribute=attribute, value=value):
            facet = index.facets.get(attribute) if covers(declared, attribute) else None
            return facet.docs_with(value) if facet else 0
        case Compare(attribute=attribute, operator=sign, bound=bound):
            return _with_number(index, attribute, partial(_HOLDS[sign], bound))
        case Between(attribute=attribute, lower=lower, upper=upper):
            return _with_number(index, attribute, lambda value: lower <= value <= upper)


def _with_number(index: InvertedIndex, attribute: str, holds: Callable[[float], Any]) -> int:
    numbers = index.numbers.get(attribute)
    return numbers.docs_where(holds, index.size) if numbers else 0
