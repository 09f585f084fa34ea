"""Filters and facets through the official client."""

from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException

from .conftest import Local

RECORDS = [
    {
        "objectID": "1",
        "account": "a",
        "status": "open",
        "price": 5,
        "tags": ["x", "y"],
        "_tags": ["new"],
        "ok": True,
    },
    {"objectID": "2", "account": "a", "status": "Closed", "price": 15.5, "tags": ["y"], "ok": False},
    {"objectID": "3", "account": "b", "status": "open", "price": 25, "deep": {"kind": "k1"}},
    {"objectID": "4", "account": "c", "status": "Open Late", "_tags": ["New"], "prices": [1, 100]},
]
FACETS = ["account", "status", "price", "searchable(tags)", "filterOnly(ok)", "deep"]


@pytest.fixture
async def filled(local: Local) -> Local:
    await local.client.set_settings("i", {"attributesForFaceting": FACETS})
    await local.save("i", *RECORDS)
    return local


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"filters": "account:a"}, "12"),
        ({"filters": "account:a AND status:closed"}, "2"),
        ({"filters": "(account:b OR account:c) AND NOT status:open"}, "4"),
        ({"filters": "status:'open late'"}, "4"),
        ({"filters": "price > 5"}, "23"),
        ({"filters": "price:5 TO 15.5"}, "12"),
        ({"filters": "price = 25 OR price = 5"}, "13"),
        ({"filters": "prices > 50"}, "4"),
        ({"filters": "ok:true"}, "1"),
        ({"filters": "_tags:new"}, "1"),
        ({"filters": "New"}, "4"),
        ({"filters": "NOT new"}, "234"),
        ({"filters": "deep.kind:k1"}, "3"),
        ({"filters": "objectID:2 OR objectID:3"}, "23"),
        ({"filters": "price:25"}, "3"),
        ({"facetFilters": [["account:a", "account:b"], "status:-open"]}, "2"),
        ({"facetFilters": "account:a,status:open"}, "1"),
        ({"numericFilters": ["price>=5", "price<25"]}, "12"),
        ({"numericFilters": [["price=5", "price=25"]]}, "13"),
        ({"tagFilters": ["new"]}, "1"),
        ({"filters": "account:a", "facetFilters": ["tags:y"], "numericFilters": ["price<10"]}, "1"),
        ({"filters": "undeclared:x"}, ""),
    ],
)
async def test_filters(filled: Local, params: dict[str, Any], expected: str) -> None:
    assert "".join(await filled.ids("i", **params)) == expected


async def test_a_filter_that_does_not_parse_is_a_400(filled: Local) -> None:
    with pytest.raises(RequestException, match="filters: Different types") as refused:
        await filled.ids("i", filters="account:a OR price > 3")

    assert refused.value.status_code == 400


async def test_facets_count_the_matching_records(filled: Local) -> None:
    answer = await filled.search("i", facets=["*"], filters="NOT account:c", hitsPerPage=0)

    assert answer.facets == {
        "account": {"a": 2, "b": 1},
        "status": {"open": 2, "Closed": 1},
        "price": {"15.5": 1, "25": 1, "5": 1},
        "tags": {"y": 2, "x": 1},
        "deep.kind": {"k1": 1},
    }
    stats = answer.facets_stats["price"]
    assert (stats.min, stats.max, stats.avg, stats.sum) == (5, 25, 45.5 / 3, 45.5)


async def test_facets_that_are_not_declared_or_only_for_filters_are_not_counted(filled: Local) -> None:
    answer = await filled.search("i", facets=["ok", "objectID", "status"], maxValuesPerFacet=1)

    assert answer.facets == {"status": {"open": 2}}


async def test_facet_counts_follow_writes(filled: Local) -> None:
    assert (await filled.search("i", facets=["account"])).facets == {"account": {"a": 2, "b": 1, "c": 1}}

    await filled.save("i", {"objectID": "2", "account": "z"})
    await filled.client.delete_object("i", "3")

    assert (await filled.search("i", facets=["account"])).facets == {"account": {"a": 1, "c": 1, "z": 1}}


async def test_facet_values_can_be_sorted_by_name(filled: Local) -> None:
    answer = await filled.search("i", facets=["status"], sortFacetValuesBy="alpha")

    assert list(answer.facets["status"]) == ["Closed", "open", "Open Late"]


async def test_search_for_facet_values(filled: Local) -> None:
    everything = await filled.client.search_for_facet_values("i", "tags")
    found = await filled.client.search_for_facet_values(
        "i", "tags", {"facetQuery": "Y", "params": "filters=price<10"}
    )

    assert [(hit.value, hit.count) for hit in everything.facet_hits] == [("y", 2), ("x", 1)]
    assert [(hit.value, hit.highlighted, hit.count) for hit in found.facet_hits] == [("y", "<em>y</em>", 1)]
    with pytest.raises(RequestException, match="searchable\\(account\\)"):
        await filled.client.search_for_facet_values("i", "account", {"facetQuery": "a"})


async def test_declaring_a_facet_later_makes_it_work(filled: Local) -> None:
    assert await filled.ids("i", filters="prices:100 OR undeclared:1") == []

    await filled.client.set_settings("i", {"attributesForFaceting": ["prices"]})

    assert await filled.ids("i", filters="prices:100 OR undeclared:1") == ["4"]
