"""Runs of every kind as operators see and steer them: of the returns sync, of prices, and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from pydantic import StringConstraints, TypeAdapter, ValidationError

from functions.ops.dead_letters import Letters
from shared.jobs.records import JobKind, Subject
from shared.problems import Problem

RunKind = Literal["sync", "prices", "audit", "repair", "reindex"]
RunStatus = Literal[
    "waiting", "running", "cancelling", "done", "partial", "failed", "cancelled", "taken-over"
]
RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,80}$")]

_run_ids = TypeAdapter[str](RunId)


@dataclass(frozen=True)
class Run:
    """One run of whatever kind.

    Args:
        subject: what it is about: ``returns``, ``products``, ``images``, or the retailer of a feed.
        purpose: of a run of the sync: ``sync``, ``resync``, ``repair`` or ``reindex``; ``""`` for others.
        phase: what it is at, in words.
        by: who wanted it; ``""`` for a schedule or an event.
        window: the first and last time of change that a run of the sync covers.
        unit: what is counted in ``done``: ``records``, or for price runs ``stores``.
        done: as many were dealt with so far, of ``total``, each where that is known: of an open price run in a list it
            is not. An audit goes through both sides, and once it is done tells how many things it has compared.
        options: what a job was asked for, such as the audit that is repaired.
        batches: of a run of the sync: how many have arrived, of how many, once that is known.
        took_over: the run that had been left unfinished, and whose window this one does again.
        error: why it failed.
        trace: the same in the logs.
        dead_letters: the ids of those that bear its trace, the newest 20; only where one run is read.
    """

    id: str
    kind: RunKind
    subject: str
    status: RunStatus
    phase: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    purpose: str = ""
    by: str = ""
    window: tuple[datetime | None, datetime | None] | None = None
    unit: Literal["records", "stores"] = "records"
    done: int | None = 0
    total: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    by_account: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    batches: tuple[int, int | None] | None = None
    took_over: str = ""
    error: str = ""
    trace: str = ""
    dead_letters: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it may still do something."""
        return self.status in ("waiting", "running", "cancelling")

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, ((self.finished_at or now) - (self.started_at or self.created_at)).total_seconds())

    def per_second(self, now: datetime) -> float | None:
        """How many of its unit a second; ``None`` where nothing was counted."""
        seconds = self.seconds(now)
        return self.done / seconds if self.done and seconds else None


@dataclass(frozen=True)
class RunPage:
    """A page of runs of a kind, the newest first, and where the next one begins, if there is one."""

    runs: list[Run]
    next_cursor: str | None


class Desk(Protocol):
    """Where runs of some kinds are dealt with. A ``token`` is the operator's own, for rooms that are asked over HTTP.

    What is done is written into the audit log first; so is what is refused, unless no run of the kind can ever be asked
    for it.
    """

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Runs of a kind, the newest first.

        Raises:
            Problem: 422, the cursor is not of this list.
        """

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One run.

        Raises:
            Problem: 404, there is none.
        """

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a run end before its time.

        Raises:
            Problem: 404, there is none; 409, it has ended (``not-active``), or is part of a job (``of-a-job``).
        """

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a failed job go on from where it was.

        Raises:
            Problem: 404; 409, it has not failed (``not-failed``), or another one is active (``job-active``).
        """

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Do again what a run was for; of a job, this makes another run.

        Raises:
            Problem: 404; 409, it cannot be (``not-rerunnable``), or another one is active (``job-active``).
        """


class SyncDesk(Desk, Protocol):
    """The desk of the returns sync."""

    async def resync(self, start: datetime, end: datetime, operator: str) -> Run:
        """Push again all returns that changed between two dates.

        Raises:
            Problem: 409, a run is active (``run-active``).
        """


class JobDesk(Desk, Protocol):
    """The desk of jobs."""

    async def start(
        self, kind: JobKind, subject: Subject, operator: str, options: Mapping[str, Any] | None = None
    ) -> Run:
        """Begin an audit, a repair (``{"audit": id}``) or a re-index (``{"forced": True}``, if need be).

        Raises:
            Problem: 409, another job of the subject is active (``job-active``), or the audit is not done
                (``audit-not-done``); 422, there is no such audit, or no such job of the subject.
        """

    async def of_subject(self, subject: Subject, limit: int) -> list[Run]:
        """The newest jobs of a subject, the newest first, and the one that is active, however old it is."""


# As many dead letters as one run shows; the list of letters has all.
_MAX_LETTERS = 20


@dataclass(frozen=True)
class Runs:
    """Reads and steers runs of every kind; its methods raise what those of :class:`Desk` do."""

    sync: SyncDesk
    prices: Desk
    jobs: JobDesk
    letters: Letters

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Runs of a kind, the newest first."""
        return await self._desk(kind).page(kind, limit, cursor, token)

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One run, with the dead letters that bear its trace."""
        run = await self._desk(kind).get(kind, run_id, token)
        if not run.trace:
            return run
        return replace(run, dead_letters=tuple(await self.letters.of_trace(run.trace, _MAX_LETTERS)))

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a run end before its time."""
        return await self._desk(kind).cancel(kind, run_id, operator, token)

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a failed job go on from where it was."""
        return await self._desk(kind).resume(kind, run_id, operator, token)

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Do again what a run was for."""
        return await self._desk(kind).rerun(kind, run_id, operator, token)

    async def resync(self, start: datetime, end: datetime, operator: str) -> Run:
        """Push again all returns that changed between two dates: :meth:`SyncDesk.resync`."""
        return await self.sync.resync(start, end, operator)

    async def start_job(
        self, kind: JobKind, subject: Subject, operator: str, options: Mapping[str, Any] | None = None
    ) -> Run:
        """Begin a job: :meth:`JobDesk.start`."""
        return await self.jobs.start(kind, subject, operator, options)

    async def jobs_of(self, subject: Subject, limit: int) -> list[Run]:
        """What was done about a subject lately: :meth:`JobDesk.of_subject`."""
        return await self.jobs.of_subject(subject, limit)

    def _desk(self, kind: RunKind) -> Desk:
        match kind:
            case "sync":
                return self.sync
            case "prices":
                return self.prices
            case "audit" | "repair" | "reindex":
                return self.jobs


def is_run_id(text: str) -> bool:
    """Whether any run can have such an id."""
    try:
        _run_ids.validate_python(text)
    except ValidationError:
        return False
    return True


def no_run(kind: RunKind, run_id: str) -> Problem:
    """The answer when there is no such run."""
    return Problem(404, "not-found", f"There is no run {run_id[:100]!r} of kind {kind}.")


def not_active(status: RunStatus) -> Problem:
    """The answer to who would cancel what has ended."""
    return Problem(409, "not-active", f"The run has ended: {status}.")
