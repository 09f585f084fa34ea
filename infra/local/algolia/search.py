"""One search, from a query to Algolia's answer."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson

from .docset import docs_in
from .faceting import FacetCounter, facets_of, most_frequent, require_searchable, search_values
from .filtering import docs_passing
from .highlight import Highlighter, highlighted, snippeted
from .inverted import InvertedIndex
from .matching import Level, Scope, Term, levels, terms_of
from .params import Display, Query
from .ranking import RankBy, Ranked, RelevanceRanking, by_attributes
from .schema import covers
from .settings import FacetDeclaration, criteria_of, parse_facets, parse_searchable
from .store import Index, Store


@dataclass(frozen=True)
class Matches:
    """What a query finds: the documents, in levels of typos and matched words, and the words that matched."""

    terms: list[Term]
    scope: Scope
    levels: dict[Level, int]

    @property
    def docs(self) -> int:
        """All matching documents."""
        found = 0
        for docs in self.levels.values():
            found |= docs
        return found


class Searcher:
    """Searches one index or replica (``shown``) in the inverted index of its primary, as it is now."""

    def __init__(self, store: Store, shown: Index, settings: Mapping[str, Any], index: InvertedIndex) -> None:
        self._store = store
        self._shown = shown
        self._settings = settings
        self._index = index
        self._facets: list[FacetDeclaration] = parse_facets(settings.get("attributesForFaceting"))

    def object_ids(self, query: Query) -> list[str]:
        """The objectIDs of everything that matches, in no order."""
        return [self._index.ids[doc] for doc in docs_in(self.matches(query).docs, self._index.size)]

    async def search(self, query: Query) -> dict[str, Any]:
        """The body of a search answer."""
        started = perf_counter()
        matches = self.matches(query)
        docs = matches.docs
        count = docs.bit_count()
        ranked = await self._ranked(query, matches, docs, _limited(query.window, query.pagination_limit))
        answer: dict[str, Any] = {"hits": self._hits(query, matches.terms, ranked), **_paging(query, count)}
        if query.facets:
            answer.update(self._faceted(query, docs))
        elapsed = int((perf_counter() - started) * 1000)
        answer.update(_constant_parts(query, self._shown.name, elapsed))
        if query.display.response_fields is not None and "*" not in query.display.response_fields:
            return {name: value for name, value in answer.items() if name in query.display.response_fields}
        return answer

    def matches(self, query: Query) -> Matches:
        """The documents that match the query's words and pass its filters."""
        passing = docs_passing(self._index, query.filters, [entry.attribute for entry in self._facets])
        terms = terms_of(
            query.text, query.query_type, query.optional_words, query.typo_rules, self._index.words
        )
        scope = self._scope(query)
        reached = levels(self._index, terms, scope, passing)
        return Matches(terms, scope, _tolerated(reached, query.typo_rules.tolerance))

    def facet_values(self, query: Query, name: str) -> dict[str, Any]:
        """The body of an answer to a search for facet values."""
        started = perf_counter()
        require_searchable(name, self._facets)
        counts = FacetCounter(self._index, self.matches(query).docs).counts(name)
        if query.facet_query:
            hits = search_values(
                counts, query.facet_query, query.typo_rules, query.max_facet_hits, query.display.tags
            )
        else:
            frequent = most_frequent(counts, query.max_facet_hits, alphabetically=False)
            hits = [
                {"value": value, "highlighted": value, "count": count} for value, count in frequent.items()
            ]
        elapsed = int((perf_counter() - started) * 1000)
        return {"facetHits": hits, "exhaustiveFacetsCount": True, "processingTimeMS": elapsed}

    def _scope(self, query: Query) -> Scope:
        declared = [name for entry in self._searchable() for name in entry.attributes]
        searched = {
            path
            for path in self._index.columns
            if (not declared or covers(declared, path))
            and (query.restrict_searchable is None or covers(query.restrict_searchable, path))
        }
        exempt = query.typo_rules.except_attributes
        tolerant = {path for path in searched if not covers(exempt, path)}
        return Scope(self._columns(searched), self._columns(tolerant))

    def _columns(self, paths: AbstractSet[str]) -> frozenset[int] | None:
        """The columns of attributes; None when these are all there are."""
        columns = frozenset(map(self._index.columns.__getitem__, paths))
        return None if len(columns) == len(set(self._index.columns.values())) else columns

    def _searchable(self) -> list[Any]:
        return parse_searchable(self._settings.get("searchableAttributes"))

    async def _ranked(self, query: Query, matches: Matches, docs: int, window: slice) -> list[Ranked]:
        rank_by = self._rank_by(query)
        if not matches.terms:
            return by_attributes(self._index, rank_by, docs, window)
        ranking = RelevanceRanking(self._index, rank_by, matches.terms, matches.scope)
        return await ranking.window(matches.levels, window)

    def _rank_by(self, query: Query) -> RankBy:
        priorities = {}
        for rank, entry in enumerate(self._searchable()):
            for path, column in self._index.columns.items():
                if column not in priorities and covers(entry.attributes, path):
                    priorities[column] = (rank, entry.ordered)
        return RankBy(
            criteria_of(self._settings, self._shown.virtual), priorities, query.exact_on_single_word
        )

    def _hits(self, query: Query, terms: list[Term], ranked: list[Ranked]) -> list[dict[str, Any]]:
        ids = [self._index.ids[doc] for doc, _ in ranked]
        stored = self._store.records(self._shown.records_id, ids)
        literal = query.typo_rules.except_attributes
        highlighter = Highlighter(terms, query.display.tags, query.display.ellipsis, literal)
        hits = []
        for object_id, (_, relevance) in zip(ids, ranked, strict=True):
            if object_id not in stored:
                continue
            record = orjson.loads(stored[object_id])
            hit = retrieved(record, query.display)
            hit.update(self._annotations(query, highlighter, record))
            if query.display.ranking_info:
                hit["_rankingInfo"] = {
                    "nbTypos": relevance.typos,
                    "firstMatchedWord": relevance.attribute,
                    "proximityDistance": relevance.proximity,
                    "nbExactWords": relevance.exact,
                    "words": relevance.matched,
                    "userScore": 0,
                    "geoDistance": 0,
                    "geoPrecision": 1,
                    "filters": 0,
                }
            hits.append(hit)
        return hits

    def _annotations(self, query: Query, highlighter: Highlighter, record: dict[str, Any]) -> dict[str, Any]:
        visible = _pick(record, None, query.display.unretrievable)
        searchable = [name for entry in self._searchable() for name in entry.attributes]
        attributes = query.display.highlight if query.display.highlight is not None else searchable or None
        annotations = {}
        if attributes is None or attributes:
            annotations["_highlightResult"] = highlighted(highlighter, visible, attributes)
        if query.display.snippet:
            annotations["_snippetResult"] = snippeted(highlighter, visible, query.display.snippet)
        return annotations

    def _faceted(self, query: Query, docs: int) -> dict[str, Any]:
        counter = FacetCounter(self._index, docs)
        return facets_of(
            counter,
            self._index.facets,
            query.facets,
            self._facets,
            query.max_values_per_facet,
            query.sort_facets_alphabetically,
        )


def retrieved(record: dict[str, Any], display: Display) -> dict[str, Any]:
    """The attributes of a record that the query asks for and may see, and objectID."""
    wanted = [name for name in display.retrieve if not name.startswith("-")]
    unwanted = {name[1:] for name in display.retrieve if name.startswith("-")} | display.unretrievable
    every = "*" in wanted
    chosen = _pick(record, None if every else wanted, unwanted)
    return {**chosen, "objectID": record["objectID"]}


def _pick(value: Any, wanted: list[str] | None, unwanted: AbstractSet[str], path: str = "") -> Any:
    """A record reduced to the wanted paths (None: all) without the unwanted ones; nested paths have dots."""
    picked = {}
    for name, child in value.items():
        here = f"{path}.{name}" if path else name
        if here in unwanted:
            continue
        if wanted is None or covers(wanted, here):
            picked[name] = _without(child, unwanted, here)
        elif any(name.startswith(f"{here}.") for name in wanted):
            picked[name] = _each(child, lambda item, here=here: _pick(item, wanted, unwanted, here))
    return picked


def _without(value: Any, unwanted: AbstractSet[str], path: str) -> Any:
    if not any(name.startswith(f"{path}.") for name in unwanted):
        return value
    return _each(value, lambda item: _pick(item, None, unwanted, path))


def _each(value: Any, pick: Any) -> Any:
    if isinstance(value, list):
        return [_each(item, pick) for item in value]
    return pick(value) if isinstance(value, dict) else value


def _tolerated(levels: dict[Level, int], tolerance: str) -> dict[Level, int]:
    """``min`` keeps only the fewest typos; ``strict`` drops two and more when something matches with none."""
    if not levels or tolerance not in ("min", "strict"):
        return levels
    fewest = min(typos for typos, _ in levels)
    allowed = fewest if tolerance == "min" else 1 if fewest == 0 else fewest + 1
    return {level: docs for level, docs in levels.items() if level[0] <= allowed}


def _limited(window: slice, limit: int) -> slice:
    return slice(min(window.start, limit), min(window.stop, limit))


def _paging(query: Query, count: int) -> dict[str, Any]:
    if query.by_offset:
        return {"nbHits": count, "offset": query.window.start, "length": query.hits_per_page}
    reachable = min(count, query.pagination_limit)
    pages = -(-reachable // query.hits_per_page) if query.hits_per_page else 0
    return {"nbHits": count, "page": query.page, "nbPages": pages, "hitsPerPage": query.hits_per_page}


def _constant_parts(query: Query, index_name: str, elapsed_ms: int) -> dict[str, Any]:
    return {
        "exhaustiveFacetsCount": True,
        "exhaustiveNbHits": True,
        "exhaustiveTypo": True,
        "exhaustive": {"facetsCount": True, "nbHits": True, "typo": True},
        "query": query.text,
        "params": query.echo,
        "index": index_name,
        "renderingContent": {},
        "processingTimeMS": elapsed_ms,
    }
