"""How far the search index is behind the warehouse, by what the returns sync says of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from functions.ops.health import FRESHNESS, Check
from functions.ops.spans import spoken
from shared.clock import Clock
from shared.return_sync.runs import IDLE, OVERLAP, RUNS, State, SyncRuns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# A run begins every 15 minutes. One that died is taken over 25 minutes later at most, and may take its time.
LATE = timedelta(minutes=45)
# The newest runs: the active one, and the last that ended.
_RUNS_READ = 3


@dataclass(frozen=True)
class PastRun:
    """What the health of the sync is judged by, of a run."""

    id: str
    phase: str
    purpose: str


@dataclass(frozen=True)
class SyncView:
    """The sync as it was read; ``began_at`` is the start of the active run's window, and None the beginning of time."""

    state: State | None
    began_at: datetime | None = None
    runs: Sequence[PastRun] = ()


def watermark(sync: SyncView) -> datetime | None:
    """Up to when all changes are in the index for sure; None if no run has ended yet."""
    state = sync.state
    if state is None or state.status == IDLE or state.is_historic:
        return state.end_date if state else None
    # An ordinary run begins before the end of the one before it, by the overlap.
    return sync.began_at + OVERLAP if sync.began_at else None


def judged_freshness(sync: SyncView, now: datetime) -> Check:
    """Whether what changed is found soon enough; the value is the lag in seconds."""
    mark = watermark(sync)
    if mark is None:
        waiting = now - sync.state.created_at if sync.state else timedelta(0)
        if waiting > LATE:
            return _late(f"The first run of the sync has not ended for {spoken(waiting)}.", None)
        return Check(FRESHNESS, "ok", "Nothing has been synced yet.")
    lag = max(now - mark, timedelta(0))
    detail = f"The index is {spoken(lag)} behind."
    return (
        _late(detail, lag.total_seconds())
        if lag > LATE
        else Check(FRESHNESS, "ok", detail, lag.total_seconds())
    )


def _late(detail: str, value: float | None) -> Check:
    advice = "See how the last runs ended, and whether returnsUpdateCron or a queue of the sync is paused."
    return Check(FRESHNESS, "degraded", detail, value, advice)


def judged_sync(sync: SyncView, now: datetime) -> Check:
    """Whether runs of the sync come to their end."""
    state = sync.state
    ended = next((run for run in sync.runs if run.phase not in ("started", "running")), None)
    if state is not None and state.status != IDLE:
        if not state.alive(now):
            return _stuck(f"The sync's run {state.run_id} shows no sign of life.")
        if ended and ended.phase == "taken over" and ended.purpose != "reindex":
            return _stuck(f"The sync's run {ended.id} died; {state.run_id} has taken over.")
    if ended is None:
        return Check("sync", "ok", "No run of the sync has ended yet.")
    return Check("sync", "ok", f"The last run of the sync: {ended.phase}.")


def _stuck(detail: str) -> Check:
    return Check(
        "sync", "degraded", detail, advice="The cron of the next quarter of an hour goes on with it."
    )


class Freshness:
    """Reads how far the sync is."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._runs = SyncRuns(db, clock)

    async def read(self) -> SyncView:
        """The sync's state, and the newest runs: five reads at most."""
        state = await self._runs.newest()
        if state is None:
            return SyncView(None)
        began_at = None
        if state.status != IDLE and not state.is_historic:
            run = await self._db.collection(RUNS).document(state.run_id).get(["start_date"])
            began_at = (run.to_dict() or {}).get("start_date")
        query = self._db.collection(RUNS).order_by("created_at", direction="DESCENDING").limit(_RUNS_READ)
        fields = [
            (snapshot.id, snapshot.to_dict() or {})
            async for snapshot in query.select(["phase", "purpose"]).stream()
        ]
        runs = [PastRun(name, each["phase"], each.get("purpose", "sync")) for name, each in fields]
        return SyncView(state, began_at, runs)

    async def checks(self) -> list[Check]:
        """How far the index is behind, and how runs end."""
        view, now = await self.read(), self._clock()
        return [judged_freshness(view, now), judged_sync(view, now)]
