"""Uploads in one go, and what is refused of them."""

import base64
import hashlib
import json

import google_crc32c
import pytest
from google.api_core.exceptions import BadRequest, NotFound

from .conftest import Shop

CONTENT = bytes(range(256)) * 3


def crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


async def test_an_object_has_what_was_uploaded(shop: Shop) -> None:
    blob = shop.bucket.blob("Ordner/a b?ü%2F#.bin")
    blob.cache_control, blob.metadata = "no-store", {"origin": "camera"}
    await shop.run(blob.upload_from_string, CONTENT, content_type="image/png")

    found = await shop.run(shop.bucket.get_blob, blob.name)
    assert (found.size, found.crc32c, found.md5_hash) == (len(CONTENT), crc32c(CONTENT), md5(CONTENT))
    assert (found.content_type, found.cache_control, found.metadata) == (
        "image/png",
        "no-store",
        {"origin": "camera"},
    )
    assert (found.metageneration, found.generation) == (1, blob.generation)
    assert found.time_created == found.updated
    assert await shop.run(found.download_as_bytes) == CONTENT


async def test_a_plain_body_is_an_object_too(shop: Shop) -> None:
    query = {"uploadType": "media", "name": "a"}
    async with shop.http.post("/upload/storage/v1/b/goods/o", params=query, data=b"plain") as response:
        assert (await response.json())["md5Hash"] == md5(b"plain")


async def test_generations_rise_though_the_clock_stands_still(shop: Shop) -> None:
    generations = [(await shop.put(name)).generation for name in ("a", "b", "a")]
    assert generations == sorted(set(generations))


@pytest.mark.parametrize("kind", ["crc32c", "md5"])
async def test_what_arrives_otherwise_than_it_was_sent_is_refused(shop: Shop, kind: str) -> None:
    query, other = {"uploadType": "media", "name": "a"}, {"crc32c": crc32c(b"other"), "md5": md5(b"other")}
    headers = {"x-goog-hash": f"{kind}={other[kind]}"}
    request = shop.http.post("/upload/storage/v1/b/goods/o", params=query, data=CONTENT, headers=headers)
    async with request as response:
        assert response.status == 400
        assert "doesn't match" in (await response.json())["error"]["message"]
    assert not await shop.run(shop.bucket.blob("a").exists)
    assert shop.happened() == []


async def test_a_checksum_among_the_metadata_is_checked(shop: Shop) -> None:
    headers = {"Content-Type": "multipart/related; boundary=b"}
    parts = (json.dumps({"name": "a", "crc32c": crc32c(b"flipped")}).encode(), CONTENT)
    body = b"".join(b"--b\r\nContent-Type: text/plain\r\n\r\n%s\r\n" % part for part in parts) + b"--b--"
    query = {"uploadType": "multipart"}
    request = shop.http.post("/upload/storage/v1/b/goods/o", params=query, data=body, headers=headers)
    async with request as response:
        assert response.status == 400
    assert shop.happened() == []


async def test_an_upload_needs_a_bucket(shop: Shop) -> None:
    with pytest.raises(NotFound, match="bucket does not exist"):
        await shop.run(shop.client.bucket("nowhere").blob("a").upload_from_string, b"")


@pytest.mark.parametrize("name", ["a\nb", "..", "x" * 1025])
async def test_a_name_that_cannot_be_is_refused(shop: Shop, name: str) -> None:
    with pytest.raises(BadRequest):
        await shop.put(name)


async def test_metadata_that_cannot_be_a_header_is_refused(shop: Shop) -> None:
    blob = shop.bucket.blob("a")
    blob.content_disposition = "inline\r\nX-Evil: 1"
    with pytest.raises(BadRequest, match="control characters"):
        await shop.run(blob.upload_from_string, b"")


async def test_rights_of_single_objects_are_refused_as_with_uniform_access(shop: Shop) -> None:
    with pytest.raises(BadRequest, match="uniform bucket-level access"):
        await shop.put("a", predefined_acl="publicRead")


async def test_a_multipart_body_that_is_none_is_refused(shop: Shop) -> None:
    headers = {"Content-Type": "multipart/related; boundary=b"}
    for body in (b"", b'--b\r\n\r\n{"name": "a"}\r\n--b--\r\n', b"--b\r\n\r\n{}\r\n--b\r\n\r\ncut"):
        query = {"uploadType": "multipart"}
        request = shop.http.post("/upload/storage/v1/b/goods/o", params=query, data=body, headers=headers)
        async with request as response:
            assert response.status == 400, body
    assert shop.happened() == []
