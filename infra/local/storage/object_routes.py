"""The JSON API's calls on objects, but for uploads.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from .errors import invalid, unimplemented
from .listing import MAX_RESULTS, Wanted, page
from .media import plan, send
from .metadata import given_metadata
from .objects import Objects, Source
from .preconditions import Preconditions
from .resources import StoredObject, object_resource
from .store import Store
from .wire import (
    address_of,
    check_etag,
    integer,
    is_true,
    json_answer,
    parse_integer,
    preconditions_of,
    refuse_beyond,
    resource_of,
)

_OBJECTS = "/storage/v1/b/{bucket}/o"
_OBJECT = f"{_OBJECTS}/{{object:[^/]+}}"
_TARGET = "b/{to_bucket}/o/{to_object:[^/]+}"


class ObjectRoutes:
    """Reads, changes, copies and lists."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self._store = store
        self._objects = objects

    def table(self) -> list[web.RouteDef]:
        """Its routes."""
        return [
            web.get(_OBJECTS, self._list),
            web.get(_OBJECT, self._get),
            web.get(f"/download{_OBJECT}", self._download),
            web.patch(_OBJECT, self._patch),
            web.put(_OBJECT, self._replace),
            web.delete(_OBJECT, self._delete),
            web.post(f"{_OBJECT}/compose", self._compose),
            web.post(f"{_OBJECT}/copyTo/{_TARGET}", self._copy),
            web.post(f"{_OBJECT}/rewriteTo/{_TARGET}", self._rewrite),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        refuse_beyond(request)
        if is_true(request, "versions") or query.get("matchGlob") or query.get("filter"):
            raise unimplemented("versions, matchGlob and filter")
        self._objects.require_bucket(request.match_info["bucket"])
        found = page(self._store, request.match_info["bucket"], _wanted(request), query.get("pageToken"))
        listed: dict[str, Any] = {"kind": "storage#objects"}
        if found.token:
            listed["nextPageToken"] = found.token
        if found.prefixes:
            listed["prefixes"] = found.prefixes
        if found.items:
            listed["items"] = [object_resource(stored, address_of(request)) for stored in found.items]
        return json_answer(listed)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") == "media":
            return await self._download(request)
        return _shown(request, self._read(request))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        stored = self._read(request)
        file = self._objects.open(stored)
        return await send(request, plan(stored, request.headers, stored.etag), file)

    def _read(self, request: web.Request) -> StoredObject:
        refuse_beyond(request)
        generation = integer(request, "generation")
        stored = self._objects.get(*_place(request), generation, preconditions_of(request))
        check_etag(request, stored.etag)
        return stored

    async def _patch(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        patch, generation = await resource_of(request), integer(request, "generation")
        return _shown(
            request, self._objects.patch(*_place(request), patch, generation, preconditions_of(request))
        )

    async def _replace(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        resource, generation = await resource_of(request), integer(request, "generation")
        return _shown(
            request, self._objects.replace(*_place(request), resource, generation, preconditions_of(request))
        )

    async def _delete(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        self._objects.delete(*_place(request), integer(request, "generation"), preconditions_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _copy(self, request: web.Request) -> web.Response:
        return _shown(request, await self._copied(request))

    async def _rewrite(self, request: web.Request) -> web.Response:
        stored = await self._copied(request)
        return json_answer(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": str(stored.contents.size),
                "objectSize": str(stored.contents.size),
                "done": True,
                "resource": object_resource(stored, address_of(request)),
            }
        )

    async def _copied(self, request: web.Request) -> StoredObject:
        refuse_beyond(request)
        conditions = Preconditions.parse(request.query, "ifSource")
        source = Source(*_place(request), integer(request, "sourceGeneration"), conditions)
        return self._objects.copy(
            source,
            request.match_info["to_bucket"],
            request.match_info["to_object"],
            given_metadata(await resource_of(request)),
            preconditions_of(request),
        )

    async def _compose(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        wish = await resource_of(request)
        if wish.get("deleteSourceObjects"):
            raise unimplemented("deleteSourceObjects")
        bucket, name = _place(request)
        metadata = given_metadata(wish.get("destination") or {})
        conditions = preconditions_of(request)
        return _shown(
            request, await self._objects.compose(_sources(bucket, wish), bucket, name, metadata, conditions)
        )


def _place(request: web.Request) -> tuple[str, str]:
    return request.match_info["bucket"], request.match_info["object"]


def _shown(request: web.Request, stored: StoredObject) -> web.Response:
    return json_answer(object_resource(stored, address_of(request)))


def _wanted(request: web.Request) -> Wanted:
    query, limit = request.query, integer(request, "maxResults")
    if limit is not None and limit < 1:
        raise invalid("maxResults must be at least 1.")
    return Wanted(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        folder_objects=is_true(request, "includeTrailingDelimiter"),
        start=query.get("startOffset", ""),
        end=query.get("endOffset", ""),
        limit=min(limit or MAX_RESULTS, MAX_RESULTS),
    )


def _sources(bucket: str, wish: dict[str, Any]) -> list[Source]:
    """The source objects of a compose request; its conditions on them may be numbers or text."""
    sources = wish.get("sourceObjects") or []
    try:
        return [
            Source(
                bucket,
                source["name"],
                parse_integer("generation", source.get("generation")),
                Preconditions.parse(
                    {key: str(value) for key, value in source.get("objectPreconditions", {}).items()}
                ),
            )
            for source in sources
        ]
    except (KeyError, TypeError, AttributeError):
        raise invalid("sourceObjects must be a list of objects with names.") from None
