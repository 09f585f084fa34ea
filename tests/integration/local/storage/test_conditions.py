"""Preconditions on writes and deletes, as they keep two writers from undoing each other's work."""

from typing import Any

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed

from .conftest import Shop

FAILING: list[dict[str, int]] = [
    {"if_generation_match": 0},
    {"if_generation_match": 1},
    {"if_metageneration_match": 2},
    {"if_metageneration_not_match": 1},
]


# Uploads of Google's client misspell the parameter of the last one, so that no server can know what they mean.
@pytest.mark.parametrize("condition", FAILING[:-1])
async def test_an_object_is_not_overwritten_against_a_condition(
    shop: Shop, condition: dict[str, int]
) -> None:
    blob = await shop.put("a", b"old")
    with pytest.raises(PreconditionFailed):
        await shop.put("a", b"new", **condition)
    with pytest.raises(PreconditionFailed):
        await shop.put("a", b"new", if_generation_not_match=blob.generation)
    assert await shop.run(blob.download_as_bytes) == b"old"


@pytest.mark.parametrize("condition", FAILING)
async def test_an_object_is_not_deleted_nor_changed_against_a_condition(
    shop: Shop, condition: dict[str, Any]
) -> None:
    blob = await shop.put("a")
    blob.metadata = {"a": "b"}
    for change in (blob.patch, blob.update, blob.delete):
        with pytest.raises(PreconditionFailed):
            await shop.run(change, **condition)
    assert (await shop.run(shop.bucket.get_blob, "a")).metageneration == 1


async def test_what_a_condition_asks_for_is_done(shop: Shop) -> None:
    blob = await shop.put("a", b"1", if_generation_match=0)
    await shop.put("a", b"2", if_generation_match=blob.generation, if_metageneration_match=1)
    now = await shop.put("a", b"3", if_generation_not_match=blob.generation)
    now.metadata = {"a": "b"}
    await shop.run(now.patch, if_metageneration_match=1)
    await shop.run(now.delete, if_generation_match=now.generation, if_metageneration_match=2)


async def test_a_new_object_can_require_that_there_is_one_or_none(shop: Shop) -> None:
    with pytest.raises(PreconditionFailed):
        await shop.put("a", if_generation_not_match=0)
    with pytest.raises(PreconditionFailed):
        await shop.put("a", if_generation_match=7)
    await shop.put("a", if_generation_match=0)
    await shop.put("a", if_generation_not_match=0)


async def test_who_deletes_twice_is_told(shop: Shop) -> None:
    blob = await shop.put("a")
    await shop.run(blob.delete)
    with pytest.raises(NotFound):
        await shop.run(blob.delete, if_generation_match=blob.generation)


async def test_conditions_on_both_ends_of_a_copy(shop: Shop) -> None:
    source, target = await shop.put("a", b"a"), await shop.put("b", b"b")
    for condition in ({"if_source_generation_match": 1}, {"if_generation_match": 1}):
        with pytest.raises(PreconditionFailed):
            await shop.run(shop.bucket.blob("b").rewrite, source, **condition)
    holding = {"if_source_metageneration_match": 1, "if_generation_match": target.generation}
    await shop.run(shop.bucket.blob("b").rewrite, source, **holding)
    assert await shop.run(shop.bucket.blob("b").download_as_bytes) == b"a"


async def test_conditions_on_a_bucket(shop: Shop) -> None:
    shop.bucket.labels = {"team": "images"}
    with pytest.raises(PreconditionFailed):
        await shop.run(shop.bucket.patch, if_metageneration_match=7)
    await shop.run(shop.bucket.patch, if_metageneration_match=1)
    assert (await shop.run(shop.client.get_bucket, "goods")).metageneration == 2
