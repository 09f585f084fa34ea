"""Search parameters: from a request, an index's settings and a secured key to one typed query."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from .errors import bad_request, not_implemented
from .filters import Conjunction, parse_filter_arrays, parse_filters
from .matching import QueryType, TypoRules
from .ranking import ExactOnSingleWord
from .settings import DEFAULTS, HARMLESS_VALUES, check_choice, check_integer
from .text import words

MAX_HITS = 1000

Params = dict[str, Any]


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(value)
    return int(value)


def _boolean(value: Any) -> bool:
    if value in (True, "true", "1", 1):
        return True
    if value in (False, "false", "0", 0):
        return False
    raise ValueError(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        value = orjson.loads(value) if value.startswith("[") else value.split(",") if value else []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _tolerance(value: Any) -> str:
    return value if isinstance(value, str) else str(_boolean(value)).lower()


def _anything(value: Any) -> Any:
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("page", "offset", "length", "hitsPerPage", "maxValuesPerFacet", "maxFacetHits"), _integer
    ),
    **dict.fromkeys(("minWordSizefor1Typo", "minWordSizefor2Typos", "relevancyStrictness"), _integer),
    **dict.fromkeys(("getRankingInfo", "allowTyposOnNumericTokens"), _boolean),
    **dict.fromkeys(("query", "filters", "queryType", "exactOnSingleWordQuery", "sortFacetValuesBy"), _text),
    **dict.fromkeys(
        ("highlightPreTag", "highlightPostTag", "snippetEllipsisText", "cursor", "facetQuery"), _text
    ),
    **dict.fromkeys(
        ("facets", "attributesToRetrieve", "attributesToHighlight", "attributesToSnippet"), _texts
    ),
    **dict.fromkeys(("restrictSearchableAttributes", "responseFields", "optionalWords"), _texts),
    "disableTypoToleranceOnAttributes": _texts,
    **dict.fromkeys(("facetFilters", "numericFilters", "tagFilters"), _anything),
    "typoTolerance": _tolerance,
}
_WITHOUT_EFFECT = frozenset(
    {
        "analytics", "analyticsTags", "clickAnalytics", "percentileComputation", "enableABTest", "enableRules",
        "enablePersonalization", "personalizationImpact", "enableReRanking", "userToken", "synonyms", "ruleContexts",
        "queryLanguages", "decompoundQuery", "alternativesAsExact", "facetingAfterDistinct",
        "aroundPrecision", "aroundRadius", "minimumAroundRadius",
    }
)  # fmt: skip
_REFUSED = frozenset(
    {
        "similarQuery", "optionalFilters", "sumOrFiltersScores", "aroundLatLng", "aroundLatLngViaIP", "ranking",
        "insideBoundingBox", "insidePolygon", "naturalLanguages", "customRanking",
    }
)  # fmt: skip
_FILTER_ARRAYS = ("facetFilters", "numericFilters", "tagFilters")


def read_params(raw: Mapping[str, Any]) -> Params:
    """Parameters with their types, from JSON or from the texts of a URL; ``params`` is a URL-encoded string of more.

    Raises:
        ApiError: 400 for an unknown parameter or a wrong value, or one whose effect is not implemented.
    """
    given = {**dict(parse_qsl(str(raw.get("params") or ""), keep_blank_values=True)), **raw}
    given.pop("params", None)
    read: Params = {}
    for name, value in given.items():
        if value is None or name in _WITHOUT_EFFECT - _READERS.keys():
            continue
        if name in _READERS:
            read[name] = _read(name, value)
        elif name in HARMLESS_VALUES or name in _REFUSED:
            _refuse_effect(name, value)
        else:
            raise bad_request(f"Unknown parameter: {name}")
    return read


def _read(name: str, value: Any) -> Any:
    try:
        return _READERS[name](value)
    except (ValueError, TypeError):
        raise bad_request(f"Invalid value for {name!r}: {value!r}") from None


def _refuse_effect(name: str, value: Any) -> None:
    neutral = (*HARMLESS_VALUES.get(name, ()), False, "", [], "false", "[]", "none")
    if value not in neutral:
        raise not_implemented(f"{name}={value!r}")


@dataclass(frozen=True)
class Display:
    """What of the hits and of the answer is shown; ``highlight`` None means all searchable attributes."""

    retrieve: tuple[str, ...]
    unretrievable: frozenset[str]
    highlight: tuple[str, ...] | None
    snippet: tuple[str, ...]
    tags: tuple[str, str]
    ellipsis: str
    response_fields: frozenset[str] | None
    ranking_info: bool


@dataclass(frozen=True)
class Query:
    """Everything one search needs to know besides the index. The names are those of the parameters."""

    text: str
    filters: Conjunction
    query_type: QueryType
    optional_words: tuple[str, ...]
    typo_rules: TypoRules
    exact_on_single_word: ExactOnSingleWord
    restrict_searchable: tuple[str, ...] | None
    facets: tuple[str, ...]
    max_values_per_facet: int
    max_facet_hits: int
    sort_facets_alphabetically: bool
    page: int
    window: slice
    hits_per_page: int
    by_offset: bool
    pagination_limit: int
    display: Display
    facet_query: str
    echo: str


def build_query(
    settings: Mapping[str, Any], params: Params, enforced: Params, raw: Mapping[str, Any]
) -> Query:
    """One query: ``enforced`` (a secured key's parameters) beats ``params``, which beat ``settings``.

    Filters do not beat each other: all of them apply.

    Raises:
        ApiError: 400 for a value out of range or a filter that does not parse.
    """
    merged = {**DEFAULTS, **{k: v for k, v in settings.items() if v is not None}, **params, **enforced}
    for name in ("queryType", "exactOnSingleWordQuery", "typoTolerance", "sortFacetValuesBy"):
        if name in merged:
            check_choice(name, merged[name])
    for name in ("hitsPerPage", "maxValuesPerFacet", "maxFacetHits"):
        if name in merged:
            check_integer(name, merged[name])
    page, window, by_offset = _window(merged)
    restricted = merged.get("restrictSearchableAttributes")
    return Query(
        text=merged.get("query", ""),
        filters=[group for source in (enforced, params) for group in _filters(source)],
        query_type=merged["queryType"],
        optional_words=tuple(merged["optionalWords"] or ()),
        typo_rules=_typo_rules(merged),
        exact_on_single_word=merged["exactOnSingleWordQuery"],
        restrict_searchable=tuple(restricted) if restricted else None,
        facets=tuple(merged.get("facets", ())),
        max_values_per_facet=merged["maxValuesPerFacet"],
        max_facet_hits=merged.get("maxFacetHits", 10),
        sort_facets_alphabetically=merged.get("sortFacetValuesBy") == "alpha",
        page=page,
        window=window,
        hits_per_page=window.stop - window.start,
        by_offset=by_offset,
        pagination_limit=merged["paginationLimitedTo"],
        display=_display(merged),
        facet_query=merged.get("facetQuery", ""),
        echo=_echo(raw),
    )


def _display(merged: Params) -> Display:
    retrieve, highlight = merged["attributesToRetrieve"], merged["attributesToHighlight"]
    return Display(
        retrieve=("*",) if retrieve is None else tuple(retrieve),
        unretrievable=frozenset(merged["unretrievableAttributes"] or ()),
        highlight=None if highlight is None else tuple(highlight),
        snippet=tuple(merged["attributesToSnippet"] or ()),
        tags=(merged["highlightPreTag"], merged["highlightPostTag"]),
        ellipsis=merged["snippetEllipsisText"],
        response_fields=frozenset(merged["responseFields"]) if "responseFields" in merged else None,
        ranking_info=merged.get("getRankingInfo", False),
    )


def _filters(source: Params) -> Conjunction:
    groups = parse_filters(source.get("filters", ""))
    for name in _FILTER_ARRAYS:
        if source.get(name):
            groups = groups + parse_filter_arrays(name, source[name])
    return groups


def _window(merged: Params) -> tuple[int, slice, bool]:
    page, offset, length = merged.get("page", 0), merged.get("offset"), merged.get("length")
    if min(page, offset or 0, length or 0) < 0:
        raise bad_request("page, offset and length must not be negative")
    if offset is not None or length is not None:
        size = min(20 if length is None else length, MAX_HITS)
        start = offset or 0
        return 0, slice(start, start + size), True
    size = merged["hitsPerPage"]
    return page, slice(page * size, (page + 1) * size), False


def _typo_rules(merged: Params) -> TypoRules:
    exempt = [word for text in merged.get("disableTypoToleranceOnWords", ()) for word in words(text)]
    return TypoRules(
        tolerance=_tolerance(merged.get("typoTolerance", True)),  # type: ignore[arg-type]
        min_size_for_1=merged["minWordSizefor1Typo"],
        min_size_for_2=merged["minWordSizefor2Typos"],
        on_numbers=merged.get("allowTyposOnNumericTokens", True),
        except_words=frozenset(exempt),
        except_attributes=tuple(merged.get("disableTypoToleranceOnAttributes", ())),
    )


def _echo(raw: Mapping[str, Any]) -> str:
    """The request's parameters as the answer's ``params`` repeats them."""
    parts = {name: value for name, value in raw.items() if name not in ("params", "indexName", "type")}
    encoded = urlencode(
        {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in parts.items()
        }
    )
    return "&".join(part for part in (str(raw.get("params") or ""), encoded) if part)
