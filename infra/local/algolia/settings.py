"""An index's settings: defaults, what is refused, and the attribute notations they are written in."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import bad_request, not_implemented
from .order import SortBy
from .schema import Schema

TEXT_CRITERIA = ("typo", "geo", "words", "filters", "proximity", "attribute", "exact")

DEFAULTS: dict[str, Any] = {
    "minWordSizefor1Typo": 4,
    "minWordSizefor2Typos": 8,
    "hitsPerPage": 20,
    "maxValuesPerFacet": 100,
    "version": 2,
    "searchableAttributes": None,
    "attributesToRetrieve": None,
    "unretrievableAttributes": None,
    "optionalWords": None,
    "attributesForFaceting": None,
    "attributesToSnippet": None,
    "attributesToHighlight": None,
    "paginationLimitedTo": 1000,
    "attributeForDistinct": None,
    "exactOnSingleWordQuery": "attribute",
    "ranking": [*TEXT_CRITERIA, "custom"],
    "customRanking": None,
    "separatorsToIndex": "",
    "removeWordsIfNoResults": "none",
    "queryType": "prefixLast",
    "highlightPreTag": "<em>",
    "highlightPostTag": "</em>",
    "snippetEllipsisText": "…",
    "alternativesAsExact": ["ignorePlurals", "singleWordSynonym"],
}
"""What GET settings answers for an index without settings of its own."""

_OF_ITS_OWN = {
    "typoTolerance": ("true", "false", "min", "strict", True, False),
    "queryType": ("prefixLast", "prefixAll", "prefixNone"),
    "exactOnSingleWordQuery": ("attribute", "none", "word"),
    "sortFacetValuesBy": ("count", "alpha"),
}
_INTEGERS = {
    "hitsPerPage": (0, 1000),
    "maxValuesPerFacet": (1, 1000),
    "paginationLimitedTo": (0, 20_000),
    "minWordSizefor1Typo": (0, 1 << 16),
    "minWordSizefor2Typos": (0, 1 << 16),
    "maxFacetHits": (1, 100),
}
_TYPES: dict[str, type] = {
    "highlightPreTag": str,
    "highlightPostTag": str,
    "snippetEllipsisText": str,
    "allowTyposOnNumericTokens": bool,
}
_LISTS = frozenset(
    {
        "searchableAttributes", "attributesForFaceting", "customRanking", "ranking", "replicas", "attributesToRetrieve",
        "unretrievableAttributes", "attributesToHighlight", "attributesToSnippet", "optionalWords", "responseFields",
        "disableTypoToleranceOnWords", "disableTypoToleranceOnAttributes", "alternativesAsExact",
    }
)  # fmt: skip
_FREE = frozenset(
    {
        "userData",
        "allowCompressionOfIntegerArray", "enableRules", "enablePersonalization", "enableReRanking", "queryLanguages",
        "indexLanguages", "version", "renderingContent", "decompoundQuery",
    }
)  # fmt: skip
HARMLESS_VALUES: dict[str, tuple[Any, ...]] = {
    "removeWordsIfNoResults": ("none",),
    "ignorePlurals": (False, []),
    "removeStopWords": (False, []),
    "advancedSyntax": (False,),
    "advancedSyntaxFeatures": (["exactPhrase", "excludeWords"], []),
    "distinct": (False, 0),
    "attributeForDistinct": (None,),
    "disablePrefixOnAttributes": ([],),
    "disableExactOnAttributes": ([],),
    "attributesToTransliterate": ([],),
    "camelCaseAttributes": ([],),
    "decompoundedAttributes": ({},),
    "separatorsToIndex": ("",),
    "customNormalization": ({},),
    "keepDiacriticsOnCharacters": ("",),
    "relevancyStrictness": (0,),
    "numericAttributesForFiltering": (),
    "restrictHighlightAndSnippetArrays": (False,),
    "replaceSynonymsInHighlight": (False,),
    "minProximity": (1,),
    "attributeCriteriaComputedByMinProximity": (False,),
    "attributeCriteriaComputedBy": ("attribute",),
    "mode": ("keywordSearch",),
    "semanticSearch": (None, {}),
    "reRankingApplyFilter": (None, []),
}
"""Settings whose effect is not implemented, with the values that have none."""


def validated(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of a PUT settings, as they are stored; None resets a setting.

    Raises:
        ApiError: 400 for an unknown setting or a wrong value; for one whose effect is not implemented.
    """
    for name, value in changes.items():
        if value is not None:
            _check(name, value)
    return dict(changes)


def _check(name: str, value: Any) -> None:
    if name in HARMLESS_VALUES:
        if value not in HARMLESS_VALUES[name]:
            raise not_implemented(f"{name}={value!r}")
    elif name in _OF_ITS_OWN:
        check_choice(name, value)
    elif name in _INTEGERS:
        check_integer(name, value)
    elif name in _TYPES:
        if not isinstance(value, _TYPES[name]):
            raise bad_request(f"Invalid value for {name}: {value!r}")
    elif name in _LISTS:
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise bad_request(f"Invalid value for {name}: expected an array of strings")
        _LIST_CHECKS.get(name, list)(value)
    elif name not in _FREE:
        raise bad_request(f"Invalid object attribute: {name}")


def check_choice(name: str, value: Any) -> None:
    """Raises ApiError 400 unless the value is one of the setting's words."""
    if value not in _OF_ITS_OWN[name]:
        raise bad_request(f"Invalid value for {name}: {value!r}")


def check_integer(name: str, value: Any) -> None:
    """Raises ApiError 400 unless the value is an integer in the setting's range."""
    low, high = _INTEGERS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise bad_request(f"Invalid value for {name}, expected integer between {low} and {high}")


@dataclass(frozen=True)
class Searchable:
    """One entry of searchableAttributes: attributes of equal rank, and whether a match's position counts."""

    attributes: tuple[str, ...]
    ordered: bool


_MODIFIED = re.compile(r"^(?P<modifier>\w+)\((?P<inner>.*)\)$")


def parse_searchable(entries: Iterable[str] | None) -> list[Searchable]:
    """``["name", "unordered(brand)", "a,b"]``; attributes that share an entry are never ordered."""
    parsed = []
    for entry in entries or ():
        parts = [_strip_modifier(part.strip(), ("ordered", "unordered")) for part in entry.split(",")]
        ordered = len(parts) == 1 and parts[0][0] != "unordered"
        parsed.append(Searchable(tuple(attribute for _, attribute in parts), ordered))
    return parsed


@dataclass(frozen=True)
class FacetDeclaration:
    """One entry of attributesForFaceting."""

    attribute: str
    counted: bool
    searchable: bool


def parse_facets(entries: Iterable[str] | None) -> list[FacetDeclaration]:
    """``["brand", "searchable(color)", "filterOnly(account)"]``."""
    parsed = []
    for entry in entries or ():
        modifier, attribute = _strip_modifier(entry, ("searchable", "filterOnly", "afterDistinct"))
        if modifier == "afterDistinct":
            raise not_implemented("attributesForFaceting: afterDistinct")
        parsed.append(FacetDeclaration(attribute, modifier != "filterOnly", modifier == "searchable"))
    return parsed


def parse_replicas(entries: Iterable[str] | None) -> dict[str, bool]:
    """The names of the replicas, and whether each is virtual."""
    pairs = (_strip_modifier(entry, ("virtual",)) for entry in entries or ())
    return {name: modifier == "virtual" for modifier, name in pairs}


def parse_sorts(entries: Iterable[str] | None) -> list[SortBy]:
    """``["desc(price)", "asc(name)"]``.

    Raises:
        ApiError: 400 for anything else.
    """
    parsed = []
    for entry in entries or ():
        modifier, attribute = _strip_modifier(entry, ("asc", "desc"))
        if modifier is None:
            raise bad_request(
                f"Invalid ranking criterion {entry!r}: expected asc(attribute) or desc(attribute)"
            )
        parsed.append((attribute, modifier == "desc"))
    return parsed


def parse_ranking(ranking: Iterable[str] | None, custom: Iterable[str] | None) -> tuple[str | SortBy, ...]:
    """The criteria in order, with those of customRanking in the place of ``custom``."""
    criteria: list[str | SortBy] = []
    for entry in ranking or DEFAULTS["ranking"]:
        if entry in TEXT_CRITERIA:
            criteria.append(entry)
        else:
            criteria.extend(parse_sorts(custom) if entry == "custom" else parse_sorts([entry]))
    return tuple(criteria)


def criteria_of(settings: Mapping[str, Any], virtual: bool) -> tuple[str | SortBy, ...]:
    """What an index ranks by; a virtual replica by its customRanking first."""
    ranking = settings.get("ranking") or DEFAULTS["ranking"]
    if virtual:
        ranking = ["custom", *(criterion for criterion in ranking if criterion != "custom")]
    return parse_ranking(ranking, settings.get("customRanking"))


def _strip_modifier(entry: str, allowed: tuple[str, ...]) -> tuple[str | None, str]:
    match = _MODIFIED.match(entry.strip())
    if match is None:
        return None, entry.strip()
    if match["modifier"] not in allowed:
        raise bad_request(f"Invalid modifier {match['modifier']!r} in {entry!r}")
    return match["modifier"], match["inner"].strip()


_LIST_CHECKS = {
    "searchableAttributes": parse_searchable,
    "attributesForFaceting": parse_facets,
    "replicas": parse_replicas,
    "customRanking": parse_sorts,
    "ranking": lambda entries: parse_ranking(entries, None),
}


def schema_of(settings: Iterable[Mapping[str, Any]]) -> Schema:
    """What must be indexed for an index and its replicas, given the settings of each."""
    searchable: set[str] | None = set()
    facets, sorts = {"_tags"}, set[str]()
    for one in settings:
        entries = parse_searchable(one.get("searchableAttributes"))
        if not entries:
            searchable = None
        elif searchable is not None:
            searchable.update(attribute for entry in entries for attribute in entry.attributes)
        facets.update(declared.attribute for declared in parse_facets(one.get("attributesForFaceting")))
        criteria = parse_ranking(one.get("ranking"), one.get("customRanking"))
        sorts.update(criterion[0] for criterion in criteria if isinstance(criterion, tuple))
    return Schema(None if searchable is None else frozenset(searchable), frozenset(facets), frozenset(sorts))
