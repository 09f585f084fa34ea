"""The XML API's requests on objects: signed links, and anybody's reading of public buckets.

Source: https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web
from multidict import CIMultiDict

from infra.local.clock import Clock

from .buckets import Buckets
from .cors import answer_headers, preflight_headers
from .errors import StorageError
from .media import plan, send
from .metadata import given_metadata
from .objects import Objects
from .preconditions import Preconditions
from .resources import Bucket, Contents, StoredObject
from .signing import SignedRequest, Signer
from .size_range import SizeRange
from .xml_errors import XmlError, in_xml, not_implemented
from .xml_headers import check_understood, condition, resource

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


_UPLOAD_HEADERS = (
    "ETag",
    "x-goog-generation",
    "x-goog-metageneration",
    "x-goog-hash",
    "x-goog-storage-class",
    "x-goog-stored-content-encoding",
    "x-goog-stored-content-length",
)


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

    def __init__(self, objects: Objects, buckets: Buckets, signer: Signer, clock: Clock) -> None:
        self._objects = objects
        self._buckets = buckets
        self._signer = signer
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """The routes. They take what no other route does, so they come last."""
        path = "/{bucket}/{object:.+}"
        return [
            web.get(path, self._allowed(self._get)),
            web.put(path, self._allowed(self._put)),
            web.delete(path, self._allowed(self._delete)),
            web.options(path, self._preflight),
        ]

    def _allowed(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """``handler`` for requests that may be made, with refusals in XML."""

        async def handle(request: web.Request) -> web.StreamResponse:
            cors: Mapping[str, str] = {}
            try:
                target = self._target(request)
                cors = target.cors
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
        for name in request.query.keys() & _OTHER_REQUESTS:
            raise not_implemented(f"requests with ?{name}")

    async def _get(self, request: web.Request, target: Target) -> web.StreamResponse:
        preconditions, generation = _preconditions(request.headers), condition(request.query, "generation")
        stored = self._objects.get(target.bucket.name, target.name, generation, preconditions)
        file = self._objects.open(stored)
        delivery = plan(stored, CIMultiDict(request.headers), _etag(stored))
        overrides = {
            header: request.query[parameter]
            for parameter, header in _OVERRIDES.items()
            if parameter in request.query
        }
        delivery.headers.update({**overrides, **target.cors})
        return await send(request, delivery, file)

    async def _put(self, request: web.Request, target: Target) -> web.Response:
        check_understood(request.headers)
        fields = resource(request.headers)
        metadata, preconditions = given_metadata(fields), _preconditions(request.headers)
        self._objects.check_write(target.bucket.name, target.name, preconditions)
        async with self._objects.received(_bounded_body(request)) as contents:
            _check_hashes(fields, contents)
            stored = self._objects.put(target.bucket.name, target.name, contents, metadata, preconditions)
        return web.Response(headers={**_upload_headers(stored), **target.cors})

    async def _delete(self, request: web.Request, target: Target) -> web.Response:
        generation = condition(request.query, "generation")
        preconditions = _preconditions(request.headers)
        self._objects.delete(target.bucket.name, target.name, generation, preconditions)
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


def _bounded_body(request: web.Request) -> AsyncIterator[bytes]:
    body = request.content.iter_any()
    bounds = request.headers.get("x-goog-content-length-range")
    return SizeRange.parse(bounds).guard(body) if bounds is not None else body


def _preconditions(headers: Mapping[str, str]) -> Preconditions:
    return Preconditions(
        generation=condition(headers, "x-goog-if-generation-match"),
        metageneration=condition(headers, "x-goog-if-metageneration-match"),
    )


def _check_hashes(expected: Mapping[str, Any], contents: Contents) -> None:
    for name, actual in (("md5Hash", contents.md5), ("crc32c", contents.crc32c)):
        if expected.get(name, actual) != actual:
            details = f"the {name} of what was received is {actual}, not {expected[name]}"
            raise XmlError(400, "BadDigest", "The digest does not match what was received.", Details=details)


def _etag(stored: StoredObject) -> str:
    """In this API the MD5 of what was uploaded, in hexadecimal."""
    md5 = stored.contents.md5
    return f'"{base64.b64decode(md5).hex() if md5 else stored.etag}"'


def _upload_headers(stored: StoredObject) -> dict[str, str]:
    """What an answer says of the object that has just been made."""
    headers = plan(stored, CIMultiDict(), _etag(stored)).headers
    return {name: headers[name] for name in _UPLOAD_HEADERS}


def _refusal(error: XmlError, headers: Mapping[str, str]) -> web.Response:
    if error.status == HTTPStatus.NOT_MODIFIED:
        return web.Response(status=error.status, headers=headers)
    return web.Response(
        status=error.status, body=error.document(), content_type="application/xml", headers=headers
    )
