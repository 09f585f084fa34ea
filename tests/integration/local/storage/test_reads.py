"""Downloads: ranges, checksums, conditions and compressed objects."""

import gzip
from typing import Any

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed, RequestRangeNotSatisfiable
from google.cloud.storage import Blob

from .conftest import Shop
from .test_uploads import crc32c, md5

DOWNLOAD = "/download/storage/v1/b/goods/o/a"
TEXT = b"The quick brown fox. " * 100


async def get(shop: Shop, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and undecoded body of the object "a"."""
    headers = {"Accept-Encoding": "identity", **headers}
    async with shop.http.get(DOWNLOAD, params={"alt": "media"}, headers=headers) as response:
        return response.status, response.headers, await response.read()


async def compressed(shop: Shop) -> Blob:
    blob = shop.bucket.blob("a")
    blob.content_encoding = "gzip"
    await shop.run(blob.upload_from_string, gzip.compress(TEXT))
    return blob


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=3-1", 200, b"0123456789", None),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_a_range(shop: Shop, wanted: str, status: int, body: bytes, content_range: str | None) -> None:
    await shop.put("a", b"0123456789")
    answered, headers, received = await get(shop, Range=wanted)
    assert (answered, received, headers.get("Content-Range")) == (status, body, content_range)


async def test_googles_client_reads_ranges_and_pieces(shop: Shop) -> None:
    blob = await shop.put("a", TEXT)
    assert await shop.run(blob.download_as_bytes, start=4, end=8) == b"quick"
    assert await shop.run(shop.bucket.blob("a", chunk_size=256 * 1024).download_as_bytes) == TEXT
    with pytest.raises(RequestRangeNotSatisfiable):
        await shop.run(blob.download_as_bytes, start=len(TEXT))


async def test_an_answer_says_what_the_bytes_are(shop: Shop) -> None:
    blob = shop.bucket.blob("a")
    blob.cache_control, blob.content_disposition = "public, max-age=5", "inline"
    await shop.run(blob.upload_from_string, TEXT, content_type="text/plain")
    _, headers, _ = await get(shop)
    assert headers["x-goog-hash"] == f"crc32c={crc32c(TEXT)},md5={md5(TEXT)}"
    assert headers["x-goog-generation"] == str(blob.generation)
    assert headers["x-goog-metageneration"] == "1"
    assert (headers["Cache-Control"], headers["Content-Disposition"]) == ("public, max-age=5", "inline")
    assert (headers["Content-Type"], headers["ETag"]) == ("text/plain", blob.etag)


async def test_a_compressed_object_is_served_as_it_is_to_who_takes_it(shop: Shop) -> None:
    await compressed(shop)
    _, headers, body = await get(shop, **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert body == TEXT or gzip.decompress(body) == TEXT  # the test's client may have undone it
    assert headers["Content-Length"] == headers["x-goog-stored-content-length"]


async def test_a_compressed_object_is_decompressed_for_who_does_not(shop: Shop) -> None:
    await compressed(shop)
    status, headers, body = await get(shop, Range="bytes=0-3")
    assert (status, body) == (200, TEXT)
    assert "Content-Encoding" not in headers
    assert headers["x-goog-stored-content-encoding"] == "gzip"


async def test_googles_client_reads_a_compressed_object_both_ways(shop: Shop) -> None:
    blob = await compressed(shop)
    assert await shop.run(blob.download_as_bytes) == TEXT
    assert gzip.decompress(await shop.run(blob.download_as_bytes, raw_download=True)) == TEXT


async def test_another_generation_is_not_there(shop: Shop) -> None:
    former = (await shop.put("a", b"old")).generation
    await shop.put("a", b"new")
    with pytest.raises(NotFound):
        await shop.run(shop.bucket.blob("a", generation=former).download_as_bytes)


async def test_conditions_on_a_read(shop: Shop) -> None:
    blob = await shop.put("a")
    assert await shop.run(blob.download_as_bytes, if_generation_match=blob.generation) == b"content"
    with pytest.raises(PreconditionFailed):
        await shop.run(blob.download_as_bytes, if_generation_match=1)
    with pytest.raises(PreconditionFailed):
        await shop.run(blob.reload, if_metageneration_match=2)
    for condition in ("ifGenerationNotMatch", "ifMetagenerationNotMatch"):
        known = str(blob.generation if condition == "ifGenerationNotMatch" else 1)
        async with shop.http.get("/storage/v1/b/goods/o/a", params={condition: known}) as response:
            assert response.status == 304


async def test_who_has_an_etag_is_not_sent_the_bytes_again(shop: Shop) -> None:
    blob = await shop.put("a")
    assert (await get(shop, **{"If-None-Match": blob.etag}))[0] == 304
    assert (await get(shop, **{"If-Match": "other"}))[0] == 412
    with pytest.raises(PreconditionFailed):
        await shop.run(blob.reload, if_etag_match="other")
    await shop.run(blob.reload, if_etag_match=blob.etag)
    assert (await get(shop, **{"If-Range": "other", "Range": "bytes=0-0"}))[0] == 200
