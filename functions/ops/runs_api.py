"""``/ops/runs`` and ``/ops/jobs`` over HTTP: runs of every kind, and what is done about them."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.finding_lists import FindingLists, FindingQuery
from functions.ops.operators import operator
from functions.ops.runs import Run, RunId, RunKind, Runs
from functions.ops.runs_answers import FindingListing, OperatorRun, OperatorRunPage
from shared import cursors
from shared.auth import Authenticator
from shared.clock import Clock
from shared.http import json_response, read_json
from shared.jobs.records import JobKind, Subject
from shared.openapi import Answer, Operation
from shared.problems import Problem
from shared.queries import Query
from shared.return_sync.resync import Resync

_MAX_BODY_BYTES = 4 * 1024
_PATH = {"kind": RunKind, "run_id": RunId}
_ENDED = {"not-active": "It has ended.", "of-a-job": "It is part of a job, which can be cancelled instead."}
_BUSY = {"job-active": "Another job of the subject is active."}
_NO_FINDINGS = {"audit-not-done": "The audit to repair has not come to its end."}


class OperatorRunQuery(Query):
    """Runs of which kind to list, the newest first."""

    kind: RunKind
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(
        None,
        max_length=cursors.MAX_LENGTH,
        description="`next_cursor` of the page before, for the same list.",
    )


class NewJob(BaseModel):
    """A job to be begun."""

    model_config = ConfigDict(extra="forbid")

    kind: JobKind
    subject: Subject = Field(description="A re-index is of `returns`.")
    audit: RunId | None = Field(
        None, description="For a repair: the audit whose findings are to be repaired."
    )
    forced: bool = Field(
        False,
        strict=True,
        description="For a re-index: even if the new index has no records, or fewer than half of the present one's.",
    )

    def options(self) -> dict[str, Any]:
        """As the job keeps them: what was not asked for is left out."""
        return ({"audit": self.audit} if self.audit else {}) | ({"forced": True} if self.forced else {})


@dataclass(frozen=True)
class RunsApi:
    """``/ops/runs``, ``/ops/jobs``: for operators only."""

    auth: Authenticator
    runs: Runs
    lists: FindingLists
    clock: Clock

    def routes(self) -> list[Route]:
        return [
            Route("/runs", self.list_runs, methods=["GET"]),
            Route("/runs:resync", self.resync, methods=["POST"]),
            Route("/runs/{kind}/{run_id}:cancel", self.cancel, methods=["POST"]),
            Route("/runs/{kind}/{run_id}:resume", self.resume, methods=["POST"]),
            Route("/runs/{kind}/{run_id}:rerun", self.rerun, methods=["POST"]),
            Route("/runs/{kind}/{run_id}", self.get_run, methods=["GET"]),
            Route("/runs/audit/{run_id}/findings", self.findings, methods=["GET"]),
            Route("/jobs", self.start_job, methods=["POST"]),
        ]

    @Operation(roles=("ops",), query=OperatorRunQuery, answers={200: Answer(OperatorRunPage)})
    async def list_runs(self, request: Request) -> Response:
        """Runs of a kind, the newest first."""
        caller = await operator(self.auth, request)
        query = OperatorRunQuery.of(request)
        page = await self.runs.page(query.kind, query.limit, query.cursor, caller.token)
        now = self.clock()
        return json_response({"runs": [view(run, now) for run in page.runs], "next_cursor": page.next_cursor})

    @Operation(roles=("ops",), path=_PATH, answers={200: Answer(OperatorRun)})
    async def get_run(self, request: Request) -> Response:
        """One run, with what it has come to so far."""
        caller = await operator(self.auth, request)
        return self._shown(await self.runs.get(*_run(request), caller.token))

    @Operation(roles=("ops",), path=_PATH, answers={200: Answer(OperatorRun)}, problems={409: _ENDED})
    async def cancel(self, request: Request) -> Response:
        """Have a run end before its time. A job undoes first what it has under way."""
        return await self._steered(request, self.runs.cancel)

    @Operation(
        roles=("ops",),
        path=_PATH,
        answers={200: Answer(OperatorRun)},
        problems={409: {"not-failed": "Only a job that has failed can go on."} | _BUSY},
    )
    async def resume(self, request: Request) -> Response:
        """Have a failed job go on from where it was."""
        return await self._steered(request, self.runs.resume)

    @Operation(
        roles=("ops",),
        path=_PATH,
        answers={202: Answer(OperatorRun)},
        problems={
            409: {"not-rerunnable": "It is under way, or a run of the sync, or its lines are gone."}
            | _BUSY
            | _NO_FINDINGS,
            422: {"validation-failed": "The audit that a repair was of is not kept any more."},
        },
    )
    async def rerun(self, request: Request) -> Response:
        """Do again what a run was for. A job makes another one; a price run brings its lines in once more."""
        return await self._steered(request, self.runs.rerun, 202)

    @Operation(
        roles=("ops",),
        body=Resync,
        answers={202: Answer(OperatorRun)},
        problems={409: {"run-active": "A run of the sync is active, or was cancelled a moment ago."}},
    )
    async def resync(self, request: Request) -> Response:
        """Push again all returns that changed between two dates, whatever the index is thought to hold."""
        caller = await operator(self.auth, request)
        dates = await read_json(request, Resync, _MAX_BODY_BYTES)
        return self._shown(await self.runs.resync(dates.start_date, dates.end_date, caller.who), 202)

    @Operation(
        roles=("ops",),
        body=NewJob,
        answers={202: Answer(OperatorRun)},
        problems={409: _BUSY | _NO_FINDINGS},
    )
    async def start_job(self, request: Request) -> Response:
        """Begin an audit, the repair of what one has found, or a re-index."""
        caller = await operator(self.auth, request)
        job = await read_json(request, NewJob, _MAX_BODY_BYTES)
        return self._shown(await self.runs.start_job(job.kind, job.subject, caller.who, job.options()), 202)

    @Operation(
        roles=("ops",), path={"run_id": RunId}, query=FindingQuery, answers={200: Answer(FindingListing)}
    )
    async def findings(self, request: Request) -> Response:
        """What an audit has found so far, and what a repair made of it."""
        caller = await operator(self.auth, request)
        audit = await self.runs.get("audit", request.path_params["run_id"], caller.token)
        page = await self.lists.page(audit.id, FindingQuery.of(request))
        found = [asdict(listed.finding) | {"outcome": listed.outcome} for listed in page.findings]
        return json_response({"findings": found, "next_cursor": page.next_cursor})

    async def _steered(
        self,
        request: Request,
        act: Callable[[RunKind, str, str, str], Awaitable[Run]],
        status: int = 200,
    ) -> Response:
        caller = await operator(self.auth, request)
        kind, run_id = _run(request)
        return self._shown(await act(kind, run_id, caller.who, caller.token), status)

    def _shown(self, run: Run, status: int = 200) -> Response:
        return json_response(view(run, self.clock()), status)


def view(run: Run, now: datetime) -> dict[str, Any]:
    """A run as the members of :class:`functions.ops.runs_answers.OperatorRun`."""
    start, end = run.window or (None, None)
    arrived, total = run.batches or (0, None)
    return {
        **{name: getattr(run, name) for name in Run.__dataclass_fields__},
        "window": {"start_date": start, "end_date": end} if run.window else None,
        "batches": {"arrived": arrived, "total": total} if run.batches else None,
        "seconds": run.seconds(now),
        "per_second": run.per_second(now),
    }


def _run(request: Request) -> tuple[RunKind, str]:
    kind, run_id = request.path_params["kind"], str(request.path_params["run_id"])
    if kind not in get_args(RunKind):
        raise Problem(404, "not-found", f"There are no runs of kind {str(kind)[:100]!r}.")
    return kind, run_id
