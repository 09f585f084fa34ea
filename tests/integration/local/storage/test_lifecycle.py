"""A bucket's lifecycle deletes what has reached an age; whatever else Google's can do is refused."""

from datetime import timedelta
from typing import Any

import pytest

from .conftest import Shop

DAY = timedelta(days=1).total_seconds()


def deletion(**condition: Any) -> dict[str, Any]:
    return {"action": {"type": "Delete"}, "condition": condition}


async def set_rules(shop: Shop, *rules: Any) -> None:
    shop.bucket.lifecycle_rules = rules
    await shop.run(shop.bucket.patch)


async def names(shop: Shop) -> set[str]:
    return {blob.name for blob in await shop.run(lambda: list(shop.bucket.list_blobs()))}


async def test_rules_that_google_s_client_sets_are_shown_to_it(shop: Shop) -> None:
    shop.bucket.add_lifecycle_delete_rule(age=30)
    await shop.run(shop.bucket.patch)
    found = await shop.run(shop.client.get_bucket, "goods")
    assert list(found.lifecycle_rules) == [deletion(age=30)]


async def test_an_object_is_deleted_once_it_has_the_age_and_its_event_tells_of_it(shop: Shop) -> None:
    await set_rules(shop, deletion(age=2))
    old = await shop.put("old")
    shop.clock.advance(DAY)
    await shop.put("young")
    shop.happened()
    shop.clock.advance(DAY - 60)
    await shop.service.sweep()
    assert await names(shop) == {"old", "young"}
    shop.clock.advance(60)
    await shop.service.sweep()
    assert await names(shop) == {"young"}
    assert shop.happened() == [("deleted", "old", str(old.generation))]


async def test_an_overwritten_object_is_as_old_as_its_new_generation(shop: Shop) -> None:
    await set_rules(shop, deletion(age=2))
    await shop.put("a")
    shop.clock.advance(DAY)
    await shop.put("a")
    shop.clock.advance(DAY)
    await shop.service.sweep()
    assert await names(shop) == {"a"}


async def test_of_several_rules_the_shortest_age_counts(shop: Shop) -> None:
    await set_rules(shop, deletion(age=9), deletion(age=1), deletion(age=10**12))
    await shop.put("a")
    shop.clock.advance(DAY)
    await shop.service.sweep()
    assert await names(shop) == set()


async def test_without_rules_nothing_gets_too_old(shop: Shop) -> None:
    await set_rules(shop, deletion(age=1))
    await set_rules(shop)
    await shop.put("a")
    shop.clock.advance(3650 * DAY)
    await shop.service.sweep()
    assert await names(shop) == {"a"}


@pytest.mark.parametrize(
    ("rule", "status", "word"),
    [
        (deletion(age=1, matchesPrefix=["runs/"]), 501, "matchesPrefix"),
        (deletion(numNewerVersions=3), 501, "numNewerVersions"),
        ({"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}, 501, "SetStorageClass"),
        ({"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}}, 501, "Abort"),
        (deletion(), 400, "condition"),
        (deletion(age=-1), 400, "-1"),
        (deletion(age="30"), 400, "'30'"),
        (deletion(age=True), 400, "True"),
        ({"condition": {"age": 1}}, 400, "action"),
        (7, 400, "action"),
    ],
)
async def test_other_rules_are_refused_by_name(shop: Shop, rule: Any, status: int, word: str) -> None:
    path = "/storage/v1/b/goods"
    async with shop.http.patch(path, json={"lifecycle": {"rule": [deletion(age=1), rule]}}) as response:
        assert response.status == status
        assert word in (await response.json())["error"]["message"]
    async with shop.http.get(path) as response:
        assert "lifecycle" not in await response.json()


@pytest.mark.parametrize("lifecycle", [7, [deletion(age=1)], {"rule": deletion(age=1)}])
async def test_what_is_no_lifecycle_is_refused(shop: Shop, lifecycle: Any) -> None:
    async with shop.http.patch("/storage/v1/b/goods", json={"lifecycle": lifecycle}) as response:
        assert response.status == 400
