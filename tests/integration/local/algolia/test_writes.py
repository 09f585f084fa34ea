"""Records and indices written through the official client."""

from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException

from .conftest import Local


def numbered(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"objectID": f"{n:03}", "n": n, **fields} for n in range(count)]


async def everything(local: Local, index: str, **params: Any) -> list[dict[str, Any]]:
    walked: list[dict[str, Any]] = []

    def collect(page: Any) -> None:
        walked.extend(hit.to_dict() for hit in page.hits)

    await local.client.browse_objects(index, collect, params or None)
    return walked


async def test_saved_records_are_found_and_read_back(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "name": "Blue shirt"}, {"objectID": "2", "name": "Red hat"})

    assert await local.ids("shop", query="shirt") == ["1"]
    assert await local.client.get_object("shop", "2") == {"objectID": "2", "name": "Red hat"}


async def test_saving_again_replaces_and_the_old_text_is_gone(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "name": "shirt", "size": "M"})
    assert await local.ids("shop", query="shirt") == ["1"]

    await local.save("shop", {"objectID": "1", "name": "hat"})

    assert await local.ids("shop", query="shirt") == []
    assert await local.client.get_object("shop", "1") == {"objectID": "1", "name": "hat"}


async def test_helpers_send_in_chunks_and_count_operations(local: Local) -> None:
    records = numbered(25)

    responses = await local.client.save_objects("shop", records, wait_for_tasks=True, batch_size=10)
    await local.client.partial_update_objects(
        "shop", [{"objectID": "001", "x": 1}, {"objectID": "nope", "x": 1}]
    )
    await local.client.delete_objects("shop", ["002", "003"])

    assert [len(response.object_ids) for response in responses] == [10, 10, 5]
    ids = [record["objectID"] for record in await everything(local, "shop")]
    assert ids == [record["objectID"] for record in records if record["objectID"] not in ("002", "003")]
    assert local.service.stats["write_requests"] == 5
    assert local.service.stats["index_operations"] == 25 + 2 + 2
    local.service.reset_stats()
    assert set(local.service.stats.values()) == {0}


async def test_a_batch_is_all_or_nothing(local: Local) -> None:
    requests = [
        {"action": "addObject", "body": {"objectID": "1"}},
        {"action": "updateObject", "body": {"n": 2}},
    ]

    with pytest.raises(RequestException) as refused:
        await local.client.batch("shop", {"requests": requests})

    assert refused.value.status_code == 400
    assert not await local.client.index_exists("shop")


async def test_every_action_of_a_batch_in_its_order(local: Local) -> None:
    await local.save("shop", *numbered(3))
    requests = [
        {"action": "clear", "body": {}},
        {"action": "addObject", "body": {"objectID": "a", "n": 1}},
        {"action": "updateObject", "body": {"objectID": "b", "n": 1}},
        {
            "action": "partialUpdateObject",
            "body": {"objectID": "a", "m": {"_operation": "Increment", "value": 2}},
        },
        {"action": "partialUpdateObjectNoCreate", "body": {"objectID": "z", "m": 1}},
        {"action": "deleteObject", "body": {"objectID": "b"}},
    ]

    response = await local.client.batch("shop", {"requests": requests})

    assert response.object_ids == ["a", "b", "a", "z", "b"]
    assert await everything(local, "shop") == [{"objectID": "a", "n": 1, "m": 2}]


async def test_one_request_may_write_to_several_indices(local: Local) -> None:
    requests = [
        {"action": "addObject", "indexName": "one", "body": {"objectID": "1"}},
        {"action": "addObject", "indexName": "two", "body": {"objectID": "2"}},
        {"action": "delete", "indexName": "three", "body": {}},
    ]

    response = await local.client.multiple_batch({"requests": requests})

    assert set(response.task_id) == {"one", "two", "three"}
    assert [index.name for index in (await local.client.list_indices()).items] == ["one", "two"]


async def test_single_record_requests(local: Local) -> None:
    added = await local.client.save_object("shop", {"name": "auto"})
    await local.client.add_or_update_object("shop", "mine", {"name": "by id", "n": 1})
    await local.client.partial_update_object(
        "shop", "mine", {"n": {"_operation": "IncrementFrom", "value": 7}, "x": 1}
    )
    await local.client.partial_update_object("shop", "none", {"n": 1}, create_if_not_exists=False)
    await local.client.delete_object("shop", added.object_id)

    assert await everything(local, "shop") == [{"objectID": "mine", "name": "by id", "n": 1}]


async def test_object_ids_may_hold_any_character(local: Local) -> None:
    strange = "a/b c%2Fd?é#+&*"
    await local.client.add_or_update_object("my index/é", strange, {"n": 1})

    assert (await local.client.get_object("my index/é", strange))["n"] == 1
    await local.client.delete_object("my index/é", strange)
    with pytest.raises(RequestException, match="ObjectID does not exist"):
        await local.client.get_object("my index/é", strange)


async def test_getting_several_records_answers_null_for_the_missing(local: Local) -> None:
    await local.save("shop", {"objectID": "1", "a": 1, "b": 2})
    requests = [
        {"indexName": "shop", "objectID": "1", "attributesToRetrieve": ["a"]},
        {"indexName": "shop", "objectID": "2"},
    ]

    response = await local.client.get_objects({"requests": requests})

    assert response.results == [{"objectID": "1", "a": 1}, None]


async def test_delete_by_filters(local: Local) -> None:
    await local.save("shop", *numbered(5))
    await local.ids("shop")

    await local.client.delete_by("shop", {"filters": "n >= 3 OR n = 0"})

    assert await local.ids("shop") == ["001", "002"]
    with pytest.raises(RequestException, match="empty filters"):
        await local.client.delete_by("shop", {"filters": ""})


async def test_clear_keeps_settings_and_delete_does_not(local: Local) -> None:
    await local.save("shop", *numbered(3))
    await local.client.set_settings("shop", {"hitsPerPage": 7})

    await local.client.clear_objects("shop")
    assert await local.ids("shop") == []
    assert (await local.client.get_settings("shop")).hits_per_page == 7

    await local.client.delete_index("shop")
    assert not await local.client.index_exists("shop")
    await local.client.delete_index("shop")


async def test_replace_all_objects_replaces_records_and_keeps_settings(local: Local) -> None:
    await local.save("shop", *numbered(5))
    assert len(await local.ids("shop")) == 5
    await local.client.set_settings("shop", {"hitsPerPage": 2, "replicas": ["shop_by_n"]})
    await local.client.set_settings("shop_by_n", {"ranking": ["desc(n)"], "hitsPerPage": 9})
    fresh = [{"objectID": f"new{n}", "n": n} for n in range(3)]

    await local.client.replace_all_objects("shop", fresh, batch_size=2)

    assert await everything(local, "shop") == fresh
    assert await local.ids("shop_by_n") == ["new2", "new1", "new0"]
    assert (await local.client.get_settings("shop")).hits_per_page == 2
    assert {index.name for index in (await local.client.list_indices()).items} == {"shop", "shop_by_n"}

    await local.client.replace_all_objects("shop", [])
    assert await everything(local, "shop") == []


async def test_copy_takes_everything_or_only_a_scope(local: Local) -> None:
    await local.save("shop", *numbered(2))
    await local.client.set_settings("shop", {"hitsPerPage": 3})

    await local.client.operation_index("shop", {"operation": "copy", "destination": "all"})
    await local.client.operation_index(
        "shop", {"operation": "copy", "destination": "some", "scope": ["settings"]}
    )
    await local.client.operation_index("nowhere", {"operation": "copy", "destination": "all2"})

    assert len(await everything(local, "all")) == 2
    assert (await local.client.get_settings("all")).hits_per_page == 3
    assert await everything(local, "some") == []
    assert (await local.client.get_settings("some")).hits_per_page == 3
    assert await everything(local, "all2") == []


async def test_moving_an_index_that_does_not_exist_is_ignored(local: Local) -> None:
    await local.save("shop", *numbered(2))

    await local.client.operation_index("nowhere", {"operation": "move", "destination": "shop"})

    assert len(await everything(local, "shop")) == 2


async def test_browse_walks_the_whole_index_or_a_part_of_it(local: Local) -> None:
    await local.save("shop", *numbered(25, color="red"))
    await local.client.set_settings("shop", {"attributesForFaceting": ["color"], "paginationLimitedTo": 5})

    pages: list[int] = []
    await local.client.browse_objects("shop", lambda page: pages.append(len(page.hits)), {"hitsPerPage": 10})
    part = await everything(
        local, "shop", filters="n >= 5 AND color:red", hitsPerPage=7, attributesToRetrieve=["n"]
    )

    assert pages == [10, 10, 5]
    assert [record["n"] for record in part] == list(range(5, 25))
    assert set(part[0]) == {"objectID", "n"}
    assert local.service.stats["browse_requests"] == 3 + 3


async def test_a_walk_neither_repeats_nor_misses_while_records_change(local: Local) -> None:
    await local.save("shop", *numbered(9))
    first = await local.client.browse("shop", {"hitsPerPage": 4})

    await local.client.delete_objects("shop", ["000", "001"])
    await local.save("shop", {"objectID": "0015"}, {"objectID": "999"}, {"objectID": "005", "n": "changed"})
    rest = await local.client.browse("shop", {"hitsPerPage": 10, "cursor": first.cursor})

    assert [hit.object_id for hit in rest.hits] == ["004", "005", "006", "007"]


async def test_tasks_are_published_by_the_clock(local: Local) -> None:
    local.service.limits = {"publish_delay_s": 10}
    first = await local.client.save_objects("shop", numbered(1))
    second = await local.client.save_objects("shop", numbered(1))

    assert second[0].task_id > first[0].task_id
    assert (await local.client.get_task("shop", first[0].task_id)).status == "notPublished"
    listed = (await local.client.list_indices()).items[0]
    assert (listed.number_of_pending_tasks, listed.pending_task) == (2, True)

    local.clock.advance(10)
    assert (await local.client.get_task("shop", first[0].task_id)).status == "published"
    with pytest.raises(RequestException):
        await local.client.get_task("shop", 999)


async def test_a_record_over_the_limit_fails_its_batch_by_name(local: Local) -> None:
    local.service.limits = {"record_size_limit": 100}

    with pytest.raises(RequestException) as refused:
        await local.client.save_objects("shop", [*numbered(2), {"objectID": "big", "text": "x" * 100}])

    assert refused.value.status_code == 400
    assert "Record at the position 2 objectID=big is too big size=" in str(refused.value.message)
    assert not await local.client.index_exists("shop")

    await local.save("shop", {"objectID": "grows", "text": "x" * 60})
    with pytest.raises(RequestException, match="is too big"):
        await local.client.partial_update_object("shop", "grows", {"more": "y" * 40})


async def test_a_request_over_the_limit_is_refused(local: Local) -> None:
    local.service.limits = {"request_size_limit": 200}

    with pytest.raises(RequestException) as refused:
        await local.client.save_objects("shop", numbered(20))

    assert refused.value.status_code == 413


@pytest.mark.parametrize("name", ["x" * 257, "*", " padded"])
async def test_invalid_index_names_are_refused(local: Local, name: str) -> None:
    with pytest.raises(RequestException, match="indexName is not valid"):
        await local.client.set_settings(name, {"hitsPerPage": 1})


async def test_what_is_not_implemented_says_so(local: Local) -> None:
    await local.save("shop", {"objectID": "1"})

    for attempt in (
        local.client.search_rules("shop"),
        local.client.search_single_index("shop", {"aroundLatLng": "1,2"}),
        local.client.set_settings("shop", {"removeWordsIfNoResults": "lastWords"}),
        local.client.set_settings("shop", {"distinct": True, "attributeForDistinct": "name"}),
    ):
        with pytest.raises(RequestException, match="not implemented by the local Algolia"):
            await attempt


async def test_unknown_settings_and_parameters_are_mistakes(local: Local) -> None:
    await local.save("shop", {"objectID": "1"})

    with pytest.raises(RequestException, match="Invalid object attribute"):
        await local.client.set_settings("shop", {"searchableAtributes": ["name"]})
    with pytest.raises(RequestException, match="Unknown parameter"):
        await local.client.search_single_index("shop", {"querry": "x"})
    with pytest.raises(RequestException, match="does not exist"):
        await local.client.search_single_index("elsewhere", {"query": "x"})
