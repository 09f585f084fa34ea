"""What every HTTP function has in common: routing, bounded JSON bodies, problem details, a log line each."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import orjson
from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
)
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import Message, Receive, Scope, Send

from shared import trace
from shared.errors import TransientError
from shared.problems import Problem, validation_problem

_log = logging.getLogger(__name__)

# Time that has run out, and what Google's clients raise, after retries of their own, when a service is out of reach,
# contended or at its quota.
TRANSIENT = (
    TransientError,
    TimeoutError,
    ServiceUnavailable,
    DeadlineExceeded,
    Aborted,
    ResourceExhausted,
    RetryError,
)

# How long somebody who waits for an answer is left waiting. Google's clients try again for up to five minutes when a
# service refuses: whoever asks would give up long before, and an instance would be full of requests that nobody awaits.
ANSWER_SECONDS = 15.0
# The same for operators' requests that read or write hundreds of documents.
LONG_ANSWER_SECONDS = 45.0

Handler = Callable[[Request], Awaitable[Response]]
Model = TypeVar("Model", bound=BaseModel)


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer as JSON; datetimes become RFC 3339 strings, and what JSON cannot hold is shown as text."""
    body = orjson.dumps(content, default=_as_text)
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _as_text(value: object) -> str:
    # Firestore's times are of a subclass, which orjson does not take for a datetime.
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body, never holding more than ``limit`` bytes of it.

    Raises:
        Problem: 413 when it is larger, whether or not its length was declared.
    """
    too_large = Problem(413, "body-too-large", f"The body may have at most {limit:,} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


async def read_json(request: Request, model: type[Model], limit: int) -> Model:
    """The request's JSON body, validated.

    Raises:
        Problem: 413 too large, 415 not JSON by its type, 400 not JSON by its content, 422 of another shape.
    """
    _require_json(request)
    return _validated(model, await read_body(request, limit))


async def read_optional_json(request: Request, model: type[Model], limit: int) -> Model:
    """As :func:`read_json`; a request without a body says as much as one with ``{}``."""
    body = await read_body(request, limit)
    if not body:
        return _validated(model, b"{}")
    _require_json(request)
    return _validated(model, body)


def _require_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem(415, "unsupported-media-type", "Send the body as application/json.")


def _validated(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise validation_problem(error) from error


def problem_of(error: Exception) -> Problem:
    """The answer to an error that ended a request."""
    match error:
        case Problem():
            return error
        case HTTPException():
            kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
            return Problem(error.status_code, kind, error.detail, headers=dict(error.headers or {}))
        case _ if isinstance(error, TRANSIENT):
            _log.warning("request.unavailable", exc_info=error)
            return Problem(503, "unavailable", "Try again in a moment.", headers={"Retry-After": "1"})
        case _:
            _log.error("request.crashed", exc_info=error)
            return Problem(500, "internal-error", "The fault is ours. Quote the trace when you report it.")


class _Edge:
    """The routes as an ASGI application: trace in, one log line out, and no exception beyond."""

    def __init__(self, routes: Sequence[Route], within: float | None) -> None:
        self._routes = routes
        self._within = within
        self._app = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        trace.adopt(request.headers)
        started = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._answer(scope, receive, noting)
        except ClientDisconnect:
            _log.info("request.abandoned")
            return
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 405:
                problem.headers["Allow"] = self._allowed(scope)
            await problem.response()(scope, receive, noting)
        _log_request(request, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the routes answer, and begin in time.

        Raises:
            TimeoutError: they have not.
        """

        async def begun(message: Message) -> None:
            bound.reschedule(None)  # from now on it can become no other answer
            await send(message)

        async with asyncio.timeout(self._within) as bound:
            await self._app(scope, receive, begun)

    def _allowed(self, scope: Scope) -> str:
        """The methods of a path, all of them: the router knows each method as a route of its own."""
        path = next(route.path for route in self._routes if route.matches(scope)[0] is not Match.NONE)
        methods = {method for route in self._routes if route.path == path for method in route.methods or ()}
        return ", ".join(sorted(methods))


def _log_request(request: Request, status: int, took: float) -> None:
    entry = {
        "requestMethod": request.method,
        "requestUrl": request.scope["path"],
        "status": status,
        "latency": f"{took:.6f}s",
        "userAgent": request.headers.get("user-agent", ""),
        "remoteIp": request.client.host if request.client else "",
    }
    _log.log(logging.WARNING if status >= 500 else logging.INFO, "request", extra={"httpRequest": entry})


def http_app(routes: Sequence[Route], *, within: float | None = None) -> Response:
    """The routes of one HTTP function. Any exception in them becomes a problem document.

    Args:
        within: the seconds after which a request that has no answer yet is told 503; without it, the function's own
            timeout ends it.

    An entry point answers every request by returning this: all that Functions Framework asks of a response is that
    it is an ASGI application.
    """
    return cast("Response", _Edge(routes, within))
