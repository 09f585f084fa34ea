"""Uploads in pieces, over connections that break and restarts in between."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from google.cloud.storage.retry import DEFAULT_RETRY

from .conftest import Shop, serving
from .test_uploads import crc32c

QUANTUM = 256 * 1024
CONTENT = b"0123456789abcdef" * (3 * QUANTUM // 16) + b"end"
AT_ONCE = DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001)
UPLOADS = "/upload/storage/v1/b/goods/o"


async def start(shop: Shop, resource: dict[str, Any] | None = None, **query: str) -> str:
    """Begin an upload of the object "a"; its id."""
    parameters = {"uploadType": "resumable", "name": "a", **query}
    async with shop.http.post(UPLOADS, params=parameters, json=resource or {}) as response:
        assert response.status == 200, await response.text()
        return response.headers["X-GUploader-UploadID"]


async def send(
    shop: Shop, upload: str, content_range: str, data: Any = b"", **headers: str
) -> tuple[int, str | None]:
    """Send a piece; the status, and the range that is kept so far."""
    headers["Content-Range"] = f"bytes {content_range}"
    query = {"upload_id": upload}
    async with shop.http.put(UPLOADS, params=query, data=data, headers=headers) as response:
        return response.status, response.headers.get("Range")


async def content(shop: Shop) -> bytes:
    return bytes(await shop.run(shop.bucket.blob("a").download_as_bytes))


async def test_googles_client_uploads_in_pieces(shop: Shop) -> None:
    blob = shop.bucket.blob("a", chunk_size=QUANTUM)
    await shop.run(blob.upload_from_file, io.BytesIO(CONTENT), content_type="image/tiff")
    assert shop.service.stats["requests"] >= 5  # the start and four pieces
    assert (blob.content_type, blob.crc32c) == ("image/tiff", crc32c(CONTENT))
    assert await shop.run(blob.download_as_bytes) == CONTENT
    assert [happening for happening, _, _ in shop.happened()] == ["finalized"]


async def test_googles_client_uploads_what_it_does_not_know_the_size_of(shop: Shop) -> None:
    def write() -> None:
        with shop.bucket.blob("a").open("wb", chunk_size=QUANTUM) as file:
            file.write(CONTENT)

    await shop.run(write)
    assert await content(shop) == CONTENT


async def test_googles_client_gets_over_lost_answers(shop: Shop) -> None:
    shop.service.set_faults({"seed": 3, "lost_answer_rate": 0.5})
    blob = shop.bucket.blob("a", chunk_size=QUANTUM)
    await shop.run(blob.upload_from_file, io.BytesIO(CONTENT), retry=AT_ONCE)
    assert shop.service.stats["faults"] > 1
    assert await content(shop) == CONTENT
    assert len(shop.happened()) == 1


async def break_off(shop: Shop, upload: str, sent: bytes) -> None:
    """Promise the whole upload, and be gone after the bytes of ``sent``."""
    url = shop.http._base_url
    assert url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    size = len(CONTENT)
    head = (
        f"PUT {UPLOADS}?upload_id={upload} HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\n"
        f"Content-Length: {size}\r\nContent-Range: bytes 0-{size - 1}/{size}\r\n\r\n"
    )
    writer.write(head.encode())
    assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
    writer.write(sent)
    writer.close()
    await writer.wait_closed()


async def test_a_broken_connection_is_taken_up_where_it_broke(shop: Shop) -> None:
    upload = await start(shop)
    await break_off(shop, upload, CONTENT[: 2 * QUANTUM + 5])

    assert await send(shop, upload, f"*/{len(CONTENT)}") == (308, f"bytes=0-{2 * QUANTUM - 1}")
    rest = f"{2 * QUANTUM}-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert (await send(shop, upload, rest, CONTENT[2 * QUANTUM :]))[0] == 200
    assert await content(shop) == CONTENT
    assert len(shop.happened()) == 1


async def test_a_piece_that_comes_twice_is_taken_once(shop: Shop) -> None:
    upload = await start(shop)
    first = f"0-{QUANTUM - 1}/*"
    for _ in range(2):
        assert await send(shop, upload, first, CONTENT[:QUANTUM]) == (308, f"bytes=0-{QUANTUM - 1}")
    whole = f"0-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert (await send(shop, upload, whole, CONTENT))[0] == 200
    assert (await send(shop, upload, whole, CONTENT))[0] == 200
    assert await content(shop) == CONTENT
    assert len(shop.happened()) == 1


async def test_a_body_without_a_range_is_the_whole(shop: Shop) -> None:
    upload = await start(shop)
    await send(shop, upload, f"0-{QUANTUM - 1}/*", CONTENT[:QUANTUM])
    async with shop.http.put(UPLOADS, params={"upload_id": upload}, data=b"short") as response:
        assert response.status == 200
    assert await content(shop) == b"short"


async def test_a_gap_and_an_overlong_piece_are_refused_and_change_nothing(shop: Shop) -> None:
    upload = await start(shop)
    assert (await send(shop, upload, "5-9/10", b"56789"))[0] == 400
    assert (await send(shop, upload, "0-4/10", b"0123456789"))[0] == 400
    assert await send(shop, upload, "*/*") == (308, None)
    assert (await send(shop, upload, "0-9/10", b"0123456789"))[0] == 200


async def test_an_empty_object_comes_without_a_piece(shop: Shop) -> None:
    assert (await send(shop, await start(shop), "*/0"))[0] == 200
    assert await content(shop) == b""


async def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as shop:
        upload = await start(shop, {"contentType": "image/gif"})
        await send(shop, upload, f"0-{QUANTUM - 1}/*", CONTENT[:QUANTUM])
    async with serving(tmp_path) as shop:
        assert await send(shop, upload, "*/*") == (308, f"bytes=0-{QUANTUM - 1}")
        rest = f"{QUANTUM}-{len(CONTENT) - 1}/{len(CONTENT)}"
        assert (await send(shop, upload, rest, CONTENT[QUANTUM:]))[0] == 200
        assert await content(shop) == CONTENT


async def test_a_cancelled_upload_is_over(shop: Shop) -> None:
    upload = await start(shop)
    async with shop.http.delete(UPLOADS, params={"upload_id": upload}) as response:
        assert response.status == 499
    assert (await send(shop, upload, "*/*"))[0] == 404


async def test_an_upload_can_be_continued_for_a_week(shop: Shop) -> None:
    upload = await start(shop)
    shop.clock.advance(7 * 86400 + 1)
    assert (await send(shop, upload, "*/*"))[0] == 404


@pytest.mark.parametrize("given", ["metadata", "header"])
async def test_a_checksum_that_differs_ends_the_upload(shop: Shop, given: str) -> None:
    upload = await start(shop, {"crc32c": crc32c(b"other")} if given == "metadata" else {})
    headers = {"x-goog-hash": f"crc32c={crc32c(b'other')}"} if given == "header" else {}
    assert (await send(shop, upload, "0-2/3", b"abc", **headers))[0] == 400
    assert (await send(shop, upload, "*/*"))[0] == 404
    assert shop.happened() == []


async def test_a_condition_holds_at_the_end_too(shop: Shop) -> None:
    upload = await start(shop, ifGenerationMatch="0")
    await shop.put("a", b"faster")
    assert (await send(shop, upload, "0-2/3", b"abc"))[0] == 412
    assert await content(shop) == b"faster"


async def test_a_size_that_was_announced_binds(shop: Shop) -> None:
    query, headers = {"uploadType": "resumable", "name": "a"}, {"X-Upload-Content-Length": "3"}
    async with shop.http.post(UPLOADS, params=query, headers=headers) as response:
        upload = response.headers["X-GUploader-UploadID"]
    assert (await send(shop, upload, "0-3/4", b"abcd"))[0] == 400
