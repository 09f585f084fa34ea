"""Jobs at the operators' desk: audits, repairs and re-indexing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args

from pydantic import TypeAdapter

from functions.ops.actions import Actions
from functions.ops.runs import Run, RunId, RunKind, RunPage, is_run_id, no_run, not_active
from shared import cursors
from shared.cursors import Moment
from shared.jobs.records import Job, JobKind, Subject
from shared.jobs.store import Jobs
from shared.problems import Problem, invalid_fields

# What may be asked of jobs of a kind.
_OPTIONS: Mapping[JobKind, str] = {"repair": "audit", "reindex": "forced"}
_position = TypeAdapter[tuple[datetime, str]](tuple[Moment, RunId])


@dataclass(frozen=True)
class JobRunsDesk:
    """See :class:`functions.ops.runs.JobDesk`."""

    jobs: Jobs
    actions: Actions

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Jobs of a kind, the newest first: a read each and one more."""
        key = f"runs/{kind}"
        after = cursors.decode(key, cursor, _position) if cursor else None
        found = await self.jobs.page(limit + 1, _job_kind(kind), after)
        page = found[:limit]
        more = len(found) > limit
        next_cursor = cursors.encode(key, (page[-1].created_at, page[-1].id)) if more else None
        return RunPage([job_run(job) for job in page], next_cursor)

    async def of_subject(self, subject: Subject, limit: int) -> list[Run]:
        """The newest jobs of a subject: a read each, and two for the active one, which is old if it was resumed."""
        newest, active = await asyncio.gather(self.jobs.of_subject(subject, limit), self.jobs.active(subject))
        every = {job.id: job for job in (*newest, *([active] if active else []))}
        return sorted(map(job_run, every.values()), key=lambda run: run.created_at, reverse=True)

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One job: one read."""
        return job_run(await self._existing(kind, run_id))

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have an active job end: its room undoes what is under way first, so it may be ``cancelling`` for a while."""
        async with self.actions.recorded(operator, "job.cancel", run_id):
            job = await self._existing(kind, run_id)
            if not job.is_active:
                raise not_active(job.status)
            return job_run(job if job.status == "cancelling" else await self.jobs.cancel(job))

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a failed job go on from where it was."""
        async with self.actions.recorded(operator, "job.resume", run_id):
            return job_run(await self.jobs.resume(await self._existing(kind, run_id)))

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Begin another job for what this one was for; what was forced once is not forced again."""
        job = await self._existing(kind, run_id)
        options = {name: value for name, value in job.options.items() if name != "forced"}
        return await self.start(job.kind, job.subject, operator, options)

    async def start(
        self, kind: JobKind, subject: Subject, operator: str, options: Mapping[str, Any] | None = None
    ) -> Run:
        """Begin a job."""
        asked = dict(options or {})
        details = {name: str(value) for name, value in asked.items()}
        async with self.actions.recorded(operator, "job.start", f"{kind} of {subject}", details) as act:
            await self._require_sense(kind, subject, asked)
            job = await self.jobs.start(kind, subject, operator, asked)
            act.outcome = f"done: {job.id}"
            return job_run(job)

    async def _require_sense(self, kind: JobKind, subject: Subject, options: Mapping[str, Any]) -> None:
        if strange := options.keys() - {_OPTIONS.get(kind)}:
            raise invalid_fields(dict.fromkeys(strange, f"cannot be asked of {kind} jobs"))
        if kind == "reindex" and subject != "returns":
            raise invalid_fields({"subject": "only returns have an index of their own"})
        if kind == "repair":
            await self._require_findings(subject, str(options.get("audit", "")))

    async def _require_findings(self, subject: Subject, audit_id: str) -> None:
        audit = await self.jobs.get(audit_id) if is_run_id(audit_id) else None
        if audit is None or audit.kind != "audit" or audit.subject != subject:
            raise invalid_fields({"audit": f"is no audit of {subject}"})
        if audit.status != "done":
            detail = f"The audit is {audit.status}; only what one that is done has found can be repaired."
            raise Problem(409, "audit-not-done", detail)

    async def _existing(self, kind: RunKind, run_id: str) -> Job:
        job = await self.jobs.get(run_id) if is_run_id(run_id) else None
        if job is None or job.kind != kind:
            raise no_run(kind, run_id)
        return job


def job_run(job: Job) -> Run:
    """A job as operators see it."""
    done, total = _reach(job)
    return Run(
        id=job.id,
        kind=job.kind,
        subject=job.subject,
        status=job.status,
        phase=job.phase,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        by=job.created_by,
        done=done,
        total=total,
        options=job.options,
        counts=job.counts,
        by_account=job.by_account,
        uses=job.uses,
        error=job.error,
        trace=job.trace,
    )


def _reach(job: Job) -> tuple[int, int | None]:
    """How far a job is, and of how many: see :class:`Run`."""
    if job.kind == "audit" and job.status == "done" and "checked" in job.counts:
        return job.counts["checked"], job.counts["checked"]
    return job.done, job.total


def _job_kind(kind: RunKind) -> JobKind:
    assert kind in get_args(JobKind)
    return cast("JobKind", kind)
