"""The XML API's requests on objects: signed links, and anybody's reading of public buckets.

Source: https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from aiohttp import web
from multidict import CIMultiDict

from infra.local.clock import Clock

from .buckets import Buckets
from .checksums import Checksums, require
from .cors import answer_headers, preflight_headers
from .errors import StorageError
from .media import plan, send
from .objects import Objects
from .resources import Bucket, Contents, object_resource
from .signing import SignedRequest, Signer
from .size_range import SizeRange
from .uploads import Piece, Uploads
from .wire import address_of
from .xml_errors import XmlError, in_xml, not_implemented
from .xml_headers import check_understood, condition, etag, preconditions, upload_headers, upload_request

_CANCELLED = 499  # https://cloud.google.com/storage/docs/performing-resumable-uploads#cancel-upload
_OVERRIDES = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
}
# What a query can make another request of.
_OTHER_REQUESTS = {
    "acl",
    "compose",
    "encryption",
    "partNumber",
    "retention",
    "tagging",
    "uploadId",
    "uploads",
}


class Target(NamedTuple):
    """The object that a request is about, which need not be there, and what the answer says to browsers."""

    bucket: Bucket
    name: str
    cors: Mapping[str, str]


Handler = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]


class XmlRoutes:
    """The handlers of ``/{bucket}/{object}``.

    Args:
        signer: who may do everything with a link that it has signed.
    """

    def __init__(
        self, buckets: Buckets, objects: Objects, uploads: Uploads, signer: Signer, clock: Clock
    ) -> None:
        self._buckets = buckets
        self._objects = objects
        self._uploads = uploads
        self._signer = signer
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """The routes. They take what no other route does, so they come last."""
        path = "/{bucket}/{object:.+}"
        return [
            web.get(path, self._allowed(self._get)),
            web.put(path, self._allowed(self._put, self._continue)),
            web.post(path, self._allowed(self._start)),
            web.delete(path, self._allowed(self._delete, self._cancel)),
            web.options(path, self._preflight),
        ]

    def _allowed(
        self, handler: Handler, session: Handler | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """``handler`` for requests that may be made, with refusals in XML.

        Args:
            session: for requests about an upload that is under way; whoever knows its id was allowed to begin it.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            cors: Mapping[str, str] = {}
            try:
                target = self._target(request)
                cors = target.cors
                if session and "upload_id" in request.query:
                    return await session(request, target)
                self._authorise(request, target.bucket)
                return await handler(request, target)
            except StorageError as error:
                return _refusal(in_xml(error), cors)
            except XmlError as error:
                return _refusal(error, cors)

        return handle

    def _target(self, request: web.Request) -> Target:
        name, path = request.raw_path.partition("?")[0].lstrip("/").split("/", 1)
        try:
            bucket = self._buckets.get(unquote(name))
        except StorageError as error:
            raise XmlError(404, "NoSuchBucket", error.message) from None
        return Target(bucket, unquote(path), _cors(request, bucket))

    def _authorise(self, request: web.Request, bucket: Bucket) -> None:
        path, _, query = request.raw_path.partition("?")
        if request.headers.get("Authorization", "Bearer").partition(" ")[0] != "Bearer":
            raise not_implemented("signatures in the header Authorization")
        reading = request.method in ("GET", "HEAD")
        if not (reading and bucket.public and "X-Goog-Signature" not in request.query):
            signed = SignedRequest(request.method, path, query, request.headers.items())
            self._signer.check(signed, self._clock.time())
        check_understood(request.headers)
        for name in request.query.keys() & _OTHER_REQUESTS:
            raise not_implemented(f"requests with ?{name}")

    async def _get(self, request: web.Request, target: Target) -> web.StreamResponse:
        generation = condition(request.query, "generation")
        stored = self._objects.get(
            target.bucket.name, target.name, generation, preconditions(request.headers)
        )
        file = self._objects.open(stored)
        delivery = plan(stored, CIMultiDict(request.headers), etag(stored.contents.md5, stored.etag))
        delivery.headers.update({**_overrides(request), **target.cors})
        return await send(request, delivery, file)

    async def _put(self, request: web.Request, target: Target) -> web.Response:
        bucket, name, wanted = target.bucket.name, target.name, upload_request(request.headers)
        self._objects.check_write(bucket, name, wanted.preconditions)
        body = SizeRange(wanted.least, wanted.most).guard(request.content.iter_any())
        async with self._objects.received(body) as contents:
            _require_checksums(wanted.checksums, contents)
            stored = self._objects.put(bucket, name, contents, wanted.metadata, wanted.preconditions)
        return web.Response(headers={**upload_headers(object_resource(stored)), **target.cors})

    async def _start(self, request: web.Request, target: Target) -> web.Response:
        if request.headers.get("x-goog-resumable") != "start":
            raise not_implemented("POST without x-goog-resumable: start")
        upload = self._uploads.start(target.bucket.name, target.name, upload_request(request.headers))
        session = f"{address_of(request)}{request.raw_path.partition('?')[0]}?upload_id={upload}"
        return web.Response(
            status=201, headers={"Location": session, "X-GUploader-UploadID": upload, **target.cors}
        )

    async def _continue(self, request: web.Request, target: Target) -> web.Response:
        piece = Piece.parse(request.headers.get("Content-Range"))
        body = request.content.iter_any()
        done = await self._uploads.receive(request.query["upload_id"], piece, body, {})
        if not isinstance(done, int):
            return web.Response(headers={**upload_headers(done), **target.cors})
        come = {"Range": f"bytes=0-{done - 1}"} if done else {}
        return web.Response(status=308, headers={**come, **target.cors})

    async def _cancel(self, request: web.Request, target: Target) -> web.Response:
        await self._uploads.cancel(request.query["upload_id"])
        return web.Response(status=_CANCELLED, headers=target.cors)

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        generation = condition(request.query, "generation")
        self._objects.delete(target.bucket.name, target.name, generation, preconditions(request.headers))
        return web.Response(status=204, headers=target.cors)

    async def _preflight(self, request: web.Request) -> web.Response:
        """Whether a browser may ask what it is about to ask; no authorisation, since browsers send none here."""
        try:
            rules = self._target(request).bucket.settings.get("cors", [])
        except XmlError as error:
            return _refusal(error, {})
        asked = request.headers
        wanted = [name.strip() for name in asked.get("Access-Control-Request-Headers", "").split(",") if name]
        method = asked.get("Access-Control-Request-Method", "")
        return web.Response(headers=preflight_headers(rules, asked.get("Origin", ""), method, wanted))


def _cors(request: web.Request, bucket: Bucket) -> dict[str, str]:
    origin = request.headers.get("Origin")
    return answer_headers(bucket.settings.get("cors", []), origin, request.method) if origin else {}


def _overrides(request: web.Request) -> dict[str, str]:
    """The headers that a signed link wants otherwise; nobody else may say what an object is shown as."""
    if "X-Goog-Signature" not in request.query:
        return {}
    return {
        header: request.query[parameter]
        for parameter, header in _OVERRIDES.items()
        if parameter in request.query
    }


def _require_checksums(expected: Checksums, contents: Contents) -> None:
    try:
        require(expected, contents)
    except StorageError as error:
        raise XmlError(
            400, "BadDigest", "The digest is not that of the body.", Details=error.message
        ) from None


def _refusal(error: XmlError, headers: Mapping[str, str]) -> web.Response:
    if error.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=error.status, headers=headers)
    return web.Response(
        status=error.status, body=error.document(), content_type="application/xml", headers=headers
    )
