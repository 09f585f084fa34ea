"""Metadata, copies, compositions and deletions, and what they tell the event log."""

from http import HTTPStatus

import pytest
from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound

from .conftest import Shop
from .test_uploads import crc32c


async def test_a_patch_changes_what_it_names(shop: Shop) -> None:
    blob = await shop.put("a", content_type="text/plain")
    blob.metadata, blob.cache_control = {"a": "1", "b": "2"}, "no-store"
    await shop.run(blob.patch)
    blob.metadata = {"a": None, "c": "3"}
    await shop.run(blob.patch)
    found = await shop.run(shop.bucket.get_blob, "a")
    assert found.metadata == {"b": "2", "c": "3"}
    assert (found.cache_control, found.content_type, found.metageneration) == ("no-store", "text/plain", 3)
    assert found.generation == blob.generation


async def test_an_update_sets_all_anew(shop: Shop) -> None:
    path = "/storage/v1/b/goods/o/a"
    await shop.put("a", content_type="text/plain")
    async with shop.http.put(path, json={"metadata": {"a": "1"}, "generation": "7"}) as response:
        resource = await response.json()
    assert ("contentType" in resource, resource["metadata"], resource["metageneration"]) == (
        False,
        {"a": "1"},
        "2",
    )


async def test_a_custom_time_does_not_go_back(shop: Shop) -> None:
    path = "/storage/v1/b/goods/o/a"
    await shop.put("a")
    statuses = []
    for moment in ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z", None, "soon", "2026-04-01T00:00:00Z"):
        async with shop.http.patch(path, json={"customTime": moment}) as response:
            statuses.append(response.status)
    assert statuses == [200, 400, 400, 400, 200]


async def test_a_copy_has_the_bytes_and_the_metadata(shop: Shop) -> None:
    source = await shop.put("a", b"bytes", content_type="image/png")
    copy = await shop.run(shop.bucket.copy_blob, source, shop.bucket, "b")
    await shop.run(source.delete)
    assert copy.content_type == "image/png"
    assert await shop.run(copy.download_as_bytes) == b"bytes"


async def test_a_rewrite_can_give_other_metadata(shop: Shop) -> None:
    source = await shop.put("a", content_type="image/png")
    copy = shop.bucket.blob("b")
    copy.content_type = "image/webp"
    assert await shop.run(copy.rewrite, source) == (None, 7, 7)
    assert copy.content_type == "image/webp"


async def test_an_object_that_is_rewritten_onto_itself_is_a_new_generation(shop: Shop) -> None:
    blob = await shop.put("a", b"bytes", content_type="image/png")
    shop.happened()
    again = shop.bucket.blob("a")
    await shop.run(again.rewrite, blob)
    assert again.generation > blob.generation
    assert shop.happened() == [
        ("finalized", "a", str(again.generation)),
        ("deleted", "a", str(blob.generation)),
    ]
    assert await shop.run(again.download_as_bytes) == b"bytes"


async def test_a_composition_joins_objects(shop: Shop) -> None:
    parts = [await shop.put(name, name.encode()) for name in ("a", "b", "c")]
    joined = shop.bucket.blob("joined")
    joined.content_type = "text/plain"
    await shop.run(joined.compose, parts, if_source_generation_match=[part.generation for part in parts])
    assert await shop.run(joined.download_as_bytes) == b"abc"
    assert (joined.component_count, joined.crc32c, joined.md5_hash) == (3, crc32c(b"abc"), None)
    await shop.run(joined.compose, [joined, parts[0]])
    assert joined.component_count == 4


async def test_a_composition_of_too_many_or_of_what_is_not_there_is_refused(shop: Shop) -> None:
    part = await shop.put("a")
    with pytest.raises(BadRequest, match="1 to 32"):
        await shop.run(shop.bucket.blob("joined").compose, [part] * 33)
    with pytest.raises(NotFound):
        await shop.run(shop.bucket.blob("joined").compose, [part, shop.bucket.blob("b")])


async def test_every_change_is_an_event(shop: Shop) -> None:
    first = await shop.put("a")
    second = await shop.put("a")
    await shop.run(second.patch)
    await shop.run(second.delete)
    old, new = str(first.generation), str(second.generation)
    assert shop.happened() == [
        ("finalized", "a", old),
        ("finalized", "a", new),
        ("deleted", "a", old),
        ("metadataUpdated", "a", new),
        ("deleted", "a", new),
    ]


async def test_listeners_hear_of_events_that_are_there(shop: Shop) -> None:
    heard: list[int] = []
    shop.service.on_event(lambda: heard.append(len(shop.service.events.pending(10))))
    await shop.put("a")
    await shop.put("a")
    assert heard == [1, 3]


async def test_an_event_is_forgotten_once_and_its_id_does_not_come_again(shop: Shop) -> None:
    await shop.put("a")
    [event] = shop.service.events.pending(10)
    shop.service.events.forget([event.id, event.id])
    await shop.put("b")
    [other] = shop.service.events.pending(10)
    assert (other.name, other.id != event.id) == ("b", True)


async def test_a_batch_does_each_of_its_requests(shop: Shop) -> None:
    blobs = [await shop.put(name) for name in ("a", "b/ü")]

    def delete() -> list[int]:
        with shop.client.batch(raise_exception=False) as batch:
            shop.bucket.delete_blobs([*blobs, shop.bucket.blob("gone")])
        return [response.status_code for response in batch._responses]

    assert await shop.run(delete) == [204, 204, 404]
    assert await shop.run(lambda: list(shop.bucket.list_blobs())) == []


async def test_what_is_beyond_the_stand_in_says_so(shop: Shop) -> None:
    await shop.put("a")
    with pytest.raises(MethodNotImplemented):
        await shop.run(shop.bucket.get_iam_policy, retry=None)
    async with shop.http.patch("/storage/v1/b/goods", json={"versioning": {"enabled": True}}) as response:
        assert response.status == HTTPStatus.NOT_IMPLEMENTED
    async with shop.http.patch("/storage/v1/b/goods/o/a", json={"temporaryHold": True}) as response:
        assert response.status == HTTPStatus.NOT_IMPLEMENTED
    async with shop.http.get("/storage/v1/b/goods/o?versions=true") as response:
        assert response.status == HTTPStatus.NOT_IMPLEMENTED
