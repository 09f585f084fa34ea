"""The way in: passes requests for ``/<function-name>/…`` to the functions process, as cloudfunctions.net does.

Each function has its door (:mod:`infra.local.door`), where Cloud Run checks who calls.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from infra.local.crashes import CrashPlan, parse_crash_plan
from infra.local.door import Door
from infra.local.problems import Problem

# Cloud Run's limit for a request over HTTP/1: https://cloud.google.com/run/quotas
MAX_BODY_BYTES = 32 * 1024 * 1024
_RESTART_SECONDS = 10.0
# Well below the functions process's own patience, so that no request meets a connection about to close.
_KEEP_ALIVE_SECONDS = 60.0
# RFC 9110, section 7.6.1: these describe one connection. ``Expect`` has been answered here already.
_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    ]
)
_ATTEMPT_HEADERS = (
    *("X-CloudTasks-QueueName", "X-CloudTasks-TaskName", "X-CloudTasks-TaskRetryCount"),
    *("X-CloudScheduler-JobName", "X-CloudScheduler-ScheduleTime"),
)


class Backend(Protocol):
    """What the gateway needs of the process behind it."""

    @property
    def address(self) -> str:
        """Its URL, without a path."""

    async def ready(self, within: float) -> bool:
        """Wait until it serves, at most ``within`` seconds; whether it does."""

    async def kill(self) -> None:
        """End it as a crash would, and wait for its successor."""


class Gateway:
    """A reverse proxy for the functions.

    Args:
        functions: the door of each function, by name.
        backend: the process that serves them.
    """

    def __init__(self, functions: Mapping[str, Door], backend: Backend) -> None:
        self._crashes = CrashPlan()
        self._functions = functions
        self._backend = backend
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        # aiohttp would send a GET or PUT again when its connection breaks; a crash is to be seen as one.
        self._session._retry_connection = False

    def set_crashes(self, settings: Mapping[str, Any]) -> None:
        """Let deliveries crash from now on, as ``crashes.parse_crash_plan`` reads it; ``{}`` ends that.

        Raises:
            ValueError: an unknown key, or a value out of range.
        """
        self._crashes = parse_crash_plan(settings)

    async def close(self) -> None:
        """Drop the connections to the functions process."""
        await self._session.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request for a function.

        Raises:
            Problem: 404 there is no such function; 401 or 403 its door stays shut; 413 the body is too large; 502 the
                process died before it answered; 503 it does not come up.
        """
        name = request.raw_path.split("?", 1)[0].split("/", 2)[1]
        if name not in self._functions:
            known = sorted(self._functions)
            raise Problem(HTTPStatus.NOT_FOUND, f"there is no function {name!r}", functions=known)
        headers = _forwarded(request)
        self._functions[name](headers)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise _too_large()
        if not await self._backend.ready(_RESTART_SECONDS):
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the functions cannot start; see their log")
        if (delivery := _delivery(request)) and (delay := self._crashes.crash_in(delivery)) is not None:
            await self._crash_during(request, headers, delay)
        return await self._forward(request, headers)

    async def _forward(self, request: web.Request, headers: CIMultiDict[str]) -> web.StreamResponse:
        body = _Body(request)
        try:
            upstream = await self._send(request, headers, body)
        except aiohttp.ClientError as error:
            raise (_too_large() if body.is_too_large else _broken()) from error
        async with upstream:
            response = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            try:
                await response.prepare(request)
                async for piece in upstream.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
            except aiohttp.ClientError:
                # Either end is gone. The status may be out already; what is cut off must not look complete.
                if request.transport is not None:
                    request.transport.abort()
            return response

    async def _crash_during(self, request: web.Request, headers: CIMultiDict[str], delay: float) -> None:
        """Let the functions work on a delivery for a while, then kill them; the answer is lost in any case."""
        sending = asyncio.ensure_future(self._send(request, headers, _Body(request)))
        await asyncio.wait({sending}, timeout=delay)
        await self._backend.kill()
        sending.cancel()
        await asyncio.wait({sending})
        raise _broken()

    async def _send(
        self, request: web.Request, headers: CIMultiDict[str], body: "_Body"
    ) -> aiohttp.ClientResponse:
        return await self._session.request(
            request.method,
            URL(self._backend.address + request.raw_path, encoded=True),
            headers=headers,
            data=body.pieces() if request.body_exists else None,
            allow_redirects=False,
        )


def _delivery(request: web.Request) -> str:
    """The name of a task's, job's or event's attempt; empty for any other request."""
    if "ce-id" in request.headers:
        return f"{request.headers['ce-id']} {request.headers.get('traceparent', '')}"
    return " ".join(request.headers[name] for name in _ATTEMPT_HEADERS if name in request.headers)


def _end_to_end(headers: CIMultiDict[str] | CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers that a proxy passes on."""
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    dropped = _HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _forwarded(request: web.Request) -> CIMultiDict[str]:
    headers = _end_to_end(request.headers)
    caller = [*headers.popall("X-Forwarded-For", ()), request.remote or "unknown"]
    headers["X-Forwarded-For"] = ", ".join(caller)
    headers["X-Forwarded-Host"] = request.host
    headers["X-Forwarded-Proto"] = request.scheme
    return headers


class _Body:
    """A request's body as it arrives; one without a Content-Length is counted."""

    def __init__(self, request: web.Request) -> None:
        self._content = request.content
        self._size = 0

    @property
    def is_too_large(self) -> bool:
        return self._size > MAX_BODY_BYTES

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self._content.iter_any():
            self._size += len(piece)
            if self.is_too_large:
                raise _too_large()  # breaks off the request to the functions
            yield piece


def _too_large() -> Problem:
    limit = MAX_BODY_BYTES // (1024 * 1024)
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {limit} MiB")


def _broken() -> Problem:
    return Problem(HTTPStatus.BAD_GATEWAY, "the functions process died before it answered")
