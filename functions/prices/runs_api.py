"""``/price-runs`` over HTTP: what a request asks, who asks it, and how the answer looks."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.prices.answers import RunPage, RunProgress, RunView
from functions.prices.cancelling import Cancelling
from functions.prices.listing import Listing, ProgressQuery, RunQuery
from functions.prices.queues import RunId
from functions.prices.rerun import Reruns
from functions.prices.runs import Run, Runs
from functions.prices.stores import RunStore
from shared.assortments import StoreId
from shared.auth import Authenticator
from shared.http import json_response, read_optional_json
from shared.openapi import Answer, Operation
from shared.problems import Problem

_MAX_BODY_BYTES = 4 * 1024

_run_ids = TypeAdapter[str](RunId)


class RerunRequest(BaseModel):
    """Which store of a run to run again; all of them, if none is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    store_id: StoreId | None = None


@dataclass(frozen=True)
class PriceRunsApi:
    """``/price-runs``: for retailers, of their own feeds, and for operators."""

    auth: Authenticator
    runs: Runs
    listing: Listing
    reruns: Reruns
    cancelling: Cancelling

    def routes(self) -> list[Route]:
        return [
            Route("/", self.list, methods=["GET"]),
            Route("/{run_id}:rerun", self.rerun, methods=["POST"]),
            Route("/{run_id}:cancel", self.cancel, methods=["POST"]),
            Route("/{run_id}", self.get, methods=["GET"]),
        ]

    @Operation(roles=("retailer", "ops"), query=RunQuery, answers={200: Answer(RunPage)})
    async def list(self, request: Request) -> Response:
        """What became of feeds, the newest first. Retailers see their own."""
        account = await self._account(request)
        query = RunQuery.of(request)
        if account is not None and query.retailer not in (None, account):
            raise Problem(403, "forbidden", "A retailer sees its own runs only.")
        runs, next_cursor = await self.listing.runs(query, account or query.retailer)
        return json_response({"runs": [view(run) for run in runs], "next_cursor": next_cursor})

    @Operation(
        roles=("retailer", "ops"),
        path={"run_id": RunId},
        query=ProgressQuery,
        answers={200: Answer(RunProgress)},
    )
    async def get(self, request: Request) -> Response:
        """What became of a feed so far, and of each of its stores."""
        run = await self._run(request)
        progress = await self.listing.progress(run, ProgressQuery.of(request))
        stores = [_store_view(store) for store in progress.stores]
        more = {"counts": progress.counts, "progress": stores, "next_cursor": progress.next_cursor}
        return json_response(view(run) | more)

    @Operation(
        roles=("retailer", "ops"),
        path={"run_id": RunId},
        body=RerunRequest,
        body_required=False,
        answers={202: Answer(RunView)},
        problems={409: {"not-rerunnable": "It is under way, has never had stores, or its lines are gone."}},
    )
    async def rerun(self, request: Request) -> Response:
        """Bring the lines of a feed in once more, of all stores or of one. Newer feeds keep the last word."""
        run = await self._run(request)
        asked = await read_optional_json(request, RerunRequest, _MAX_BODY_BYTES)
        return json_response(view(await self.reruns.begin(run, asked.store_id)), 202)

    @Operation(
        roles=("retailer", "ops"),
        path={"run_id": RunId},
        answers={200: Answer(RunView)},
        problems={409: {"not-active": "It has ended."}},
    )
    async def cancel(self, request: Request) -> Response:
        """End a run before its time: stores that nobody has begun with stay as they are, those under way go on."""
        run = await self._run(request)
        return json_response(view(await self.cancelling.begin(run.id)))

    async def _account(self, request: Request) -> str | None:
        """The retailer that calls; ``None`` for an operator."""
        principal = await self.auth.user(request)
        principal.require("retailer", "ops")
        return principal.tenant()

    async def _run(self, request: Request) -> Run:
        account = await self._account(request)
        run_id = str(request.path_params["run_id"])
        missing = Problem(404, "not-found", f"There is no price run {run_id}.")
        try:
            run = await self.runs.get(_run_ids.validate_python(run_id))
        except ValidationError as error:
            # No run can have such an id.
            raise missing from error
        if run is None or account not in (None, run.retailer):
            raise missing
        return run


def view(run: Run) -> dict[str, Any]:
    """A run as the members of :class:`functions.prices.answers.RunView`."""
    plain = {name: getattr(run, name) for name in RunView.model_fields}
    return plain | {"reason": run.reason or None}


def _store_view(store: RunStore) -> dict[str, Any]:
    return {
        "store_id": store.store_id,
        "status": store.status,
        "reason": store.reason or None,
        "lines": store.lines,
        "work": store.work._asdict(),
        "updated_at": store.updated_at,
    }
