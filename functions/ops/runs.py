"""Runs of every kind as operators see them: of the returns sync, of prices, and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.jobs.records import JobKind, Subject

RunKind = Literal["sync", "prices", "audit", "repair", "reindex"]
RunStatus = Literal[
    "waiting", "running", "cancelling", "done", "partial", "failed", "cancelled", "taken-over"
]


@dataclass(frozen=True)
class Run:
    """One run of whatever kind.

    Args:
        subject: what it is about: ``returns``, ``products``, ``images``, or the retailer of a feed.
        purpose: of a run of the sync: ``sync``, ``resync``, ``repair`` or ``reindex``; ``""`` for others.
        phase: what it is at, in words.
        by: who wanted it; ``""`` for a schedule or an event.
        window: the first and last time of change that a run of the sync covers.
        done: records that were dealt with so far, of ``total``, where that is known.
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
    done: int = 0
    total: int | None = None
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
        """Records a second; ``None`` where nothing was counted."""
        seconds = self.seconds(now)
        return self.done / seconds if self.done and seconds else None


@dataclass(frozen=True)
class RunPage:
    """A page of runs of a kind, the newest first, and where the next one begins, if there is one."""

    runs: list[Run]
    next_cursor: str | None


class Runs:
    """Reads and steers runs of every kind. ``token`` is the operator's own: price runs are asked of their room."""

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Runs of a kind, the newest first.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        raise NotImplementedError

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One run.

        Raises:
            Problem: 404, there is none.
        """
        raise NotImplementedError

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a run end before its time.

        Raises:
            Problem: 404, there is none; 409, it has ended (``not-active``), or a job's it is (``of-a-job``).
        """
        raise NotImplementedError

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a failed job go on from where it was.

        Raises:
            Problem: 404; 409, it has not failed (``not-failed``), or another is active (``job-active``).
        """
        raise NotImplementedError

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Do again what a run was for; for jobs this is another run.

        Raises:
            Problem: 404; 409, it cannot be (``not-rerunnable``), or another is active (``job-active``).
        """
        raise NotImplementedError

    async def resync(self, start: datetime, end: datetime, operator: str) -> Run:
        """Push again all returns that changed between two dates.

        Raises:
            Problem: 409, a run is active (``run-active``).
        """
        raise NotImplementedError

    async def start_job(
        self, kind: JobKind, subject: Subject, operator: str, options: Mapping[str, Any] | None = None
    ) -> Run:
        """Begin an audit, a repair (``{"audit": id}``) or a re-index (``{"forced": True}``, if need be).

        Raises:
            Problem: 404, there is no such audit; 409, another job of the subject is active (``job-active``), or the
                audit is not done (``audit-not-done``); 422, the subject knows no such job.
        """
        raise NotImplementedError
