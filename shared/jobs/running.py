"""The chain of tasks that a job is: each task makes one step, keeps what it came to, and enqueues the next.

A step may be made twice, or be cut off at any line: it is kept in one commit, whose precondition is that the job is as
it was when the step began, and what a step does outside of it has to bear repetition.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.http import TRANSIENT
from shared.jobs.findings import Finding, FindingPage, Findings
from shared.jobs.records import MAX_ACCOUNTS, OTHER_ACCOUNTS, SILENT, Job, JobTask
from shared.jobs.store import Jobs
from shared.tasks import Attempt

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

_MAX_ERROR = 1_000


@dataclass(frozen=True)
class Step:
    """What a step came to.

    Args:
        state: where the next one goes on.
        phase: what that will be at, in words.
        is_last: whether the job is done.
        done: how many records were dealt with; ``total`` of how many in all, where that is known by now.
        counts: to be added to the job's, as ``uses`` are.
        outcomes: what a repair made of the findings of an audit's pages.
        pause: how long to wait before the next step.
    """

    state: Mapping[str, Any]
    phase: str
    is_last: bool = False
    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    outcomes: Sequence[tuple[FindingPage, Sequence[str]]] = ()
    pause: timedelta = timedelta(0)


class Work(Protocol):
    """What a room does for a kind of job."""

    async def step(self, job: Job) -> Step:
        """Make the step that ``job.state`` is at; ``{}`` is the first.

        Raises:
            TransientError: try again later.
            PermanentError: the job cannot be done; the text says why.
        """

    async def abandon(self, job: Job) -> None:
        """Undo what is under way, since the job ends before its time; may be called more than once.

        Raises:
            TransientError: try again later. Should that never help, the sweeper ends the job as it is.
        """


@dataclass(frozen=True)
class JobRunner:
    """Works on the tasks of a queue of jobs.

    Args:
        works: what is done for a job, by its kind.
    """

    db: "AsyncClient"
    jobs: Jobs
    works: Mapping[str, Work]
    clock: Clock

    async def run(self, task: JobTask, attempt: Attempt) -> None:
        """Make a step of a job, unless it has been made.

        A step that cannot be made on the last attempt fails its job. Where that cannot be done either, since somebody
        else is changing the job, or what it has under way cannot be undone, the job stays as it is for them or for the
        sweeper: nothing is raised, or there would be a dead letter of a job that goes on.

        Raises:
            TransientError: the step could not be made now. Never on the last attempt, nor is anything else.
        """
        try:
            await self._run(task, attempt)
        except Exception as error:
            if not attempt.is_last:
                raise
            _leave(task, error)

    async def _run(self, task: JobTask, attempt: Attempt) -> None:
        job = await self.jobs.get(task.job_id)
        if job is None or not job.is_active or task.series != job.series:
            _log.info("job.overtaken", extra={"job": task.job_id, "step": task.step})
            return
        if task.step != job.step:
            # Whoever made this step died before the next one was enqueued, or this comes twice.
            await self.jobs.enqueue(job.subject, job.task)
            return
        await self._advance(job, attempt)

    async def _advance(self, job: Job, attempt: Attempt) -> None:
        began_at = self.clock()
        try:
            if job.status == "cancelling":
                await self._abandon(job, "cancelled")
                return
            step = await self.works[job.kind].step(job)
            following = await self._keep(replace(job, started_at=job.started_at or began_at), step)
        except PermanentError as error:
            await self._abandon(job, "failed", _text(error))
            return
        except Exception as error:
            if not attempt.is_last:
                await self._note(job, error)
                raise
            _log_failure("job.step_failed", job.task, error)
            await self._abandon(job, "failed", _text(error))
            return
        if following is None:
            # Another delivery of this task was quicker, or the job is cancelled: the next attempt finds out.
            raise TransientError("Somebody else is changing this job.")
        if following.is_active:
            not_before = self.clock() + step.pause if step.pause else None
            await self.jobs.enqueue(following.subject, following.task, not_before=not_before)

    async def _note(self, job: Job, error: Exception) -> None:
        """Show that somebody is at the job, and what holds it up; if that cannot be done either, no matter."""
        try:
            await self.jobs.change(job, {"error": _text(error), "deadline": self.clock() + SILENT})
        except Exception as second:
            _log.warning("job.unnoted", extra={"job": job.id, "error": repr(second)})

    async def _abandon(self, job: Job, status: str, error: str = "") -> None:
        await self.works[job.kind].abandon(job)
        if await self.jobs.end(job, {"status": status, "error": error}) is None:
            raise TransientError("Somebody else is changing this job.")

    async def _keep(self, job: Job, step: Step) -> Job | None:
        """The job after a step, whose results are kept; ``None`` if it was not as it had been read any more."""
        batch, findings = self.db.batch(), Findings(self.db)
        findings.write(batch, job.id, job.step, step.findings, self.clock())
        for page, outcomes in step.outcomes:
            findings.write_outcomes(batch, page, outcomes)
        progress = self._progress(job, step)
        if step.is_last:
            return await self.jobs.end(job, {"status": "done", **progress}, batch)
        deadline = self.clock() + step.pause + SILENT
        return await self.jobs.change(job, {"status": "running", "deadline": deadline, **progress}, batch)

    def _progress(self, job: Job, step: Step) -> dict[str, Any]:
        return {
            "phase": step.phase,
            "step": job.step + 1,
            "state": dict(step.state),
            "restarts": 0,
            "error": "",
            "started_at": job.started_at,
            "done": job.done + step.done,
            "total": job.total if step.total is None else step.total,
            "counts": dict(Counter(job.counts) + Counter(step.counts)),
            "uses": dict(Counter(job.uses) + Counter(step.uses)),
            "by_account": by_account(job.by_account, step.findings),
        }


def _leave(task: JobTask, error: Exception) -> None:
    """Say that a step is left to whoever is at its job, or to the sweeper."""
    _log_failure("job.step_left", task, error)


def _log_failure(event: str, task: JobTask, error: Exception) -> None:
    """Something that is out of reach is no fault of ours: alerts are cut from the level."""
    level = logging.WARNING if isinstance(error, TRANSIENT) else logging.ERROR
    note = {"job": task.job_id, "step": task.step, "error": repr(error)}
    _log.log(level, event, extra=note, exc_info=level >= logging.ERROR)


def _text(error: Exception) -> str:
    return (str(error) or repr(error))[:_MAX_ERROR]


def by_account(
    before: Mapping[str, Mapping[str, int]], findings: Sequence[Finding]
) -> dict[str, dict[str, int]]:
    """Findings by account and kind, added up; beyond the first 500 accounts, all others count as one."""
    counts = {account: dict(kinds) for account, kinds in before.items()}
    for finding in findings:
        known = finding.account in counts or len(counts) < MAX_ACCOUNTS
        kinds = counts.setdefault(finding.account if known else OTHER_ACCOUNTS, {})
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
    return counts
