"""The supply-chain API: an aiohttp application with a journal, faults and a key before its two calls."""

import asyncio
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.local.clock import Clock
from infra.local.problems import Problem, problems

from .faults import FaultPlan, FaultSource, failure, parse_fault_plan
from .inspection import Inspection
from .journal import Journal, Visit
from .message import claimed_version
from .routes import VISIT, Routes
from .store import Store

_MAX_BODY_BYTES = 1024 * 1024


class _Dropped(Exception):
    """The connection is to end without an answer."""


class SupplyChainService:
    """The partner, over one SQLite file (``path``; None: in memory).

    Args:
        path: where products and keys are kept; a restart with the same file loses nothing.
        clock: says when a request came and a version was taken.
        api_key: the bearer token that every request must bring.
    """

    def __init__(self, path: Path | None, clock: Clock, api_key: str) -> None:
        self._store = Store(path)
        self._journal = Journal()
        self._clock = clock
        self._authorization = f"Bearer {api_key}".encode()
        self._faults = FaultSource(FaultPlan())

    @property
    def stats(self) -> dict[str, int]:
        """The counters since the start or the last reset."""
        return self._journal.stats

    def reset_stats(self) -> None:
        """Set every counter to 0 and forget the requests so far; which versions have come stays known."""
        self._journal.reset()

    def set_faults(self, settings: Mapping[str, Any]) -> None:
        """Start a new fault plan; ``{}`` ends all faults. Raises ValueError, see ``parse_fault_plan``."""
        self._faults = FaultSource(parse_fault_plan(settings))

    def controls(self, path: str) -> list[web.RouteDef]:
        """What the partner has and has seen, to be served elsewhere, below ``path``."""
        return Inspection(self._store, self._journal).routes(path)

    def app(self) -> web.Application:
        """The application, to be served over plain HTTP."""
        middlewares = [self._keep_journal, problems, self._inject_faults, self._authenticate]
        app = web.Application(middlewares=middlewares, client_max_size=_MAX_BODY_BYTES)
        app.add_routes(Routes(self._store, self._journal, self._clock).table())
        return app

    def close(self) -> None:
        """Close the file. The application must not be served any more."""
        self._store.close()

    @web.middleware
    async def _keep_journal(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        visit = Visit(self._clock.now(), request.method, request.match_info.get("id", ""))
        request[VISIT] = visit
        self._journal.arrived(visit)
        try:
            response = await handler(request)
            visit.status = response.status
            return response
        except _Dropped:
            return _drop(request)
        finally:
            self._journal.left(visit)

    @web.middleware
    async def _inject_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        visit, faults = request[VISIT], self._faults
        if visit.method == "POST":
            visit.version = claimed_version(await request.read())
            self._note_arrival(visit)
        fault = visit.fault = faults.draw(visit.method, visit.product, visit.version)
        await asyncio.sleep(faults.plan.latency_ms / 1000)
        if fault == "drop":
            raise _Dropped
        if instead := faults.plan.instead(fault):
            return instead
        response = await problems(request, handler)  # refusals get lost like other answers
        return failure() if fault == "lost_answer" else response

    def _note_arrival(self, visit: Visit) -> None:
        if visit.product and visit.version:
            newest = self._store.note_arrival(visit.product, visit.version)
            self._journal.counters.older_after_newer += visit.version < newest

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, self._authorization):
            response = Problem(HTTPStatus.UNAUTHORIZED, "the API key is missing or wrong").response()
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return await handler(request)


def _drop(request: web.Request) -> web.Response:
    """Cut the connection; the response goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
