"""The local Cloud Storage: an aiohttp application that Google's client uses unchanged."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.local.clock import Clock
from infra.local.database import open_database

from . import events, store, wire
from .batch import answer_batch
from .blobs import Blobs
from .bucket_routes import BucketRoutes
from .buckets import Buckets
from .drop_box import DropBox
from .errors import StorageError
from .faults import FaultPlan, FaultSource, parse_fault_plan
from .lifecycle import Lifecycle
from .object_routes import ObjectRoutes
from .objects import Objects
from .public_view import PublicView
from .signing import Signer
from .upload_routes import UploadRoutes
from .uploads import Uploads
from .xml_routes import XmlRoutes


class StorageService:
    """Cloud Storage, in ``storage.sqlite`` and ``storage/`` of ``directory`` (None: in memory and a temporary one).

    Serve its application without ``auto_decompress``: an object that is uploaded compressed stays so. The JSON API
    takes requests with any bearer token and with none.

    Args:
        directory: a restart with the same one loses nothing.
        clock: says when an object was made, how old it is, and when an upload or a signed link expires.
        signer: knows who may have signed a link.
    """

    def __init__(self, directory: Path | None, clock: Clock, signer: Signer) -> None:
        path = directory and directory / "storage.sqlite"
        self._database = open_database(path, store.SCHEMA + events.SCHEMA)
        rows = store.Store(self._database)
        self._blobs = Blobs(directory and directory / "storage")
        self._blobs.keep_only(rows.blobs())
        self._store = rows
        self._signer = signer
        self._clock = clock
        self._buckets = Buckets(rows, clock)
        self.events = events.EventLog(self._database)
        self._objects = Objects(self._database, rows, self._blobs, self.events, clock)
        self._lifecycle = Lifecycle(rows, self._objects, clock)
        self._uploads = Uploads(rows, self._blobs, self._objects, clock)
        self._faults = FaultSource(FaultPlan())
        self._counters: Counter[str] = Counter()

    @property
    def stats(self) -> dict[str, int]:
        """The counters since the start or the last reset."""
        return {name: self._counters[name] for name in ("requests", "refused", "faults")}

    def reset_stats(self) -> None:
        """Set every counter to 0."""
        self._counters.clear()

    def set_faults(self, settings: Mapping[str, Any]) -> None:
        """Start a new fault plan; ``{}`` ends all faults. Raises ValueError, see ``parse_fault_plan``."""
        self._faults = FaultSource(parse_fault_plan(settings))

    def ensure_bucket(self, name: str, *, public: bool, settings: Mapping[str, Any] | None = None) -> None:
        """Make a bucket, or set an existing one to be so; ``settings`` by their names in the JSON API, such as cors."""
        self._buckets.ensure(name, public=public, settings=settings or {})

    def on_event(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever ``events`` has new ones."""
        self.events.on_event(listener)

    async def sweep(self) -> None:
        """Delete what its bucket's lifecycle says is old enough."""
        await self._lifecycle.sweep()

    def public_routes(self, path: str, bucket: str) -> list[web.RouteDef]:
        """A view of a public bucket's objects for anyone, to be served elsewhere, below ``path``."""
        return PublicView(self._objects, bucket).routes(path)

    def drop_routes(self, path: str, bucket: str, folder: str) -> list[web.RouteDef]:
        """Reading and writing what is in a bucket's folder, to be served elsewhere, below ``path``."""
        return DropBox(self._objects, bucket, folder).routes(path)

    def app(self) -> web.Application:
        """The application, to be served over plain HTTP."""
        middlewares = [self._inject_faults, wire.errors]
        app = web.Application(middlewares=middlewares, client_max_size=wire.MAX_RESOURCE_BYTES)
        app.add_routes(BucketRoutes(self._buckets).table())
        app.add_routes(ObjectRoutes(self._store, self._objects).table())
        app.add_routes(UploadRoutes(self._objects, self._uploads).table())
        app.router.add_post("/batch/storage/v1", answer_batch)
        app.router.add_route(
            "*", "/{kind:(batch/|download/|upload/|)}storage/v1{rest:(/.*|)}", wire.refuse_unknown
        )
        xml = XmlRoutes(self._buckets, self._objects, self._uploads, self._signer, self._clock)
        app.add_routes(xml.table())  # last: they take what no other route does
        return app

    def close(self) -> None:
        """Close the files. The application must not be served any more."""
        self._database.close()
        self._blobs.close()

    @web.middleware
    async def _inject_faults(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = self._faults.draw(request.method, request.path)
        self._counters["requests"] += 1
        self._counters["faults"] += fault is not None
        await asyncio.sleep(self._faults.plan.latency_ms / 1000)
        if fault == "error":
            return _unavailable()
        response = await handler(request)
        self._counters["refused"] += response.status >= HTTPStatus.BAD_REQUEST
        return _unavailable() if fault == "lost_answer" else response


def _unavailable() -> web.Response:
    """The same whether or not the request took effect: its sender cannot tell."""
    error = StorageError(HTTPStatus.SERVICE_UNAVAILABLE, "backendError", "We encountered an internal error.")
    return wire.error_answer(error)
