"""Finding and ordering: what the query's words match, and which match comes first."""

from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException

from .conftest import Local

CATALOG = [
    {"objectID": "1", "name": "Blue cotton shirt", "brand": "Acme", "stock": 3, "text": "A shirt for summer"},
    {"objectID": "2", "name": "Red shirt", "brand": "Blue Ocean", "stock": 9, "text": "Warm"},
    {"objectID": "3", "name": "Shirt collar, blue", "brand": "Acme", "stock": 5, "text": "Detached"},
    {"objectID": "4", "name": "Trousers", "brand": "Zürich", "stock": 1, "text": "Goes with a blue shirt"},
    {
        "objectID": "5",
        "name": "Headphones",
        "brand": "Sound",
        "items": [{"name": "left ear"}, {"name": "right ear"}],
    },
]


async def catalog(local: Local, **settings: Any) -> None:
    defaults = {"searchableAttributes": ["name", "brand", "unordered(text)", "items.name"]}
    await local.client.set_settings("shop", {**defaults, **settings})
    await local.save("shop", *CATALOG)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SHIRT", {"1", "2", "3", "4"}),
        ("zurich", {"4"}),
        ("Zürich trousers", {"4"}),
        ("shi", {"1", "2", "3", "4"}),
        ("shi blue", set()),
        ("blue shi", {"1", "2", "3", "4"}),
        ("shirt blue red", {"2"}),
        ("left ear", {"5"}),
        ("", {"1", "2", "3", "4", "5"}),
        ("?!", {"1", "2", "3", "4", "5"}),
        ("nothing", set()),
    ],
)
async def test_every_word_must_match_and_the_last_may_be_a_beginning(
    local: Local, query: str, expected: set[str]
) -> None:
    await catalog(local)

    assert set(await local.ids("shop", query=query)) == expected


async def test_query_type_decides_which_words_are_beginnings(local: Local) -> None:
    await catalog(local)

    assert await local.ids("shop", query="hea sou", queryType="prefixAll") == ["5"]
    assert await local.ids("shop", query="headphones soun", queryType="prefixNone", typoTolerance=False) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("hedphones", True),
        ("headphoens", True),
        ("headphonesx", True),
        ("xeadphones", True),
        ("hedphnes", False),
        ("soumd", True),
        ("zound", False),
        ("lefd", True),
        ("eat", False),
    ],
)
async def test_one_typo_is_forgiven_in_words_long_enough(local: Local, query: str, found: bool) -> None:
    await catalog(local)

    ids = await local.ids("shop", query=query, queryType="prefixNone")

    assert ids == (["5"] if found else [])


async def test_typo_tolerance_can_be_changed(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "name": "short"}, {"objectID": "2", "name": "shirt"})

    assert await local.ids("shop", query="shirt") == ["2", "1"]
    assert await local.ids("shop", query="shirt", typoTolerance="min") == ["2"]
    assert await local.ids("shop", query="shirt", typoTolerance=False) == ["2"]
    assert await local.ids("shop", query="shirt", minWordSizefor1Typo=6) == ["2"]
    await local.client.set_settings("shop", {"disableTypoToleranceOnWords": ["shirt"]})
    assert await local.ids("shop", query="shirt") == ["2"]


async def test_no_typos_in_some_attributes(local: Local) -> None:
    await catalog(local, disableTypoToleranceOnAttributes=["brand", "items"])

    assert await local.ids("shop", query="acmee") == []
    assert await local.ids("shop", query="oceam") == []
    assert await local.ids("shop", query="rigth") == []
    assert set(await local.ids("shop", query="ACME")) == {"1", "3"}
    assert await local.ids("shop", query="oce") == ["2"]
    assert await local.ids("shop", query="trowsers") == ["4"]
    assert await local.ids("shop", query="trowsers zurich") == ["4"]
    settings = await local.client.get_settings("shop")
    assert settings.disable_typo_tolerance_on_attributes == ["brand", "items"]


async def test_a_query_can_name_the_attributes_without_typos(local: Local) -> None:
    await catalog(local, disableTypoToleranceOnAttributes=["name"])

    assert await local.ids("shop", query="acmee") == ["1", "3"]
    assert await local.ids("shop", query="acmee", disableTypoToleranceOnAttributes=["brand"]) == []
    assert await local.ids("shop", query="trowsers") == []
    assert await local.ids("shop", query="trowsers", disableTypoToleranceOnAttributes=["brand"]) == ["4"]
    assert await local.ids("shop", params="query=trowsers&disableTypoToleranceOnAttributes=[]") == ["4"]


async def test_a_typo_that_does_not_count_neither_ranks_nor_shines(local: Local) -> None:
    settings = {
        "searchableAttributes": ["sku", "name", "text"],
        "disableTypoToleranceOnAttributes": ["sku"],
    }
    await local.client.set_settings("shop", settings)
    await local.save(
        "shop",
        {"objectID": "a", "sku": "shorts", "text": "shorts"},
        {"objectID": "b", "name": "shorts"},
        {"objectID": "c", "sku": "shorts"},
    )

    answer = await local.search("shop", query="shortz")

    assert [hit.object_id for hit in answer.hits] == ["b", "a"]
    marked = answer.hits[1].to_dict()["_highlightResult"]
    assert marked["sku"] == {"value": "shorts", "matchLevel": "none", "matchedWords": []}
    assert marked["text"]["value"] == "<em>shorts</em>"


async def test_fewer_typos_then_nearer_then_better_attribute_then_exact(local: Local) -> None:
    records = {
        "typo": {"name": "gray hats"},
        "far": {"name": "grey and other hats"},
        "near": {"name": "one of the grey hats"},
        "first": {"name": "grey hats of ours"},
        "lower": {"name": "x", "text": "grey hats"},
        "reverse": {"name": "hats grey"},
    }
    await local.client.set_settings("shop", {"searchableAttributes": ["name", "unordered(text)"]})
    await local.save("shop", *({"objectID": key, **record} for key, record in records.items()))

    assert await local.ids("shop", query="grey hats") == ["first", "near", "lower", "reverse", "far", "typo"]


async def test_a_whole_value_beats_a_part_and_a_word_beats_a_beginning(local: Local) -> None:
    await local.save(
        "shop",
        {"objectID": "a", "name": "shirts"},
        {"objectID": "b", "name": "shirt red"},
        {"objectID": "c", "name": "shirt"},
    )

    assert await local.ids("shop", query="shirt") == ["c", "a", "b"]
    assert await local.ids("shop", query="shirt", exactOnSingleWordQuery="word") == ["b", "c", "a"]


async def test_attributes_that_share_an_entry_are_equal_and_unordered(local: Local) -> None:
    await local.client.set_settings(
        "shop", {"searchableAttributes": ["name,alias", "text"], "customRanking": ["desc(stock)"]}
    )
    await local.save(
        "shop",
        {"objectID": "a", "name": "hat", "stock": 1},
        {"objectID": "b", "alias": "one more hat", "stock": 2},
        {"objectID": "c", "text": "hat", "stock": 3},
    )

    assert await local.ids("shop", query="hat", exactOnSingleWordQuery="word") == ["b", "a", "c"]


async def test_custom_ranking_breaks_ties_and_missing_values_come_last(local: Local) -> None:
    await catalog(local, customRanking=["desc(stock)"])

    assert await local.ids("shop") == ["2", "3", "1", "4", "5"]
    assert await local.ids("shop", query="acme") == ["3", "1"]

    await local.client.set_settings("shop", {"customRanking": ["asc(brand)", "desc(stock)"]})
    assert await local.ids("shop") == ["3", "1", "2", "5", "4"]


async def test_order_and_pages_are_stable_over_updates(local: Local) -> None:
    await local.save("shop", *({"objectID": f"{n:02}", "name": "same"} for n in range(10)))
    await local.save("shop", {"objectID": "03", "name": "same", "changed": True})

    pages = [await local.ids("shop", query="same", page=page, hitsPerPage=4) for page in range(3)]

    assert [object_id for page in pages for object_id in page] == [f"{n:02}" for n in range(10)]


async def test_optional_words_widen_the_search_and_rank_by_words(local: Local) -> None:
    await catalog(local)

    found = await local.ids("shop", query="blue cotton shirt", optionalWords=["cotton", "blue"])

    assert found[0] == "1"
    assert set(found) == {"1", "2", "3", "4"}
    assert await local.ids("shop", query="cotton trousers", optionalWords="cotton,trousers") == ["4", "1"]


async def test_searching_in_some_attributes_only(local: Local) -> None:
    await catalog(local)

    assert await local.ids("shop", query="blue", restrictSearchableAttributes=["brand"]) == ["2"]
    await local.client.set_settings("shop", {"searchableAttributes": ["name"]})
    assert set(await local.ids("shop", query="blue")) == {"1", "3"}
    await local.client.set_settings("shop", {"searchableAttributes": None})
    assert set(await local.ids("shop", query="blue")) == {"1", "2", "3", "4"}


async def test_numbers_are_searched_as_text_and_object_ids_only_when_declared(local: Local) -> None:
    await local.save("shop", {"objectID": "rma77", "order": 123456})

    assert await local.ids("shop", query="12345") == ["rma77"]
    assert await local.ids("shop", query="rma77") == []
    await local.client.set_settings("shop", {"searchableAttributes": ["objectID"]})
    assert await local.ids("shop", query="rma77") == ["rma77"]


async def test_paging(local: Local) -> None:
    await local.save("shop", *({"objectID": f"{n:02}"} for n in range(25)))

    last = await local.search("shop", page=2, hitsPerPage=10)
    assert (last.nb_hits, last.nb_pages, last.page, last.hits_per_page, len(last.hits)) == (25, 3, 2, 10, 5)
    default = await local.search("shop")
    assert (default.hits_per_page, len(default.hits), default.nb_pages) == (20, 20, 2)
    assert await local.ids("shop", offset=23, length=5) == ["23", "24"]
    none = await local.search("shop", hitsPerPage=0)
    assert (none.nb_hits, none.hits) == (25, [])

    await local.client.set_settings("shop", {"paginationLimitedTo": 12})
    limited = await local.search("shop", page=1, hitsPerPage=10)
    assert (limited.nb_hits, limited.nb_pages, len(limited.hits)) == (25, 2, 2)
    with pytest.raises(RequestException, match="hitsPerPage"):
        await local.search("shop", hitsPerPage=1001)


async def test_what_a_hit_shows(local: Local) -> None:
    record = {"objectID": "1", "a": 1, "b": {"c": 2, "d": 3}, "secret": "x", "l": [{"k": 1, "m": 2}]}
    await local.save("shop", record)

    async def shown(**params: Any) -> dict[str, Any]:
        hit = (await local.search("shop", attributesToHighlight=[], **params)).hits[0].to_dict()
        return {name: value for name, value in hit.items() if value is not None}

    assert await shown() == record
    assert await shown(attributesToRetrieve=["a", "b.c", "l.m"]) == {
        "objectID": "1",
        "a": 1,
        "b": {"c": 2},
        "l": [{"m": 2}],
    }
    assert await shown(attributesToRetrieve=["*", "-b", "-l.k"]) == {
        "objectID": "1",
        "a": 1,
        "secret": "x",
        "l": [{"m": 2}],
    }
    assert await shown(attributesToRetrieve=[]) == {"objectID": "1"}
    await local.client.set_settings("shop", {"unretrievableAttributes": ["secret"]})
    assert "secret" not in await shown(attributesToRetrieve=["secret", "a"])


async def test_highlighting_marks_what_matched(local: Local) -> None:
    await catalog(local)

    hit = (await local.search("shop", query="cotton shi", highlightPreTag="[", highlightPostTag="]")).hits[0]

    marked = hit.to_dict()["_highlightResult"]
    assert marked["name"] == {
        "value": "Blue [cotton] [shi]rt",
        "matchLevel": "full",
        "fullyHighlighted": False,
        "matchedWords": ["cotton", "shi"],
    }
    assert marked["brand"] == {"value": "Acme", "matchLevel": "none", "matchedWords": []}
    assert marked["text"]["matchLevel"] == "partial"
    assert "stock" not in marked


async def test_highlighting_follows_the_shape_of_the_record(local: Local) -> None:
    await catalog(local)

    hit = (await local.search("shop", query="right ear", attributesToHighlight=["items"])).hits[0]

    values = [item["name"]["value"] for item in hit.to_dict()["_highlightResult"]["items"]]
    assert values == ["left <em>ear</em>", "<em>right</em> <em>ear</em>"] or values[1].endswith(
        "<em>ear</em>"
    )


async def test_snippets_show_the_surroundings(local: Local) -> None:
    text = " ".join(f"w{n}" for n in range(50))
    await local.save("shop", {"objectID": "1", "text": text})

    hit = (await local.search("shop", query="w25", attributesToSnippet=["text:5"])).hits[0].to_dict()

    assert hit["_snippetResult"]["text"] == {"value": "…w23 w24 <em>w25</em> w26 w27…", "matchLevel": "full"}


async def test_response_fields_and_ranking_info(local: Local) -> None:
    await catalog(local)

    answer = await local.search(
        "shop", query="blue shrt", getRankingInfo=True, responseFields=["hits", "nbHits"]
    )

    assert set(answer.to_dict()) == {"hits", "nbHits"}
    info = answer.hits[0].ranking_info
    assert (info.nb_typos, info.words, info.nb_exact_words) == (1, 2, 1)


async def test_an_answer_repeats_the_question(local: Local) -> None:
    await catalog(local)

    answer = await local.search("shop", query="blue", hitsPerPage=3)

    assert answer.query == "blue"
    assert answer.params == "query=blue&hitsPerPage=3"
    assert answer.exhaustive.nb_hits is True
    assert answer.processing_time_ms >= 0


async def test_several_searches_in_one_request(local: Local) -> None:
    await catalog(local, attributesForFaceting=["searchable(brand)"])
    requests = [
        {"indexName": "shop", "query": "shirt", "hitsPerPage": 1},
        {"indexName": "shop", "params": "query=trousers&hitsPerPage=5"},
        {"indexName": "shop", "type": "facet", "facet": "brand", "facetQuery": "ac"},
    ]

    results = (await local.client.search({"requests": requests})).results

    assert [hit.object_id for hit in results[0].actual_instance.hits] == ["3"]
    assert [hit.object_id for hit in results[1].actual_instance.hits] == ["4"]
    assert results[2].actual_instance.facet_hits[0].highlighted == "<em>Ac</em>me"
    assert local.service.stats["search_requests"] == 1
