"""The JSON API's calls on buckets.

Source: https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from .buckets import Buckets
from .errors import invalid
from .resources import Bucket, bucket_resource
from .wire import address_of, check_etag, integer, json_answer, preconditions_of, refuse_beyond, resource_of

_BUCKETS = "/storage/v1/b"
_BUCKET = f"{_BUCKETS}/{{bucket}}"
_MAX_RESULTS = 1000


class BucketRoutes:
    """All that the stand-in does with buckets."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def table(self) -> list[web.RouteDef]:
        """Its routes."""
        return [
            web.post(_BUCKETS, self._insert),
            web.get(_BUCKETS, self._list),
            web.get(_BUCKET, self._get),
            web.patch(_BUCKET, self._patch),
            web.put(_BUCKET, self._replace),
            web.delete(_BUCKET, self._delete),
        ]

    async def _insert(self, request: web.Request) -> web.Response:
        refuse_beyond(request)
        resource = await resource_of(request)
        return _shown(request, self._buckets.create(str(resource.get("name", "")), resource))

    async def _list(self, request: web.Request) -> web.Response:
        limit = min(integer(request, "maxResults") or _MAX_RESULTS, _MAX_RESULTS)
        if limit < 1:
            raise invalid("maxResults must be at least 1.")
        query = request.query
        found = self._buckets.page(query.get("prefix", ""), query.get("pageToken", ""), limit + 1)
        items = [bucket_resource(bucket, address_of(request)) for bucket in found[:limit]]
        listed: dict[str, Any] = {"kind": "storage#buckets", "items": items}
        if len(found) > limit:
            listed["nextPageToken"] = found[limit - 1].name
        return json_answer(listed)

    async def _get(self, request: web.Request) -> web.Response:
        bucket = self._buckets.get(request.match_info["bucket"], preconditions_of(request))
        check_etag(request, bucket.etag)
        return _shown(request, bucket)

    async def _patch(self, request: web.Request) -> web.Response:
        patch = await resource_of(request)
        return _shown(
            request, self._buckets.patch(request.match_info["bucket"], patch, preconditions_of(request))
        )

    async def _replace(self, request: web.Request) -> web.Response:
        resource = await resource_of(request)
        return _shown(
            request, self._buckets.replace(request.match_info["bucket"], resource, preconditions_of(request))
        )

    async def _delete(self, request: web.Request) -> web.Response:
        self._buckets.delete(request.match_info["bucket"], preconditions_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)


def _shown(request: web.Request, bucket: Bucket) -> web.Response:
    return json_answer(bucket_resource(bucket, address_of(request)))
