"""The JSON API's uploads: in one go, with their metadata before them, or in pieces.

Source: https://cloud.google.com/storage/docs/uploads-downloads
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import BodyPartReader, MultipartReader, web

from .checksums import Checksums, declared, require
from .errors import invalid
from .metadata import given_metadata
from .objects import Objects
from .resources import object_resource, readdressed
from .uploads import Piece, UploadRequest, Uploads
from .wire import (
    address_of,
    json_answer,
    parse_integer,
    parse_resource,
    preconditions_of,
    refuse_beyond,
    resource_of,
)

_UPLOADS = "/upload/storage/v1/b/{bucket}/o"
_CANCELLED = 499
_CHUNK = 256 * 1024


class UploadRoutes:
    """All that begins with ``/upload``."""

    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads

    def table(self) -> list[web.RouteDef]:
        """Its routes."""
        return [
            web.post(_UPLOADS, self._post),
            web.put(_UPLOADS, self._continue),
            web.delete(_UPLOADS, self._cancel),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        if "upload_id" in request.query:
            return await self._continue(request)
        match request.query.get("uploadType"):
            case "media":
                resource = _described(request, {}, request.headers.get("Content-Type"))
                return await self._put(request, resource, request.content.iter_any())
            case "multipart":
                return await self._multipart(request)
            case "resumable":
                return await self._start(request)
            case kind:
                raise invalid(f"Invalid uploadType {kind!r}.")

    async def _multipart(self, request: web.Request) -> web.Response:
        try:
            parts = MultipartReader(request.headers, request.content)
            resource = parse_resource(bytes(await (await _next(parts)).read()))
            media = await _next(parts)
            resource = _described(request, resource, media.headers.get("Content-Type"))
            return await self._put(request, resource, _chunks(media))
        except (ValueError, AssertionError):
            raise invalid("The body is no multipart/related of metadata and media.") from None

    async def _put(
        self, request: web.Request, resource: Mapping[str, Any], body: AsyncIterator[bytes]
    ) -> web.Response:
        bucket, name = request.match_info["bucket"], str(resource["name"])
        metadata, preconditions = given_metadata(resource), preconditions_of(request)
        self._objects.check_write(bucket, name, preconditions)
        async with self._objects.received(body) as contents:
            require(declared(resource, request.headers.get("x-goog-hash", "")), contents)
            stored = self._objects.put(bucket, name, contents, metadata, preconditions)
        return json_answer(object_resource(stored, address_of(request)))

    async def _start(self, request: web.Request) -> web.Response:
        bucket, headers = request.match_info["bucket"], request.headers
        resource = _described(request, await resource_of(request), headers.get("X-Upload-Content-Type"))
        wanted = UploadRequest(
            given_metadata(resource),
            preconditions_of(request),
            parse_integer("X-Upload-Content-Length", headers.get("X-Upload-Content-Length")),
            declared(resource, headers.get("x-goog-hash", "")),
        )
        upload_id = self._uploads.start(bucket, resource["name"], wanted)
        query = urlencode({"uploadType": "resumable", "name": resource["name"], "upload_id": upload_id})
        location = f"{address_of(request)}/upload/storage/v1/b/{bucket}/o?{query}"
        return web.Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    async def _continue(self, request: web.Request) -> web.Response:
        upload_id = request.query.get("upload_id", "")
        piece, checksums = Piece.parse(request.headers.get("Content-Range")), _sent_checksums(request)
        done = await self._uploads.receive(upload_id, piece, request.content.iter_any(), checksums)
        if isinstance(done, int):
            return web.Response(status=308, headers={"Range": f"bytes=0-{done - 1}"} if done else {})
        return json_answer(readdressed(done, address_of(request)))

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._uploads.cancel(request.query.get("upload_id", ""))
        return web.Response(status=_CANCELLED)


def _sent_checksums(request: web.Request) -> Checksums:
    return declared({}, request.headers.get("x-goog-hash", ""))


def _described(request: web.Request, resource: dict[str, Any], content_type: str | None) -> dict[str, Any]:
    """The resource with what the query and the headers say; the query's name goes first."""
    name = request.query.get("name", resource.get("name"))
    if not name:
        raise invalid("Required: name")
    described = {"contentType": content_type, **resource, "name": name}
    if encoding := request.query.get("contentEncoding"):
        described["contentEncoding"] = encoding
    return described


async def _next(parts: MultipartReader) -> BodyPartReader:
    part = await parts.next()
    if not isinstance(part, BodyPartReader):
        raise invalid("A multipart upload has two parts.")
    return part


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk
