"""The buckets of prices behind Google's own client, at the local Cloud Storage."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from functions.prices.feed_bucket import FeedBucket
from functions.prices.feeds import FeedRefusedError, Position
from functions.prices.lines import BadLine
from functions.prices.splitting import Part
from functions.prices.splitting import Range as Lines
from functions.prices.stores import Range
from functions.prices.workspace import PartIndex, Workspace
from shared.errors import PermanentError, TransientError
from shared.events import StoredObject
from tests.integration.local.storage.conftest import Shop, serving

NAME = "feeds/acme/prices.csv"
DATA = bytes(range(256)) * 4
PART = Part(
    content=b"s1 l\xc3\xadnes\ns2 lines\n",
    stores={"s1": Lines(0, 10, 1), "s2": Lines(10, 9, 1)},
    good=2,
    bad=3,
    bad_lines=[BadLine(4, "price", "is missing"), BadLine(7, None, "no record")],
    end=1234,
    line=9,
)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as running:
        yield running


@pytest.fixture
def feeds(shop: Shop) -> FeedBucket:
    return FeedBucket(shop.bucket, retry_seconds=10, range_bytes=100)


@pytest.fixture
def workspace(shop: Shop) -> Workspace:
    return Workspace(shop.bucket, retry_seconds=10)


async def dropped(shop: Shop, data: bytes, **options: Any) -> StoredObject:
    """The event of a feed."""
    await shop.put(NAME, data, **options)
    (event,) = (each for each in shop.service.events.pending(9) if each.name == NAME)
    shop.happened()
    return StoredObject.model_validate(event.data)


async def read(feeds: FeedBucket, stored: StoredObject, offset: int = 0) -> bytes:
    def work() -> bytes:
        with feeds.open(stored) as stream:
            stream.seek(offset)
            return stream.read()

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("offset", [0, 1, 99, 100, 1023, 1024, 5000])
async def test_a_feed_is_read_from_anywhere_to_its_end(shop: Shop, feeds: FeedBucket, offset: int) -> None:
    assert await read(feeds, await dropped(shop, DATA), offset) == DATA[offset:]


async def test_a_stream_goes_back_and_forth(shop: Shop, feeds: FeedBucket) -> None:
    stored = await dropped(shop, DATA)

    def work() -> list[bytes]:
        with feeds.open(stored) as stream:
            read = [stream.read(150)]
            for offset, whence in ((0, io.SEEK_SET), (95, io.SEEK_CUR), (-10, io.SEEK_END)):
                stream.seek(offset, whence)
                read.append(stream.read(10))
            return read

    assert await asyncio.to_thread(work) == [DATA[:150], DATA[:10], DATA[105:115], DATA[-10:]]


async def test_a_feed_without_a_byte_is_read(shop: Shop, feeds: FeedBucket) -> None:
    assert await read(feeds, await dropped(shop, b"")) == b""


async def test_a_feed_that_says_it_is_compressed_is_not_unpacked_on_its_way(
    shop: Shop, feeds: FeedBucket
) -> None:
    blob, packed = shop.bucket.blob(NAME), gzip.compress(DATA, mtime=0)
    blob.content_encoding = "gzip"
    await shop.run(blob.upload_from_string, packed)
    stored = StoredObject(
        bucket="goods", name=NAME, generation=blob.generation, size=blob.size, time_created=blob.time_created
    )
    assert await read(feeds, stored) == packed
    assert await read(feeds, stored, 100) == packed[100:]


@pytest.mark.parametrize("then", ["overwritten", "deleted"])
async def test_a_feed_that_is_gone_is_refused(shop: Shop, feeds: FeedBucket, then: str) -> None:
    stored = await dropped(shop, DATA)
    if then == "overwritten":
        await shop.put(NAME, DATA)
    else:
        await shop.run(shop.bucket.blob(NAME).delete)
    with pytest.raises(FeedRefusedError, match="overwritten or deleted"):
        await read(feeds, stored)


async def test_a_feed_shorter_than_was_said_comes_again(shop: Shop, feeds: FeedBucket) -> None:
    stored = await dropped(shop, DATA)
    with pytest.raises(TransientError, match="incomplete"):
        await read(feeds, stored.model_copy(update={"size": len(DATA) + 1}))


async def test_a_report_is_written_once(shop: Shop, feeds: FeedBucket) -> None:
    await feeds.write_report("report", b"{}\n")
    await feeds.write_report("report", b"{}\n")
    assert len(shop.happened()) == 1
    blob = await shop.run(shop.bucket.get_blob, "report")
    assert (await shop.run(blob.download_as_bytes), blob.content_type) == (b"{}\n", "application/x-ndjson")


async def test_a_part_is_read_as_it_was_written(workspace: Workspace) -> None:
    index = await workspace.add("r", 0, PART)
    assert await workspace.index("r", 0) == index == PartIndex.of(PART)
    assert index.end == Position(1234, 9)
    for store, content in (("s1", PART.content[:10]), ("s2", PART.content[10:])):
        where = index.stores[store]
        assert await workspace.lines("r", Range(0, where.offset, where.length)) == content


async def test_a_part_without_good_lines_is_read(workspace: Workspace) -> None:
    index = await workspace.add("r", 0, replace(PART, content=b"", stores={}, good=0))
    assert await workspace.index("r", 0) == index


async def test_of_two_parts_of_a_number_the_first_counts(workspace: Workspace) -> None:
    first = await workspace.add("r", 0, PART)
    assert await workspace.add("r", 0, replace(PART, content=b"", stores={}, good=0, end=99)) == first
    assert await workspace.index("r", 0) == first


async def test_parts_are_counted_up_to_a_gap(shop: Shop, workspace: Workspace) -> None:
    assert await workspace.count("r") == 0
    for number in range(3):
        await workspace.add("r", number, PART)
    await workspace.add("rr", 0, PART)
    assert await workspace.count("r") == 3
    await shop.run(shop.bucket.blob("runs/r/parts/00001.tsv").delete)
    assert await workspace.count("r") == 1


async def test_parts_that_are_gone_are_gone_for_good(workspace: Workspace) -> None:
    for reading in (workspace.index("r", 0), workspace.lines("r", Range(0, 0, 1))):
        with pytest.raises(PermanentError, match="not kept any more"):
            await reading


async def test_buckets_out_of_reach_are_to_be_tried_later(shop: Shop) -> None:
    feeds, workspace = FeedBucket(shop.bucket, retry_seconds=0), Workspace(shop.bucket, retry_seconds=0)
    stored = await dropped(shop, DATA)
    shop.service.set_faults({"error_rate": 1.0})
    for attempt in (
        read(feeds, stored),
        feeds.write_report("report", b""),
        workspace.count("r"),
        workspace.add("r", 0, PART),
        workspace.index("r", 0),
        workspace.lines("r", Range(0, 0, 1)),
    ):
        with pytest.raises(TransientError):
            await attempt
