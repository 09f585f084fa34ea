"""The buckets of images behind Google's own client, at the local Cloud Storage."""

import gc
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from functions.images.buckets import CACHE_CONTROL, Listed, Originals, Renditions
from shared.http import TRANSIENT
from tests.integration.local.storage.conftest import Shop, serving

NAME = "products/p1/i1"
# More than one request of a stream.
LONG = b"0123456789" * 500_000


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as running:
        yield running


@pytest.fixture
def originals(shop: Shop) -> Originals:
    return Originals(shop.bucket, retry_seconds=10)


@pytest.fixture
def renditions(shop: Shop) -> Renditions:
    return Renditions(shop.bucket, "https://images.example", retry_seconds=10)


async def chunks(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


async def stored(shop: Shop, name: str = NAME) -> Any:
    return await shop.run(shop.bucket.get_blob, name)


async def test_an_original_is_found_as_it_was_written(shop: Shop, originals: Originals) -> None:
    await originals.write(NAME, "image/jpeg", chunks(LONG, b"!"), 3)
    found = await originals.find(NAME)
    assert found is not None
    assert found.series == 3
    assert await originals.read(NAME, found.generation) == LONG + b"!"
    assert (await stored(shop)).content_type == "image/jpeg"


async def test_an_upload_is_of_no_series(shop: Shop, originals: Originals) -> None:
    blob = await shop.put(NAME)
    found = await originals.find(NAME)
    assert found is not None
    assert (found.generation, found.series) == (blob.generation, None)


async def test_what_is_not_there_is_not_found(originals: Originals) -> None:
    assert await originals.find(NAME) is None
    assert await originals.read(NAME, 1) is None


async def test_a_generation_that_was_overwritten_is_not_read(shop: Shop, originals: Originals) -> None:
    blob = await shop.put(NAME, b"old")
    await shop.put(NAME, b"new")
    assert await originals.read(NAME, blob.generation) is None


async def test_an_upload_that_says_it_is_compressed_is_not_unpacked(shop: Shop, originals: Originals) -> None:
    blob = shop.bucket.blob(NAME)
    blob.content_encoding = "gzip"
    packed = gzip.compress(bytes(1_000_000))
    await shop.run(blob.upload_from_string, packed)
    assert await originals.read(NAME, blob.generation) == packed


@pytest.mark.parametrize("begun", [b"a little", LONG])
async def test_a_stream_that_breaks_off_leaves_nothing(
    shop: Shop, originals: Originals, begun: bytes
) -> None:
    with pytest.raises(ValueError, match="cut"):
        await originals.write(NAME, "image/jpeg", chunks(begun, ValueError("cut")), 0)
    gc.collect()  # a writer that is merely dropped ends its upload
    assert await stored(shop) is None
    assert not shop.happened()


async def test_a_stream_that_breaks_off_leaves_what_was_there_before(
    shop: Shop, originals: Originals
) -> None:
    await shop.put(NAME, b"before")
    with pytest.raises(ValueError, match="cut"):
        await originals.write(NAME, "image/jpeg", chunks(LONG, ValueError("cut")), 0)
    assert await shop.run((await stored(shop)).download_as_bytes) == b"before"


async def test_a_rewritten_original_is_the_same_and_announced_anew(shop: Shop, originals: Originals) -> None:
    await originals.write(NAME, "image/png", chunks(b"picture"), 0)
    before = await originals.find(NAME)
    assert before is not None
    shop.happened()
    await originals.rewrite(NAME, before, 1)
    after = await stored(shop)
    assert (after.content_type, after.metadata) == ("image/png", {"series": "1"})
    assert await originals.read(NAME, after.generation) == b"picture"
    assert ("finalized", NAME, str(after.generation)) in shop.happened()


@pytest.mark.parametrize("then", ["overwritten", "deleted"])
async def test_what_was_changed_meanwhile_is_not_rewritten(
    shop: Shop, originals: Originals, then: str
) -> None:
    await originals.write(NAME, "image/png", chunks(b"old"), 0)
    before = await originals.find(NAME)
    assert before is not None
    if then == "overwritten":
        await shop.put(NAME, b"new")
    else:
        await originals.delete(NAME)
    shop.happened()
    await originals.rewrite(NAME, before, 1)
    assert not shop.happened()


async def test_one_generation_is_deleted_and_no_newer_one(shop: Shop, originals: Originals) -> None:
    old = await shop.put(NAME, b"old")
    new = await shop.put(NAME, b"new")
    await originals.delete(NAME, old.generation)
    assert (await stored(shop)).generation == new.generation
    await originals.delete(NAME)
    await originals.delete(NAME)
    assert await stored(shop) is None


async def test_a_rendition_is_written_once_to_be_kept_by_everybody(
    shop: Shop, renditions: Renditions
) -> None:
    await renditions.write(f"{NAME}/1-a.webp", "image/webp", b"small")
    await renditions.write(f"{NAME}/1-a.webp", "image/webp", b"small")
    assert len(shop.happened()) == 1
    rendition = await stored(shop, f"{NAME}/1-a.webp")
    assert (rendition.content_type, rendition.cache_control) == ("image/webp", CACHE_CONTROL)
    assert renditions.url(rendition.name) == f"https://images.example/{NAME}/1-a.webp"


async def test_renditions_of_one_image_alone_are_found_and_deleted(
    shop: Shop, renditions: Renditions
) -> None:
    for name in ("i1/1-a.webp", "i1/2-b.jpg", "i11/1-a.webp"):
        await shop.put(f"products/p1/{name}")
    found = await renditions.of_image("p1", "i1")
    assert found == [f"{NAME}/1-a.webp", f"{NAME}/2-b.jpg"]
    await renditions.delete([*found, f"{NAME}/gone.webp"])
    assert await renditions.of_image("p1", "i1") == []
    assert await stored(shop, "products/p1/i11/1-a.webp")


async def test_objects_are_walked_in_pages_whatever_they_are_called(shop: Shop, originals: Originals) -> None:
    names = sorted(["a", "a b", "a%2F", "a/b", "a#?&+", "aé", "a漢", "a😀", "b"], key=str.encode)
    for name in names:
        await shop.put(name)
    pages, after = [], ""
    while page := await originals.page(after, 2):
        pages.append(page)
        after = page[-1].name
    assert [listed.name for page in pages for listed in page] == names
    assert max(len(page) for page in pages) == 2
    blob = await stored(shop, "b")
    assert pages[-1][-1] == Listed("b", blob.generation, blob.updated)


async def test_what_was_listed_is_deleted_unless_it_is_newer_by_now(shop: Shop, originals: Originals) -> None:
    for name in ("a", "b", "c"):
        await shop.put(name)
    listed = await originals.page("", 10)
    newer = await shop.put("b")
    await originals.delete("c")
    await originals.delete_listed(listed)
    assert [(each.name, each.generation) for each in await originals.page("", 10)] == [
        ("b", newer.generation)
    ]


@pytest.mark.parametrize("rate", ["error_rate", "lost_answer_rate"])
async def test_a_bucket_that_fails_now_and_then_is_asked_again(
    shop: Shop, originals: Originals, renditions: Renditions, rate: str
) -> None:
    # With this seed, the first requests of most kinds fail, and the ones after them do not.
    shop.service.set_faults({rate: 0.4, "seed": 1})
    await originals.write(NAME, "image/jpeg", chunks(b"picture"), 0)
    found = await originals.find(NAME)
    assert found is not None
    await originals.rewrite(NAME, found, 1)
    again = await originals.find(NAME)
    assert again is not None
    assert await originals.read(NAME, again.generation) == b"picture"
    await renditions.write(f"{NAME}/1-a.webp", "image/webp", b"small")
    assert await renditions.of_image("p1", "i1") == [f"{NAME}/1-a.webp"]
    await originals.delete(NAME)
    assert shop.service.stats["faults"] > 0
    shop.service.set_faults({})
    assert await stored(shop) is None


async def test_a_bucket_that_is_out_of_reach_is_to_be_tried_later(shop: Shop) -> None:
    originals = Originals(shop.bucket, retry_seconds=0)
    renditions = Renditions(shop.bucket, "https://images.example", retry_seconds=0)
    shop.service.set_faults({"error_rate": 1.0})
    for attempt in (
        originals.find(NAME),
        originals.read(NAME, 1),
        originals.write(NAME, "image/jpeg", chunks(LONG), 0),
        originals.delete(NAME),
        originals.page("", 10),
        renditions.write(NAME, "image/webp", b"small"),
        renditions.of_image("p1", "i1"),
    ):
        with pytest.raises(TRANSIENT):
            await attempt
