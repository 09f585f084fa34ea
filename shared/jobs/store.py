"""The ``jobs`` collection: starting, reading, cancelling and resuming jobs, each change a single commit."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from shared import trace
from shared.clock import Clock
from shared.errors import TransientError
from shared.jobs.records import (
    ACTIVE,
    COLLECTION,
    KEPT,
    MAX_RESTARTS,
    SILENT,
    SLOTS,
    Job,
    JobKind,
    JobTask,
    Subject,
    fields_of,
    job_in,
    stored,
)
from shared.problems import Problem
from shared.tasks import Queue, TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_log = logging.getLogger(__name__)

# Nobody is to wait longer for Cloud Tasks than this.
_PUBLISH_SECONDS = 3
_CONFLICTS = (Aborted, AlreadyExists, FailedPrecondition, NotFound)


class Jobs:
    """Reads and changes jobs. A job that is not enqueued at once, since Cloud Tasks is down, the sweeper enqueues.

    Args:
        queue_of: the queues of the subjects that jobs are begun or gone on with here, see ``shared/jobs/queues.py``.
    """

    def __init__(
        self,
        db: "AsyncClient",
        queues: TaskQueues,
        clock: Clock,
        queue_of: Mapping[Subject, Queue[JobTask]],
    ) -> None:
        self._db = db
        self._queues = queues
        self._clock = clock
        self._queue_of = queue_of

    def document(self, job_id: str) -> Any:
        """The reference of a job's document."""
        return self._db.collection(COLLECTION).document(job_id)

    async def get(self, job_id: str) -> Job | None:
        """One job: one read."""
        return job_in(await self.document(job_id).get())

    async def active(self, subject: Subject) -> Job | None:
        """The job that has the subject's slot, if any: two reads."""
        holder = ((await self._slot(subject).get()).to_dict() or {}).get("job_id")
        return await self.get(holder) if holder else None

    async def start(
        self, kind: JobKind, subject: Subject, by: str, options: Mapping[str, Any] | None = None
    ) -> Job:
        """Make a job and begin it.

        Args:
            by: who wants it: an operator's ``sub``, or the name of a schedule.

        Raises:
            Problem: 409, another job of the subject is active; the text names it.
        """
        now = self._clock()
        job = Job(
            id=f"{kind}-{subject}-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
            kind=kind,
            subject=subject,
            status="waiting",
            phase="waiting",
            step=0,
            series=0,
            created_at=now,
            created_by=by,
            trace=trace.current(),
            deadline=now + SILENT,
            expire_at=now + KEPT,
            options=options or {},
        )
        batch = self._db.batch()
        batch.create(self.document(job.id), fields_of(job))
        batch.create(self._slot(subject), {"job_id": job.id})
        try:
            await batch.commit()
        except _CONFLICTS as error:
            # Ours all the same if only the answer to the commit was lost, and the client sent it again.
            if (holder := await self.active(subject)) is None or holder.id != job.id:
                raise _taken(subject, holder) from error
        _log.info("job.started", extra={"job": job.id, "by": by})
        await self.publish(job)
        return job

    async def cancel(self, job: Job) -> Job:
        """Have an active job end: its room undoes what is under way, then it is ``cancelled``.

        Raises:
            Problem: 409, it has ended.
            TransientError: it is making a step at this moment; try again.
        """
        if not job.is_active:
            raise Problem(409, "not-active", f"The job has ended: {job.status}.")
        return await self._begin_anew(job, {"status": "cancelling"})

    async def resume(self, job: Job) -> Job:
        """Have a failed job go on from where it was.

        Raises:
            Problem: 409, it has not failed, or another job of its subject is active.
            TransientError: somebody else is changing it; try again.
        """
        if job.status != "failed":
            raise Problem(409, "not-failed", f"Only a failed job can be resumed; it is {job.status}.")
        batch = self._db.batch()
        batch.create(self._slot(job.subject), {"job_id": job.id})
        try:
            again = {"status": "running", "error": "", "finished_at": None, "restarts": 0}
            # Were it forgotten while it is active, nobody would give its slot back.
            return await self._begin_anew(job, again | {"expire_at": self._clock() + KEPT}, batch)
        except TransientError as error:
            holder = await self.active(job.subject)
            if holder is not None and holder.id != job.id:
                raise _taken(job.subject, holder) from error
            raise

    async def restart(self, job: Job) -> Job:
        """Begin an active job's chain of tasks anew, since its task was lost.

        Raises:
            TransientError: it is making a step at this moment, so it was not.
        """
        # The sweeper does it so often at most; whoever does it by hand may do so for ever.
        patience = SILENT * 2 ** min(job.restarts, MAX_RESTARTS)
        again = {"restarts": job.restarts + 1, "deadline": self._clock() + patience}
        return await self._begin_anew(job, again)

    async def _begin_anew(
        self, job: Job, changes: Mapping[str, Any], batch: "AsyncWriteBatch | None" = None
    ) -> Job:
        fields = {"deadline": self._clock() + SILENT, **changes, "series": job.series + 1}
        again = await self.change(job, fields, batch)
        if again is None:
            raise TransientError("Somebody else is changing this job.")
        _log.info("job.begun_anew", extra={"job": job.id, "status": again.status, "series": again.series})
        await self.publish(again)
        return again

    async def change(
        self, job: Job, changes: Mapping[str, Any], batch: "AsyncWriteBatch | None" = None
    ) -> Job | None:
        """Change a job and commit ``batch`` with it; ``None`` if anything was not as it had been read."""
        batch = batch or self._db.batch()
        unchanged = self._db.write_option(last_update_time=job.update_time)
        batch.update(self.document(job.id), stored(changes), option=unchanged)
        try:
            written = await batch.commit()
        except _CONFLICTS:
            # Done all the same if only the answer to the commit was lost, and the client sent it again.
            latest = await self.get(job.id)
            return latest if latest and _has(latest, changes) else None
        return replace(job, **changes, update_time=written[-1].update_time)

    async def end(
        self, job: Job, changes: Mapping[str, Any], batch: "AsyncWriteBatch | None" = None
    ) -> Job | None:
        """End a job, and give its slot back, in the commit of ``batch``; as :meth:`change`."""
        batch = batch or self._db.batch()
        batch.delete(self._slot(job.subject))
        fields = {**changes, "finished_at": self._clock(), "deadline": None}
        ended = await self.change(job, fields, batch)
        if ended is not None:
            level = logging.ERROR if ended.status == "failed" else logging.INFO
            summary = {
                "job": ended.id,
                "kind": ended.kind,
                "subject": ended.subject,
                "status": ended.status,
                "drift": ended.drift,
                "counts": dict(ended.counts),
                "error": ended.error,
            }
            _log.log(level, "job.ended", extra=summary)
        return ended

    async def publish(self, job: Job) -> None:
        """Enqueue the step that a job is at, if that can be done: the sweeper makes good what fails here."""
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await self.enqueue(job.subject, job.task)
        except Exception as error:
            _log.warning("job.unpublished", extra={"job": job.id, "error": repr(error)})

    async def enqueue(self, subject: Subject, task: JobTask, *, not_before: datetime | None = None) -> None:
        """Put a step on the queue of its subject: once, however often it is done.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
        """
        await self._queues.enqueue(self._queue_of[subject], task, key=task.key, not_before=not_before)

    async def page(
        self, limit: int, kind: JobKind | None = None, after: tuple[datetime, str] | None = None
    ) -> list[Job]:
        """Jobs, the newest first, behind ``(created_at, id)`` of one: a read each."""
        from google.cloud.firestore import FieldFilter

        query: Any = self._db.collection(COLLECTION)
        if kind is not None:
            query = query.where(filter=FieldFilter("kind", "==", kind))
        query = query.order_by("created_at", direction="DESCENDING").order_by(
            "__name__", direction="DESCENDING"
        )
        if after is not None:
            query = query.start_after({"created_at": after[0], "__name__": self.document(after[1])})
        return [job async for job in _jobs(query.limit(limit))]

    async def of_subject(self, subject: Subject, limit: int) -> list[Job]:
        """The newest jobs of a subject, the newest first: a read each."""
        from google.cloud.firestore import FieldFilter

        query = self._db.collection(COLLECTION).where(filter=FieldFilter("subject", "==", subject))
        newest = query.order_by("created_at", direction="DESCENDING").limit(limit)
        return [job async for job in _jobs(newest)]

    async def overdue(self, limit: int) -> list[Job]:
        """Active jobs without a sign of life, the longest overdue first: a read each."""
        from google.cloud.firestore import FieldFilter

        passed = FieldFilter("deadline", "<=", self._clock())
        query = self._db.collection(COLLECTION).where(filter=passed).order_by("deadline").limit(limit)
        return [job async for job in _jobs(query) if job.status in ACTIVE]

    def _slot(self, subject: Subject) -> Any:
        return self._db.collection(SLOTS).document(subject)


async def _jobs(query: Any) -> AsyncIterator[Job]:
    async for snapshot in query.stream():
        if job := job_in(snapshot):
            yield job


def _has(job: Job, changes: Mapping[str, Any]) -> bool:
    return all(getattr(job, name) == value for name, value in changes.items())


def _taken(subject: Subject, holder: Job | None) -> Problem:
    who = f"{holder.id}, begun by {holder.created_by}," if holder else "Another job"
    return Problem(409, "job-active", f"{who} is at the {subject}; wait for its end, or cancel it.")
