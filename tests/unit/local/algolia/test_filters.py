"""The filter language against a naive evaluator over the records themselves."""

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.algolia.docset import docs_in
from infra.local.algolia.errors import ApiError
from infra.local.algolia.filtering import docs_passing
from infra.local.algolia.filters import Between, Compare, FacetIs, TagIs, parse_filter_arrays, parse_filters
from infra.local.algolia.inverted import InvertedIndex
from infra.local.algolia.schema import Schema

SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NAMES = ["red", "Dark Blue", "it's", 'say "hi"', "AND", "a:b", "x\\y"]
FACETS = ["color", "size", "shop.kind"]

values = st.sampled_from(NAMES)
numbers = st.integers(-5, 5) | st.sampled_from([0.5, -2.25])
records = st.fixed_dictionaries(
    {},
    optional={
        "color": values | st.lists(values, max_size=2),
        "size": st.sampled_from(["S", "M"]),
        "shop": st.fixed_dictionaries({"kind": values}),
        "price": numbers | st.lists(numbers, max_size=2),
        "flag": st.booleans(),
        "_tags": st.lists(values, max_size=2),
    },
)
facet_filters = st.builds(
    FacetIs, st.sampled_from(FACETS), values | st.sampled_from(["S", "RED"]), st.booleans()
)
tag_filters = st.builds(TagIs, values, st.booleans())
numeric_filters = st.one_of(
    st.builds(Compare, st.just("price"), st.sampled_from(list(SIGNS)), numbers.map(float), st.booleans()),
    st.builds(Between, st.just("price"), numbers.map(float), numbers.map(float), st.booleans()),
)
groups = st.one_of(
    *(st.lists(kind, min_size=1, max_size=3) for kind in (facet_filters, tag_filters, numeric_filters))
)
conjunctions = st.lists(groups, min_size=1, max_size=3)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def written(item: Any) -> str:
    negation = "NOT " if item.negated else ""
    match item:
        case FacetIs():
            return f"{negation}{item.attribute}:{quoted(item.value)}"
        case TagIs():
            return f"{negation}_tags:{quoted(item.value)}"
        case Compare():
            return f"{negation}{item.attribute} {item.operator} {item.bound}"
    return f"{negation}{item.attribute}:{item.lower} TO {item.upper}"


def expression(conjunction: list[list[Any]]) -> str:
    alone = len(conjunction) == 1
    parts = [" OR ".join(written(item) for item in group) for group in conjunction]
    return " AND ".join(
        part if alone or len(group) == 1 else f"({part})"
        for part, group in zip(parts, conjunction, strict=True)
    )


def values_at(record: dict[str, Any], path: str) -> list[Any]:
    found: Any = record
    for name in path.split("."):
        found = found.get(name, {}) if isinstance(found, dict) else {}
    if isinstance(found, list):
        return found
    return [] if found == {} else [found]


def holds(item: Any, record: dict[str, Any]) -> bool:
    match item:
        case FacetIs():
            found = any(value.lower() == item.value.lower() for value in values_at(record, item.attribute))
        case TagIs():
            found = item.value in record.get("_tags", [])
        case Compare():
            found = any(SIGNS[item.operator](value, item.bound) for value in values_at(record, "price"))
        case _:
            found = any(item.lower <= value <= item.upper for value in values_at(record, "price"))
    return found != item.negated


def index_of(found: list[dict[str, Any]]) -> InvertedIndex:
    index = InvertedIndex(Schema(None, frozenset([*FACETS, "_tags"]), frozenset()))
    index.apply([(str(n), {"objectID": str(n), **record}) for n, record in enumerate(found)])
    return index


@given(st.lists(records, max_size=6), conjunctions)
def test_a_written_filter_lets_through_what_it_says(
    found: list[dict[str, Any]], conjunction: list[list[Any]]
) -> None:
    index = index_of(found)

    passing = docs_passing(index, parse_filters(expression(conjunction)), FACETS)

    expected = [
        n for n, record in enumerate(found) if all(any(holds(i, record) for i in g) for g in conjunction)
    ]
    assert docs_in(passing, index.size) == expected


@pytest.mark.parametrize(
    ("source", "parsed"),
    [
        ("", []),
        ("brand:Apple", [[FacetIs("brand", "Apple")]]),
        ("published", [[TagIs("published")]]),
        ("NOT price < -2.5", [[Compare("price", "<", -2.5, negated=True)]]),
        ("date: 1441745506 TO 1441755506", [[Between("date", 1441745506, 1441755506)]]),
        ("at:2020-01-01T10:30", [[FacetIs("at", "2020-01-01T10:30")]]),
        (
            "\"author:Stephen King\" OR genre:'Sci Fi'",
            [[FacetIs("author", "Stephen King"), FacetIs("genre", "Sci Fi")]],
        ),
        (
            "(a:1 OR a:2) AND NOT b:x",
            [[FacetIs("a", "1"), FacetIs("a", "2")], [FacetIs("b", "x", negated=True)]],
        ),
    ],
)
def test_filters_of_the_documentation(source: str, parsed: list[Any]) -> None:
    assert parse_filters(source) == parsed


@pytest.mark.parametrize(
    "source",
    [
        "a:1 OR (b:2 AND c:3)",
        "(a:1 AND b:2)",
        "(a:1 AND (b:2 OR c:3))",
        "NOT (a:1 OR b:2)",
        "a:1 OR price > 3",
        "a:1 OR tag",
        "a:1 AND b:2 OR c:3",
        "a:",
        "a:1 b:2",
        "price > cheap",
        "(a:1",
        "a:1)",
        'a:"open',
        "AND",
    ],
)
def test_what_algolia_does_not_allow_is_refused(source: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_filters(source)

    assert refused.value.status == 400


def test_arrays_nest_or_in_and() -> None:
    assert parse_filter_arrays("facetFilters", [["a:1", "a:-2"], "b:\\-3"]) == [
        [FacetIs("a", "1"), FacetIs("a", "2", negated=True)],
        [FacetIs("b", "-3")],
    ]
    assert parse_filter_arrays("numericFilters", '["price>=3", "size:1 TO 2"]') == [
        [Compare("price", ">=", 3)],
        [Between("size", 1, 2)],
    ]
    assert parse_filter_arrays("tagFilters", "red,-blue") == [[TagIs("red")], [TagIs("blue", negated=True)]]


def test_an_undeclared_facet_matches_nothing() -> None:
    index = index_of([{"color": "red"}])

    assert docs_passing(index, parse_filters("color:red"), []) == 0
    assert docs_passing(index, parse_filters("NOT color:red"), []) == index.alive
