"""The objects of a public bucket for anyone, as a browser or a cache between wants them."""

from http import HTTPStatus

from aiohttp import web

from .errors import StorageError
from .media import plan, send
from .objects import Objects


class PublicView:
    """GET and HEAD of one bucket's objects; nothing is listed, and nothing can be changed."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self._objects = objects
        self._bucket = bucket

    def routes(self, path: str) -> list[web.RouteDef]:
        """The view below ``path``."""
        return [web.get(f"{path}/{{object:.+}}", self._get)]

    async def _get(self, request: web.Request) -> web.StreamResponse:
        try:
            stored = self._objects.get(self._bucket, request.match_info["object"])
        except StorageError as error:
            return web.Response(status=HTTPStatus(error.status), text=error.message)
        etag = f'"{stored.contents.md5 or stored.etag}"'
        return await send(request, plan(stored, request.headers, etag), self._objects.open(stored))
