"""Runs of the returns sync: which one is active, what it covers, and how the watermark moves.

One record in ``order_return_algolia_sync`` is both lock and watermark. Its ``status`` is 0 (idle), 1 (started by
the cron) or 2 (being worked on); ``start_date`` and ``end_date`` are the window of the latest ordinary run, so with
status 0 everything up to ``end_date`` is in the index, and otherwise only what lies before ``start_date`` is sure to
be. A lease says until when the run may be believed alive; one that is cancelled leaves it to its pushes that are under
way, and no other begins before it has lapsed. Each run has a document of its own in ``return_sync_runs``. All changes
are single commits whose preconditions fail if somebody else was quicker.
"""

import logging
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore_v1.base_query import FieldFilter

from shared import trace
from shared.clock import Clock
from shared.errors import TransientError
from shared.latch import Latch, LatchState
from shared.return_sync.queues import SyncRecord
from shared.return_sync.walk import Window

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

_log = logging.getLogger(__name__)

STATE = "order_return_algolia_sync"
RUNS = "return_sync_runs"
BATCHES = "return_sync_batches"
JOB_TYPE = "RETURN_JOB"
IDLE, STARTED, RUNNING = 0, 1, 2

# A run reaches back over the end of the one before it.
OVERLAP = timedelta(minutes=30)
# A run that shows no sign of life for this long is taken over by the next cron. Longer than the longest pause
# between two attempts at a batch (queue returnSyncProcessing: max_backoff 120 s and the attempt itself).
LEASE = timedelta(minutes=10)
# For how long whoever works on a batch may push it (functions/returns/batches.py).
CLAIM = timedelta(seconds=60)
_RUN_KEPT = timedelta(days=90)
# How often a commit is tried again at once after somebody else wrote first.
_MAX_TURNS = 5
# What a commit answers when somebody else wrote first.
CONFLICTS = (Aborted, AlreadyExists, FailedPrecondition, NotFound)


@dataclass(frozen=True)
class State:
    """The sync-state record, as read. ``update_time`` and ``read_time`` are the database's."""

    record_id: str
    created_at: datetime
    read_time: datetime
    update_time: Any = None
    status: int = IDLE
    start_date: datetime | None = None
    end_date: datetime | None = None
    run_id: str = ""
    is_historic: bool = False
    purpose: str = ""
    lease_expires_at: datetime | None = None

    def alive(self, now: datetime) -> bool:
        """Whether a run may still be working: the active one, or one that was cancelled a moment ago."""
        return self.lease_expires_at is not None and self.lease_expires_at > now

    @property
    def watermark(self) -> datetime | None:
        """Up to when everything is sure to be in the index; ``None`` is the beginning of time."""
        return self.end_date if self.status == IDLE else self.start_date

    def record(self) -> SyncRecord:
        """The record as it goes on the queue."""
        return SyncRecord(
            record_id=self.record_id,
            job_type=JOB_TYPE,
            status=self.status,
            start_date=self.start_date,
            end_date=self.end_date,
            created_at=self.created_at,
            run_id=self.run_id,
            is_historic=self.is_historic,
        )

    def next_start(self) -> datetime | None:
        """Where the next ordinary run begins; ``None`` is the beginning of time."""
        if self.status != IDLE:
            # A run was left unfinished. Its window, or the one before it, is done again from its beginning.
            return self.start_date
        return self.end_date - OVERLAP if self.end_date else None


# What a run is for: what changed, what changed between two dates once more, what a repair has touched, or only to keep
# others from writing the index while another takes its place.
Purpose = Literal["sync", "resync", "repair", "reindex"]


@dataclass(frozen=True)
class NewRun:
    """A run to be started: on whose initiative, and with which dates if they are given."""

    start: datetime | None = None
    end: datetime | None = None
    is_historic: bool = False
    purpose: Purpose = "sync"
    by: str = ""

    @property
    def is_lock(self) -> bool:
        """Whether it has no tasks of its own, so that nobody may plan it."""
        return self.purpose == "reindex"


class Superseded(Exception):
    """The run is no longer the active one; its tasks have nothing left to do."""


class SyncRuns:
    """Reads and moves the sync state."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def latch(self, run_id: str) -> Latch:
        """The latch at which the batches of a run arrive."""
        return Latch(self._db, run_id, self._clock)

    async def newest(self) -> State | None:
        """The newest record of the job, or ``None`` before the first run."""
        query = (
            self._db.collection(STATE)
            .where(filter=FieldFilter("job_type", "==", JOB_TYPE))
            .order_by("created_at", direction="DESCENDING")
            .limit(1)
        )
        found = [_state(snapshot) async for snapshot in query.stream()]
        return found[0] if found else None

    async def start(self, new: NewRun) -> SyncRecord | None:
        """Make a run the active one, unless another is.

        Of any number of callers at once, one wins.

        Returns:
            The record to enqueue, or ``None`` when a run is active already. A run that was started but has not begun is
            given out again, in case whoever started it died before enqueuing it.
        """
        now = self._clock()
        state = await self.newest()
        if state is not None and new.is_historic and state.status != IDLE:
            # A historic run ends with the record's dates as they were, so it must not take over an ordinary
            # run that left its window unfinished: the next cron does.
            return None
        if state is not None and state.alive(now):
            return state.record() if state.status == STARTED else None
        run_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        batch = self._db.batch()
        record = self._claim(batch, state, run_id, new)
        start = new.start if new.is_historic or state is None else state.next_start()
        self._describe(batch, run_id, replace(new, start=start), state)
        try:
            await batch.commit()
        except CONFLICTS:
            # Ours all the same if only the answer to the commit was lost, and the client sent it again.
            latest = await self.newest()
            if latest is None or latest.run_id != run_id:
                return None
        return record

    def _claim(self, batch: "AsyncWriteBatch", state: State | None, run_id: str, new: NewRun) -> SyncRecord:
        now = self._clock()
        # One that has started and not begun is handed on to be planned.
        status = RUNNING if new.is_lock else STARTED
        claim = {
            "status": status,
            "run_id": run_id,
            "is_historic": new.is_historic,
            "purpose": new.purpose,
            "lease_expires_at": now + LEASE,
            "updated_at": now,
        }
        if state is None:
            # A fixed id, so that two first crons collide.
            document = self._db.collection(STATE).document(JOB_TYPE)
            dates = {"start_date": None, "end_date": None, "created_at": now}
            batch.create(document, claim | dates | {"job_type": JOB_TYPE})
            state = State(record_id=document.id, created_at=now, read_time=now)
        else:
            self._update(batch, state, claim)
        return replace(state, status=status, run_id=run_id, is_historic=new.is_historic).record()

    def _describe(self, batch: "AsyncWriteBatch", run_id: str, new: NewRun, before: State | None) -> None:
        now = self._clock()
        took_over = before.run_id if before and before.status != IDLE else None
        if before and took_over:
            left = self._run(took_over)
            batch.set(left, {"phase": "taken over", "finished_at": now}, merge=True)
            say_dead(before)
        batch.create(
            self._run(run_id),
            {
                "phase": "running" if new.is_lock else "started",
                "is_historic": new.is_historic,
                "purpose": new.purpose,
                "by": new.by,
                "start_date": new.start,
                "end_date": new.end,
                "as_of": None,
                "watermark": before.watermark if before else None,
                "took_over": took_over,
                "trace": trace.current(),
                "created_at": now,
                "expire_at": now + _RUN_KEPT,
            },
        )
        self.latch(run_id).open(batch, deadline=now + timedelta(days=1))

    async def current(self, record_id: str, run_id: str) -> State:
        """The state, as long as ``run_id`` is the active run.

        Raises:
            Superseded: it ended, or another run took over.
        """
        state = _state(await self._db.collection(STATE).document(record_id).get())
        if state.run_id != run_id or state.status == IDLE:
            raise Superseded(run_id)
        return state

    async def keep_alive(self, record_id: str, run_id: str, at_least: timedelta) -> State:
        """The state, with the lease renewed if it would end before ``at_least`` from now.

        Raises:
            Superseded: the run is no longer the active one.
            TransientError: the record is being written by many; try again.
        """
        for _ in range(_MAX_TURNS):
            state = await self.current(record_id, run_id)
            now = self._clock()
            if state.lease_expires_at and state.lease_expires_at >= now + at_least:
                return state
            batch = self._db.batch()
            self._update(batch, state, {"lease_expires_at": now + LEASE, "updated_at": now})
            try:
                await batch.commit()
            except CONFLICTS:
                continue
        raise TransientError("The sync record is contended.")

    async def begin(self, record: SyncRecord) -> Window:
        """Fix the run's window at its first page, and its status at 2; later pages find it as it was.

        The end is the database's own time of reading, so that no clock but the one that stamps ``updated_at`` has
        a say in what lies inside the window.
        """
        state = await self.keep_alive(record.record_id, record.run_id, at_least=LEASE / 2)
        run = self._run(record.run_id)
        fields = (await run.get()).to_dict() or {}
        window = Window(
            start=fields["start_date"],
            # Never in the future: what changes while the run is on belongs to the next one.
            end=min(fields["end_date"] or state.read_time, state.read_time),
            as_of=fields["as_of"] or state.read_time,
            is_historic=fields["is_historic"],
        )
        if state.status == RUNNING:
            return window
        now = self._clock()
        moved: dict[str, Any] = {"status": RUNNING, "lease_expires_at": now + LEASE, "updated_at": now}
        if not window.is_historic:
            moved |= {"start_date": window.start, "end_date": window.end}
        batch = self._db.batch()
        self._update(batch, state, moved)
        batch.update(run, {"phase": "running", "end_date": window.end, "as_of": window.as_of})
        try:
            await batch.commit()
        except CONFLICTS as error:
            raise TransientError("Another delivery of this task was quicker.") from error
        return window

    async def seal(self, run_id: str, batches: int) -> None:
        """Say how many batches the run has.

        Raises:
            TransientError: another delivery of the last page did so at the same moment.
        """
        try:
            await self.latch(run_id).seal(batches)
        except CONFLICTS as error:
            raise TransientError("The run's latch is contended.") from error

    async def finish(self, record_id: str, run_id: str) -> bool:
        """End the run if all of its batches have arrived: latch, record and run in one commit.

        Returns:
            Whether this call ended it.

        Raises:
            Superseded: it has ended, or another run took over.
            TransientError: others kept writing meanwhile; try again.
        """
        for _ in range(_MAX_TURNS):
            state = await self.current(record_id, run_id)
            seen = await self.latch(run_id).state()
            if seen.released:
                raise Superseded(run_id)
            if not seen.complete:
                return False
            try:
                await self._end(state, seen)
            except CONFLICTS:
                # The last arrivals race to end the run; who lost finds it ended.
                continue
            return True
        raise TransientError("The sync record is contended.")

    async def _end(self, state: State, seen: LatchState) -> None:
        counts = await self.counts(state.run_id)
        now = self._clock()
        batch = self._db.batch()
        self.latch(state.run_id).release(batch, seen)
        self._update(batch, state, {"status": IDLE, "lease_expires_at": None, "updated_at": now})
        run = self._run(state.run_id)
        batch.update(run, {"phase": "done", "finished_at": now, "counts": counts, "batches": seen.members})
        await batch.commit()
        ended = {"run_id": state.run_id, "batches": seen.members, "lag_seconds": _lag(state, now), **counts}
        _log.info("sync.finished", extra=ended)

    async def cancel(self, run_id: str) -> bool:
        """End the active run before its time: the next one begins where this one began.

        Tasks of it that come later find that it is over. A push that is under way may still end, so the lease goes on
        for as long as one can take.

        Returns:
            Whether it is cancelled; ``False`` when it had ended before, or is not the active one.

        Raises:
            TransientError: others kept writing meanwhile; try again.
        """
        for _ in range(_MAX_TURNS):
            state = await self.newest()
            if state is None or state.run_id != run_id or state.status == IDLE:
                # Cancelled all the same if only the answer to the commit was lost.
                fields = (await self._run(run_id).get()).to_dict() or {}
                return fields.get("phase") == "cancelled"
            try:
                await self._cancel(state)
            except CONFLICTS:
                continue
            return True
        raise TransientError("The sync record is contended.")

    async def _cancel(self, state: State) -> None:
        run = self._run(state.run_id)
        fields = (await run.get()).to_dict() or {}
        now, lease = self._clock(), state.lease_expires_at
        # Twice, as clocks may differ: a claim is taken only while the lease outlasts two of them.
        resting = min(lease, now + 2 * CLAIM) if lease else None
        ended: dict[str, Any] = {"status": IDLE, "lease_expires_at": resting, "updated_at": now}
        if not state.is_historic:
            # What was so before it began. One that began before this was noted has at least a start.
            ended["end_date"] = fields.get("watermark", state.start_date)
        counts = await self.counts(state.run_id)
        batch = self._db.batch()
        self._update(batch, state, ended)
        batch.set(run, {"phase": "cancelled", "finished_at": now, "counts": counts}, merge=True)
        await batch.commit()
        _log.warning("sync.cancelled", extra={"run_id": state.run_id, **counts})

    async def counts(self, run_id: str) -> dict[str, int]:
        """What the run's batches did, added up: one read a batch."""
        total: Counter[str] = Counter()
        batches = (
            self._db.collection(BATCHES).where(filter=FieldFilter("run_id", "==", run_id)).select(["counts"])
        )
        async for snapshot in batches.stream():
            total.update(snapshot.get("counts"))
        return dict(total)

    def _run(self, run_id: str) -> Any:
        return self._db.collection(RUNS).document(run_id)

    def _update(self, batch: "AsyncWriteBatch", state: State, fields: dict[str, Any]) -> None:
        unchanged = self._db.write_option(last_update_time=state.update_time)
        batch.update(self._db.collection(STATE).document(state.record_id), fields, option=unchanged)


def say_dead(state: State) -> None:
    """Log that a run has died and another takes its place: at ERROR if something is lost with it.

    An ordinary run's window is done again, and a lock has none; a re-sync has to be asked for again.
    """
    lost = state.is_historic and state.purpose != "reindex"
    _log.log(logging.ERROR if lost else logging.WARNING, "sync.taken_over", extra={"run_id": state.run_id})


def _lag(state: State, now: datetime) -> float | None:
    """For how long the first change that a run covers may have waited, in seconds; None if nobody can say."""
    if state.is_historic or state.start_date is None:
        return None
    return (now - state.start_date - OVERLAP).total_seconds()


def _state(snapshot: "DocumentSnapshot[Any]") -> State:
    """A record as read; one written by hand needs a status and ``created_at`` only."""
    fields = snapshot.to_dict() or {}
    return State(
        record_id=snapshot.id,
        status=fields.get("status", IDLE),
        start_date=fields.get("start_date"),
        end_date=fields.get("end_date"),
        created_at=fields["created_at"],
        run_id=fields.get("run_id", ""),
        is_historic=fields.get("is_historic", False),
        purpose=fields.get("purpose", ""),
        lease_expires_at=fields.get("lease_expires_at"),
        update_time=snapshot.update_time,
        read_time=snapshot.read_time,
    )
