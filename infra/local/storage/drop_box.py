"""Objects of a private bucket for the person at this machine, who has no key to sign links with."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from aiohttp import web

from infra.local.problems import Problem

from .errors import StorageError
from .media import plan, send
from .metadata import given_metadata
from .objects import Objects
from .preconditions import ALWAYS

_FIELDS = {"Content-Type": "contentType", "Content-Encoding": "contentEncoding"}


class DropBox:
    """PUT and GET of the objects in one folder of a bucket, which are like any others apart from that."""

    def __init__(self, objects: Objects, bucket: str, folder: str) -> None:
        self._objects = objects
        self._bucket = bucket
        self._folder = folder

    def routes(self, path: str) -> list[web.RouteDef]:
        """The folder's objects below ``path``."""
        place = f"{path}/{{name:.+}}"
        return [web.put(place, self._put), web.get(place, self._get)]

    async def _put(self, request: web.Request) -> web.Response:
        name = self._name(request)
        with _problems():
            metadata = given_metadata({_FIELDS[key]: request.headers.get(key) for key in _FIELDS})
            self._objects.check_write(self._bucket, name, ALWAYS)
            async with self._objects.received(request.content.iter_any()) as contents:
                stored = self._objects.put(self._bucket, name, contents, metadata)
        # As text, like in Cloud Storage's own answers: not every reader of JSON keeps 16 digits.
        answer = {"object": stored.name, "generation": str(stored.generation), "size": str(contents.size)}
        return web.json_response(answer, status=HTTPStatus.CREATED)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        with _problems():
            stored = self._objects.get(self._bucket, self._name(request))
        return await send(request, plan(stored, request.headers, stored.etag), self._objects.open(stored))

    def _name(self, request: web.Request) -> str:
        return f"{self._folder}/{request.match_info['name']}"


@contextmanager
def _problems() -> Iterator[None]:
    """Let what Cloud Storage refuses be answered as the controls answer."""
    try:
        yield
    except StorageError as error:
        raise Problem(error.status, error.message) from error
