"""Runs of the returns sync for those who look back at them: ``return_sync_runs``, the newest first."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from shared.return_sync.runs import RUNS, Purpose, SyncRuns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

Phase = Literal["started", "running", "done", "cancelled", "taken over"]


@dataclass(frozen=True)
class SyncRun:
    """A run as it was read.

    Args:
        as_of: when its window was fixed; None before.
        took_over: the run that had been left unfinished, and whose window this one does again.
        counts: what became of its returns, by name. Until it has ended, of the batches that are done.
        arrived: how many batches are done; None where it was not counted.
        batches: how many there are, once that is known.
    """

    id: str
    phase: Phase
    created_at: datetime
    is_historic: bool = False
    purpose: Purpose = "sync"
    by: str = ""
    start_date: datetime | None = None
    end_date: datetime | None = None
    as_of: datetime | None = None
    finished_at: datetime | None = None
    took_over: str | None = None
    trace: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    arrived: int | None = None
    batches: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it has not ended, as far as is known: it may be dead, and not be taken over yet."""
        return self.phase in ("started", "running")


class SyncHistory:
    """Reads runs."""

    def __init__(self, db: "AsyncClient", runs: SyncRuns) -> None:
        self._db = db
        self._runs = runs

    async def get(self, run_id: str) -> SyncRun | None:
        """One run: one read, and if it is active, one for each of its batches and two more."""
        run = _run(await self._db.collection(RUNS).document(run_id).get())
        return await self._progress(run) if run else None

    async def page(self, limit: int, after: tuple[datetime, str] | None = None) -> list[SyncRun]:
        """Runs, the newest first, behind ``(created_at, id)`` of one: a read each; of active ones as :meth:`get`."""
        query: Any = self._db.collection(RUNS).order_by("created_at", direction="DESCENDING")
        query = query.order_by("__name__", direction="DESCENDING").limit(limit)
        if after is not None:
            place = self._db.collection(RUNS).document(after[1])
            query = query.start_after({"created_at": after[0], "__name__": place})
        found = [run async for snapshot in query.stream() if (run := _run(snapshot))]
        return list(await asyncio.gather(*map(self._progress, found)))

    async def _progress(self, run: SyncRun) -> SyncRun:
        """An active run with what it has come to so far."""
        if not run.is_active:
            return run
        try:
            counts, latch = await asyncio.gather(self._runs.counts(run.id), self._runs.latch(run.id).state())
        except LookupError:
            # Dead for so long that its latch is not kept any more.
            return run
        return replace(run, counts=counts, arrived=latch.arrived, batches=latch.members)


def _run(snapshot: "DocumentSnapshot[Any]") -> SyncRun | None:
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known = {name: fields[name] for name in SyncRun.__dataclass_fields__ if name in fields}
    # All batches of a run that has ended have arrived, if it says how many there are.
    return SyncRun(**known | {"id": snapshot.id, "arrived": fields.get("batches")})
