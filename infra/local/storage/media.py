"""The bytes of an object over HTTP: ranges, checksums, conditions on ETags, and gzip undone for those who cannot.

Sources: https://cloud.google.com/storage/docs/transcoding and …/docs/json_api/v1/parameters#range (headers:
…/docs/xml-api/reference-headers).
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from http import HTTPStatus
from typing import BinaryIO

from aiohttp import web
from multidict import CIMultiDict

from .resources import StoredObject

_CHUNK = 256 * 1024
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII)
_STORED_HEADERS = {
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
    "contentEncoding": "Content-Encoding",
    "contentLanguage": "Content-Language",
}


@dataclass(frozen=True)
class Delivery:
    """What a request for an object's bytes is answered.

    Attributes:
        start: the first byte of the file to be sent.
        length: how many.
        unzip: whether they are sent decompressed, and so with a length that nobody knows yet.
    """

    status: HTTPStatus
    headers: CIMultiDict[str]
    start: int
    length: int
    unzip: bool = False


def plan(stored: StoredObject, request: Mapping[str, str], etag: str) -> Delivery:
    """Decide the answer from the request's headers; ``etag`` is the API's own."""
    headers = _headers(stored, etag)
    size = stored.contents.size
    if refusal := etag_refusal(request, etag):
        return Delivery(refusal, headers, 0, 0)
    whole = Delivery(HTTPStatus.OK, headers, 0, size)
    if _is_transcoded(stored, request):
        return _unzipped(whole)
    bounds = _range(request.get("Range", ""), size)
    if bounds is None or not _range_is_current(request, etag):
        return whole
    return _part(whole, *bounds)


def etag_refusal(request: Mapping[str, str], etag: str) -> HTTPStatus | None:
    """What answers a read whose conditions on the ETag do not hold; None if they do."""
    if (wanted := request.get("If-Match")) and not _has_tag(wanted, etag):
        return HTTPStatus.PRECONDITION_FAILED
    if (known := request.get("If-None-Match")) and _has_tag(known, etag):
        return HTTPStatus.NOT_MODIFIED
    return None


async def send(request: web.Request, delivery: Delivery, file: BinaryIO) -> web.StreamResponse:
    """Send what was decided; closes the file."""
    with file:
        response = web.StreamResponse(status=delivery.status, headers=delivery.headers)
        if not delivery.unzip and delivery.status != HTTPStatus.NOT_MODIFIED:
            response.content_length = delivery.length
        await response.prepare(request)
        if request.method != "HEAD":
            file.seek(delivery.start)
            for chunk in _unzip(file) if delivery.unzip else _read(file, delivery.length):
                await response.write(chunk)
        await response.write_eof()
        return response


def _headers(stored: StoredObject, etag: str) -> CIMultiDict[str]:
    contents = stored.contents
    md5 = [f"md5={contents.md5}"] if contents.md5 else []
    headers = CIMultiDict(
        {
            "Content-Type": stored.content_type,
            "ETag": etag,
            "Last-Modified": format_datetime(stored.updated, usegmt=True),
            "Accept-Ranges": "bytes",
            "x-goog-generation": str(stored.generation),
            "x-goog-metageneration": str(stored.metageneration),
            "x-goog-storage-class": stored.metadata.get("storageClass", "STANDARD"),
            "x-goog-hash": ",".join([f"crc32c={contents.crc32c}", *md5]),
            "x-goog-stored-content-encoding": stored.metadata.get("contentEncoding", "identity"),
            "x-goog-stored-content-length": str(contents.size),
        }
    )
    fields = _STORED_HEADERS.items()
    headers.update({header: stored.metadata[key] for key, header in fields if key in stored.metadata})
    headers.update(
        {f"x-goog-meta-{key}": value for key, value in stored.metadata.get("metadata", {}).items()}
    )
    return headers


def _range(header: str, size: int) -> tuple[int, int] | None:
    """The first byte and the end of a single range; None for anything else, which is as if it was not said."""
    found = _RANGE.fullmatch(header)
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _part(whole: Delivery, start: int, end: int) -> Delivery:
    headers = whole.headers.copy()
    if start >= end:
        headers["Content-Range"] = f"bytes */{whole.length}"
        return replace(whole, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers, length=0)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{whole.length}"
    return Delivery(HTTPStatus.PARTIAL_CONTENT, headers, start, end - start)


def _range_is_current(request: Mapping[str, str], etag: str) -> bool:
    condition = request.get("If-Range")
    return condition is None or condition == etag


def _has_tag(listed: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"') for tag in listed.split(",")}
    return "*" in tags or etag.strip('"') in tags


def _is_transcoded(stored: StoredObject, request: Mapping[str, str]) -> bool:
    """Whether gzip is undone on the way: unless it is accepted or the object forbids it."""
    return (
        stored.metadata.get("contentEncoding") == "gzip"
        and "gzip" not in request.get("Accept-Encoding", "")
        and "no-transform" not in stored.metadata.get("cacheControl", "")
    )


def _unzipped(whole: Delivery) -> Delivery:
    """Ranges of it cannot be had, as at Google."""
    headers = whole.headers.copy()
    del headers["Content-Encoding"]
    headers["Warning"] = "214 UploadServer gunzipped"
    return replace(whole, headers=headers, unzip=True)


def _read(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(_CHUNK, length))):
        length -= len(chunk)
        yield chunk


def _unzip(file: BinaryIO) -> Iterator[bytes]:
    """Raises zlib.error where the bytes are not what their encoding says: the connection breaks off then."""
    decompressor = zlib.decompressobj(wbits=31)
    while chunk := file.read(_CHUNK):
        while chunk:
            yield decompressor.decompress(chunk, _CHUNK)
            chunk = decompressor.unconsumed_tail
    yield decompressor.flush()
