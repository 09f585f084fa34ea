"""``/returns`` over HTTP: what a request asks, who asks it, and how the answer looks."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SkipValidation,
    TypeAdapter,
    ValidationError,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.returns.answers import BatchAnswer, Removed, ResyncAnswer, Saved, StoredReturn
from functions.returns.ingestion import Ingestion, Outcome, Put, Removal
from functions.returns.model import Return, ReturnContent, ReturnId
from shared.auth import Authenticator, Principal
from shared.clock import Clock
from shared.http import json_response, read_json
from shared.openapi import Answer, Operation
from shared.problems import Problem, invalid_fields, validation_problem
from shared.return_sync.queues import RETURN_SYNC
from shared.return_sync.resync import Resync
from shared.return_sync.runs import NewRun, SyncRuns
from shared.return_sync.walk import COLLECTION
from shared.tasks import TaskQueues
from shared.timestamps import Timestamp

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

MAX_BATCH = 500
_MAX_RETURN_BYTES = 256 * 1024
# A commit takes 10 MiB at most, and its encoding is somewhat larger than the JSON.
_MAX_BATCH_BYTES = 5 * 1024 * 1024
_MAX_RESYNC_BYTES = 4 * 1024

_AS_OF = "external_updated_at"

_return_ids = TypeAdapter[str](ReturnId)


class AnyJson(RootModel[Any]):
    """A body that is judged after it has been completed from the path."""


class ReturnBatch(BaseModel):
    """Returns, as anything that JSON can hold: each is judged by itself."""

    model_config = ConfigDict(extra="forbid")

    returns: list[SkipValidation[Return]] = Field(max_length=MAX_BATCH)


class RemovalQuery(BaseModel):
    """From when a removal counts."""

    model_config = ConfigDict(extra="forbid")

    external_updated_at: Timestamp | None = Field(
        None,
        description="The source's own time of the removal, which is remembered even if the return has not arrived yet; "
        "without it, the removal counts from now and what is not there is 404.",
    )


@dataclass(frozen=True)
class ReturnsApi:
    """``/returns``: taking in, reading and removing returns, and asking for a historic re-sync."""

    db: "AsyncClient"
    auth: Authenticator
    ingestion: Ingestion
    runs: SyncRuns
    queues: TaskQueues
    clock: Clock

    def routes(self) -> list[Route]:
        return [
            Route("/batch", self.put_batch, methods=["POST"]),
            Route("/resync", self.resync, methods=["POST"]),
            Route("/{return_id}", self.put, methods=["PUT"]),
            Route("/{return_id}", self.get, methods=["GET"]),
            Route("/{return_id}", self.delete, methods=["DELETE"]),
        ]

    @Operation(
        roles=("warehouse", "ops"),
        path={"return_id": ReturnId},
        body=ReturnContent,
        answers={200: Answer(Saved), 201: Answer(Saved)},
    )
    async def put(self, request: Request) -> Response:
        """Create or change one return; 201 when it is new. ``return_id`` may be left to the path."""
        principal = await self._warehouse(request)
        return_id = _return_id(request)
        content = (await read_json(request, AnyJson, _MAX_RETURN_BYTES)).root
        put = _put({"return_id": return_id} | content if isinstance(content, dict) else content, principal)
        if isinstance(put, Problem):
            raise put
        if put.return_id != return_id:
            raise invalid_fields({"return_id": f"is not {return_id}, which the path names"})
        (outcome,) = await self.ingestion.apply([put], principal.tenant())
        if isinstance(outcome, Problem):
            raise outcome
        return json_response(
            {"return_id": return_id, "outcome": outcome}, status=201 if outcome == "created" else 200
        )

    @Operation(roles=("warehouse", "ops"), body=ReturnBatch, answers={200: Answer(BatchAnswer)})
    async def put_batch(self, request: Request) -> Response:
        """Create or change up to 500 returns; each gets an outcome of its own, in order."""
        principal = await self._warehouse(request)
        body = await read_json(request, ReturnBatch, _MAX_BATCH_BYTES)
        judged = [_put(content, principal) for content in body.returns]
        puts = [put for put in judged if isinstance(put, Put)]
        outcomes = iter(await self.ingestion.apply(puts, principal.tenant()) if puts else ())
        results = [
            _result(content, next(outcomes) if isinstance(put, Put) else put)
            for content, put in zip(body.returns, judged, strict=True)
        ]
        return json_response({"results": results})

    @Operation(
        roles=("seller", "warehouse", "ops"),
        path={"return_id": ReturnId},
        answers={200: Answer(StoredReturn)},
    )
    async def get(self, request: Request) -> Response:
        """One return as it is stored."""
        principal = await self.auth.user(request)
        principal.require("seller", "warehouse", "ops")
        return_id = _return_id(request)
        stored = (await self.db.collection(COLLECTION).document(return_id).get()).to_dict()
        # Another tenant's return looks like none at all.
        if not stored or stored.get("deleted") or principal.tenant() not in (None, stored.get("account")):
            raise _no_return(return_id)
        content = {name: stored.get(name) for name in Return.model_fields}
        return json_response(content | {"updated_at": stored.get("updated_at")})

    @Operation(
        roles=("warehouse", "ops"),
        path={"return_id": ReturnId},
        query=RemovalQuery,
        answers={200: Answer(Removed)},
    )
    async def delete(self, request: Request) -> Response:
        """Remove one return, as of ``external_updated_at`` (query) or now.

        With that time given, a removal that overtakes its return is remembered; without, it is 404.
        """
        principal = await self._warehouse(request)
        return_id = _return_id(request)
        given = _as_of(request)
        removal = Removal(return_id, given or self.clock(), early_for=principal.account if given else None)
        (outcome,) = await self.ingestion.apply([removal], principal.tenant())
        if isinstance(outcome, Problem) or outcome == "unknown":
            # As for reading: another tenant's return looks like none.
            raise _no_return(return_id)
        return json_response({"return_id": return_id, "outcome": outcome})

    @Operation(
        roles=("ops",),
        body=Resync,
        answers={202: Answer(ResyncAnswer)},
        problems={409: {"run-active": "A run of the sync is active."}},
    )
    async def resync(self, request: Request) -> Response:
        """Push again all returns that changed between two dates, whatever the index is thought to hold."""
        principal = await self.auth.user(request)
        principal.require("ops")
        dates = await read_json(request, Resync, _MAX_RESYNC_BYTES)
        historic = NewRun(
            dates.start_date, dates.end_date, is_historic=True, purpose="resync", by=principal.subject
        )
        record = await self.runs.start(historic)
        if record is None:
            raise Problem(409, "run-active", "A run is active; try again when it has ended.")
        await self.queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")
        return json_response({"run_id": record.run_id}, status=202)

    async def _warehouse(self, request: Request) -> Principal:
        principal = await self.auth.user(request)
        principal.require("warehouse", "ops")
        principal.tenant()
        return principal


def _return_id(request: Request) -> str:
    try:
        return _return_ids.validate_python(request.path_params["return_id"])
    except ValidationError as error:
        # No return can have such an id.
        raise Problem(404, "not-found", f"return_id: {error.errors()[0]['msg']}.") from error


def _as_of(request: Request) -> datetime | None:
    """The time that a removal names. A misspelt name must not make it a removal as of now."""
    given = request.query_params.multi_items()
    if not given:
        return None
    if [name for name, _ in given] != [_AS_OF]:
        raise invalid_fields({_AS_OF: "is the only parameter, and is given once"})
    try:
        return RemovalQuery.model_validate(dict(given)).external_updated_at
    except ValidationError as error:
        raise validation_problem(error) from error


def _no_return(return_id: str) -> Problem:
    return Problem(404, "not-found", f"There is no return {return_id}.")


def _put(content: Any, principal: Principal) -> Put | Problem:
    """The message in ``content``, or what is wrong with it."""
    try:
        put = Put(Return.model_validate(content))
    except ValidationError as error:
        return validation_problem(error)
    if principal.tenant() not in (None, put.content.account):
        return Problem(403, "forbidden", f"The token is not for the account {put.content.account}.")
    return put


def _result(content: Any, outcome: Outcome | Problem) -> dict[str, Any]:
    """One entry of a batch's answer."""
    named = content.get("return_id") if isinstance(content, dict) else None
    # JSON can hold more than an answer can repeat, such as an integer of a hundred digits.
    return_id = named if isinstance(named, str) else None
    if isinstance(outcome, Problem):
        return {"return_id": return_id, "outcome": "invalid", "problem": outcome.document()}
    return {"return_id": return_id, "outcome": outcome}
