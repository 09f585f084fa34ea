"""Runs: what becomes of a feed, from its first line to the last of its stores.

A run has one document of ``price_runs``, whose ``status`` moves from ``ingesting`` (its feed is being read) to
``running`` (its stores are being updated) to ``done``, or to ``partial`` if a store failed, was refused or did not
finish in time. ``refused`` is a feed that cannot be taken, ``failed`` one that nobody came to read to its end, and
``cancelled`` a run that somebody has ended before its time. Whatever is to happen to a run has a ``deadline`` in its
document, past which the sweeper looks into it.

All changes are single commits whose preconditions fail if somebody else was quicker (docs/decisions/0002).
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.latch import Latch

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

_log = logging.getLogger(__name__)

COLLECTION = "price_runs"

# Eventarc gives an event up after 24 hours: who has not read a feed to its end by then will never do.
INGESTED_WITHIN = timedelta(hours=25)
# Putting the tasks of a run on the queue takes seconds; later than this, whoever did it is dead.
ENQUEUED_WITHIN = timedelta(minutes=10)
# From planning to the last store. Its tasks are tried for 15 minutes (queue priceUpdates), after a wait for their turn.
FINISHED_WITHIN = timedelta(hours=2)
KEPT = timedelta(days=90)
# How often a commit is tried again at once after somebody else wrote first.
MAX_TURNS = 8
# What a commit answers when somebody else wrote first.
CONFLICTS = (Aborted, AlreadyExists, FailedPrecondition, NotFound)

RunStatus = Literal["ingesting", "running", "done", "partial", "refused", "failed", "cancelled"]


@dataclass(frozen=True)
class NewRun:
    """A feed of which a run is to be made.

    Args:
        id: 24 hexadecimal digits, of the object and its generation.
        feed: the object's name.
        stamp: orders feeds by their age, compared as text.
    """

    id: str
    retailer: str
    feed: str
    generation: int
    stamp: str


@dataclass(frozen=True)
class Counts:
    """How many lines a feed has, header and empty ones apart: ``lines`` are ``good`` or ``bad``."""

    lines: int
    good: int
    bad: int


@dataclass(frozen=True)
class Run:
    """A run as it was read.

    Args:
        report: the name of the object with the bad lines, if there are any.
        stores: how many stores the feed has lines of.
        series: how often stores of it were run anew.
        rerun_at: when the latest series began; ``None`` of the first.
        rerun_of: the one store that the latest series is about; ``None`` when it is about all of them.
        enqueued: whether all tasks of the latest series are sure to be on the queue.
        deadline: by when something is to have happened to it; ``None`` once nothing is.
        missing, failed: the stores that did not finish in time, and those that failed or were refused; the first 1,000.
        totals: what was done for all stores together, once the run has ended: see
            :class:`functions.prices.stores.Work`.
        reason: why it was refused or failed, for its retailer.
        update_time: for the precondition of a change to it.
    """

    id: str
    retailer: str
    feed: str
    generation: int
    stamp: str
    status: RunStatus
    created_at: datetime
    deadline: datetime | None
    ended_at: datetime | None = None
    lines: int = 0
    good: int = 0
    bad: int = 0
    report: str | None = None
    stores: int = 0
    series: int = 0
    rerun_at: datetime | None = None
    rerun_of: str | None = None
    enqueued: bool = False
    missing: Sequence[str] = ()
    failed: Sequence[str] = ()
    missing_count: int = 0
    failed_count: int = 0
    totals: Mapping[str, int] | None = None
    reason: str = ""
    update_time: Any = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to happen to it."""
        return self.status in ("ingesting", "running")


class Runs:
    """Reads and moves runs."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def document(self, run_id: str) -> Any:
        """The reference of a run's document."""
        return self._db.collection(COLLECTION).document(run_id)

    def latch(self, run_id: str, series: int) -> Latch:
        """The latch at which the stores of a series arrive."""
        return Latch(self._db, f"prices:{run_id}:{series}", self._clock)

    async def get(self, run_id: str) -> Run | None:
        """One run: one read."""
        return stored_run(await self.document(run_id).get())

    async def existing(self, run_id: str) -> Run:
        """One run that is sure to have been there: one read.

        Raises:
            PermanentError: it is not kept any more.
        """
        run = await self.get(run_id)
        if run is None:
            raise PermanentError(f"The run {run_id} is not kept any more.")
        return run

    async def begin(self, new: NewRun) -> Run:
        """The run of a feed, made now if there is none. A write and a read.

        Returns:
            The run as it is: whoever finds it ``ingesting`` goes on reading the feed; whoever finds it ``running`` and
            not ``enqueued`` enqueues its tasks (:meth:`functions.prices.planning.Planning.enqueue`); otherwise nothing
            is to do.
        """
        now = self._clock()
        fields = {
            "retailer": new.retailer,
            "feed": new.feed,
            "generation": new.generation,
            "stamp": new.stamp,
            "status": "ingesting",
            "created_at": now,
            "deadline": now + INGESTED_WITHIN,
            "expire_at": now + KEPT,
        }
        with suppress(AlreadyExists):
            await self.document(new.id).create(fields)
        return await self.existing(new.id)

    async def refuse(
        self, run: Run, reason: str, counts: Counts | None = None, report: str | None = None
    ) -> None:
        """End a run whose feed cannot be taken. Does nothing if it is not ``ingesting`` any more.

        Args:
            reason: why, in words for its retailer.

        Raises:
            TransientError: somebody else keeps writing the run.
        """
        fields = {"reason": reason, "report": report, **_counted(counts)}
        await self._end_ingesting(run, "refused", fields)

    async def give_up(self, run: Run) -> bool:
        """End a run whose feed nobody has read to its end; whether that was so.

        Raises:
            TransientError: as :meth:`refuse`.
        """
        reason = "The feed was not read to its end within a day. Send it again."
        return await self._end_ingesting(run, "failed", {"reason": reason})

    async def _end_ingesting(self, run: Run, status: RunStatus, fields: Mapping[str, Any]) -> bool:
        for _ in range(MAX_TURNS):
            now = await self.get(run.id)
            if now is None or now.status != "ingesting":
                return False
            ending = {"status": status, "ended_at": self._clock(), "deadline": None}
            if await self.change(now, {**fields, **ending}):
                note = {"run": run.id, "status": status, "reason": fields["reason"]}
                _log.warning("prices.run_ended", extra=note)
                return True
        raise TransientError("Somebody else keeps writing the run.")

    async def start_series(self, run: Run, fields: Mapping[str, Any], members: int) -> bool:
        """Make a run ``running``, its tasks still to be enqueued; ``False`` if it is not as it was read any more.

        Args:
            fields: what else is to change; ``series`` among it, if it is to be another one than it is.
            members: how many stores the series is about.
        """
        now = self._clock()
        batch = self._db.batch()
        latch = self.latch(run.id, fields.get("series", run.series))
        latch.open(batch, now + FINISHED_WITHIN, members)
        started = {"status": "running", "enqueued": False, "deadline": now + ENQUEUED_WITHIN}
        self.write_change(batch, run, {**fields, **started})
        try:
            await batch.commit()
        except CONFLICTS:
            return False
        return True

    async def change(self, run: Run, fields: Mapping[str, Any]) -> bool:
        """Change some fields of a run; ``False`` if it is not as it was read any more."""
        batch = self._db.batch()
        self.write_change(batch, run, fields)
        try:
            await batch.commit()
        except CONFLICTS:
            return False
        return True

    def write_change(self, batch: "AsyncWriteBatch", run: Run, fields: Mapping[str, Any]) -> None:
        """The same in a commit of the caller's, which fails if the run is not as it was read any more."""
        unchanged = self._db.write_option(last_update_time=run.update_time)
        batch.update(self.document(run.id), dict(fields), option=unchanged)

    async def overdue(self, status: RunStatus, now: datetime, limit: int) -> list[Run]:
        """Runs of a status whose deadline has passed, the most overdue first: a read each."""
        from google.cloud.firestore import FieldFilter

        found = (
            self._db.collection(COLLECTION)
            .where(filter=FieldFilter("status", "==", status))
            .where(filter=FieldFilter("deadline", "<", now))
            .order_by("deadline")
            .limit(limit)
        )
        return [run async for snapshot in found.stream() if (run := stored_run(snapshot))]


def _counted(counts: Counts | None) -> dict[str, int]:
    return {"lines": counts.lines, "good": counts.good, "bad": counts.bad} if counts else {}


def stored_run(snapshot: "DocumentSnapshot[Any]") -> Run | None:
    """The run in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known = {name: fields[name] for name in Run.__dataclass_fields__ if name in fields}
    return Run(**known | {"id": snapshot.id, "update_time": snapshot.update_time})
