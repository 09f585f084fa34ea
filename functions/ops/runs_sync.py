"""Runs of the returns sync at the operators' desk."""

import logging
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from functions.ops.actions import Actions
from functions.ops.runs import (
    Run,
    RunId,
    RunKind,
    RunPage,
    RunStatus,
    is_run_id,
    no_run,
    not_active,
)
from shared import cursors
from shared.cursors import Moment
from shared.http import TRANSIENT
from shared.problems import Problem
from shared.return_sync.history import Phase, SyncHistory, SyncRun
from shared.return_sync.queues import RETURN_SYNC, SyncRecord
from shared.return_sync.runs import NewRun, SyncRuns
from shared.tasks import TaskQueues

_log = logging.getLogger(__name__)

_LIST = "runs/sync"
_STATUSES: dict[Phase, RunStatus] = {
    "started": "waiting",
    "running": "running",
    "done": "done",
    "cancelled": "cancelled",
    "taken over": "taken-over",
}
_position = TypeAdapter[tuple[datetime, str]](tuple[Moment, RunId])


@dataclass(frozen=True)
class SyncRunsDesk:
    """See :class:`functions.ops.runs.SyncDesk`."""

    runs: SyncRuns
    history: SyncHistory
    queues: TaskQueues
    actions: Actions

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Runs, the newest first: a read each and one more, and some for the active one."""
        after = cursors.decode(_LIST, cursor, _position) if cursor else None
        found = await self.history.page(limit + 1, after)
        page = found[:limit]
        more = len(found) > limit
        next_cursor = cursors.encode(_LIST, (page[-1].created_at, page[-1].id)) if more else None
        return RunPage([sync_run(run) for run in page], next_cursor)

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One run."""
        return sync_run(await self._existing(run_id))

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have the active run end; what it has not pushed, the next one does again."""
        async with self.actions.recorded(operator, "sync.cancel", run_id):
            run = await self._existing(run_id)
            if not run.is_active:
                raise not_active(_STATUSES[run.phase])
            if run.purpose == "reindex":
                detail = "The run keeps others off the index while it is built anew. Cancel that job instead."
                raise Problem(409, "of-a-job", detail)
            if not await self.runs.cancel(run.id):
                raise not_active(_STATUSES[(await self._existing(run_id)).phase])
        return sync_run(await self._existing(run_id))

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Refused: a run that died is taken over by the next one.

        Raises:
            Problem: 404; 409, ``not-failed``.
        """
        run = await self._existing(run_id)
        detail = f"The run is {run.phase}. What one leaves undone, the next one does."
        raise Problem(409, "not-failed", detail)

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Refused: dates are pushed again by a re-sync.

        Raises:
            Problem: 404; 409, ``not-rerunnable``.
        """
        await self._existing(run_id)
        detail = "To push again what changed between two dates, ask for a re-sync of them."
        raise Problem(409, "not-rerunnable", detail)

    async def resync(self, start: datetime, end: datetime, operator: str) -> Run:
        """Push again all returns that changed between two dates. A cron does it if the queue cannot be reached."""
        details = {"start_date": start.isoformat(), "end_date": end.isoformat()}
        async with self.actions.recorded(operator, "sync.resync", "returns", details) as act:
            new = NewRun(start, end, is_historic=True, purpose="resync", by=operator)
            record = await self.runs.start(new)
            if record is None:
                detail = "A run is active, or was cancelled a moment ago; try again when it has ended."
                raise Problem(409, "run-active", detail)
            act.outcome = f"done: {record.run_id}"
            await self._enqueue(record)
        return sync_run(await self._existing(record.run_id))

    async def _enqueue(self, record: SyncRecord) -> None:
        try:
            await self.queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")
        except TRANSIENT as error:
            # A run that has not begun is given out again by the next cron.
            _log.warning("sync.unpublished", extra={"run_id": record.run_id, "error": repr(error)})

    async def _existing(self, run_id: str) -> SyncRun:
        run = await self.history.get(run_id) if is_run_id(run_id) else None
        if run is None:
            raise no_run("sync", run_id)
        return run


def sync_run(run: SyncRun) -> Run:
    """A run of the sync as operators see it."""
    return Run(
        id=run.id,
        kind="sync",
        subject="returns",
        status=_STATUSES[run.phase],
        phase=run.phase,
        created_at=run.created_at,
        started_at=run.as_of,
        finished_at=run.finished_at,
        purpose=run.purpose,
        by=run.by,
        window=(run.start_date, run.end_date),
        done=sum(run.counts.values()),
        # How many returns are in a window is not known before they have been read.
        total=sum(run.counts.values()) if run.phase == "done" else None,
        counts=run.counts,
        batches=None if run.arrived is None else (run.arrived, run.batches),
        took_over=run.took_over or "",
        trace=run.trace,
    )
