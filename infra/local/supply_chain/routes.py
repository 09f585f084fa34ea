"""The two calls of the API: post a version of a product, and read the latest."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from infra.local.clock import Clock
from infra.local.problems import Problem

from .journal import Journal, Visit
from .message import Message, read_message
from .store import Store

VISIT = web.RequestKey("visit", Visit)
_LONGEST_KEY = 255


def answer(content: Any, status: int = HTTPStatus.OK) -> web.Response:
    """A JSON response; times in RFC 3339."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return web.Response(body=body, status=status, content_type="application/json")


class Routes:
    """The handlers of ``/products/{id}``."""

    def __init__(self, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock

    def table(self) -> list[web.RouteDef]:
        """Both calls."""
        return [
            web.get("/products/{id}", self._get, allow_head=False),
            web.post("/products/{id}", self._post),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        product_id = request.match_info["id"]
        stale = request[VISIT].fault == "stale"
        taken = self._store.recent(product_id, back=1 if stale else 0)
        if taken is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no product {product_id!r}")
        return answer(taken.as_dict())

    async def _post(self, request: web.Request) -> web.Response:
        key = _idempotency_key(request)
        message = read_message(await request.read(), request.match_info["id"])
        first = self._store.first_answer(key)
        if first is None:
            status = self._take(key, message)
        elif first.message == message:
            self._journal.counters.replayed += 1
            status = first.status
        else:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the key {key!r} came with another body before")
        return answer({"id": message.id, "version": message.version}, status)

    def _take(self, key: str, message: Message) -> int:
        """Keep a message that comes with a new key, and return the status that says so."""
        counters = self._journal.counters
        latest = self._store.recent(message.id)
        if latest is None or message.version > latest.message.version:
            counters.applied += 1
        elif message == latest.message:
            counters.replayed += 1
        else:
            counters.refused_stale += 1
            version = latest.message.version
            raise Problem(HTTPStatus.CONFLICT, f"version {version} is here already", version=version)
        status = HTTPStatus.CREATED if latest is None else HTTPStatus.OK
        self._store.take(key, message, status, self._clock.now())
        return status


def _idempotency_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise Problem(HTTPStatus.BAD_REQUEST, f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters")
    return key
