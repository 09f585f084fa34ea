"""The local Algolia: an aiohttp application that Algolia's official clients use unchanged."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.local.clock import Clock

from .catalog import Catalog
from .controls import Counters, FaultPlan, FaultSource, Limits
from .errors import ApiError
from .http import ACCESS, answer
from .keys import Keys
from .library import Library
from .read_routes import ReadRoutes
from .store import Store
from .write_routes import WriteRoutes


class AlgoliaService:
    """Algolia's Search API over one SQLite file (``path``; None: in memory).

    Args:
        path: where everything is kept; a restart with the same file loses nothing.
        clock: decides when tasks are published and secured keys expire.
        app_id: the application that clients must name.
        admin_key: may do everything.
        search_key: may search; secured keys are made from it.
    """

    def __init__(self, path: Path | None, clock: Clock, app_id: str, admin_key: str, search_key: str) -> None:
        self._store = Store(path)
        self._clock = clock
        self._keys = Keys(app_id, admin_key, search_key)
        self._catalog = Catalog(self._store, Library(self._store), clock)
        self._faults = FaultSource(FaultPlan())

    @property
    def stats(self) -> dict[str, int]:
        """The counters since the start or the last reset."""
        return self._catalog.counters.as_dict()

    def reset_stats(self) -> None:
        """Set every counter to 0."""
        self._catalog.counters = Counters()

    @property
    def faults(self) -> dict[str, Any]:
        """The faults in force, as they are set."""
        return asdict(self._faults.plan)

    @faults.setter
    def faults(self, values: Mapping[str, Any]) -> None:
        """Start a new fault plan; ``{}`` ends all faults. Raises ValueError, see ``FaultPlan.parse``."""
        self._faults = FaultSource(FaultPlan.parse(values))

    @property
    def limits(self) -> dict[str, Any]:
        """The limits in force."""
        return asdict(self._catalog.limits)

    @limits.setter
    def limits(self, values: Mapping[str, Any]) -> None:
        """Set limits; what is not named has its default. Raises ValueError, see ``Limits.parse``."""
        self._catalog.limits = Limits.parse(values)

    def app(self) -> web.Application:
        """The application, to be served over plain HTTP."""
        middlewares = [_errors, self._inject_faults, self._bound_body, self._authenticate]
        app = web.Application(middlewares=middlewares, client_max_size=1 << 30)
        app.add_routes(WriteRoutes(self._store, self._catalog, self._clock).table())
        app.add_routes(ReadRoutes(self._store, self._catalog, self._keys).table())
        app.on_startup.append(self._load)
        return app

    async def _load(self, app: web.Application) -> None:
        """Nothing is served before the indices are in memory: a search that had to wait would time out."""
        await self._catalog.load()

    async def close(self) -> None:
        """Close the file. The application must not be served any more."""
        self._store.close()

    @web.middleware
    async def _inject_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        plan, fault = self._faults.plan, self._faults.draw()
        if plan.latency_ms:
            await asyncio.sleep(plan.latency_ms / 1000)
        if fault == "rate_limited":
            limited = answer({"message": "Too Many Requests", "status": 429}, status=429)
            limited.headers["Retry-After"] = str(int(plan.retry_after))
            return limited
        if fault == "unavailable":
            return answer({"message": "Service Unavailable", "status": 503}, status=503)
        response = await handler(request)
        if fault == "lost_answer":
            return answer({"message": "Internal Server Error", "status": 500}, status=500)
        return response

    @web.middleware
    async def _bound_body(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        limit = self._catalog.limits.request_size_limit
        if (request.content_length or 0) > limit or len(await request.read()) > limit:
            raise ApiError(413, f"Request body is too large: at most {limit} bytes")
        return await handler(request)

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        def credential(name: str) -> str:
            return request.headers.get(name) or request.query.get(name, "")

        app_id, key = credential("x-algolia-application-id"), credential("x-algolia-api-key")
        request[ACCESS] = self._keys.access(app_id, key, self._clock.time(), request.remote)
        return await handler(request)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error in Algolia's shape; a path that is not served names itself."""
    try:
        return await handler(request)
    except ApiError as error:
        return answer(error.body, status=error.status)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        message = f"{request.method} {request.path}: not implemented by the local Algolia"
        return answer({"message": message, "status": 404}, status=404)
