"""The batches of a run: who may push one at the moment, what was pushed, and that it is done.

Two deliveries of one task can run at the same time, and one can wake up long after its run has ended. A push that
came late could put an old record over a new one, since Algolia knows no preconditions. So a push needs a *claim*: a
short lease on the batch, inside the run's own lease, that ends only after any request begun under it has ended or
timed out. Whoever finds a live claim comes back later; whoever loses one stops before it pushes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from google.cloud.firestore import SERVER_TIMESTAMP
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.clock import Clock
from shared.errors import TransientError
from shared.return_sync.queues import BatchTask
from shared.return_sync.runs import BATCHES, CLAIM, CONFLICTS, SyncRuns
from shared.return_sync.walk import Position, cursor, window_query

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncQuery, AsyncWriteBatch

# The longest that one push can take: four hosts (as many as the client tries), each with 2 s to connect and
# shared.clients.ALGOLIA_WRITE_TIMEOUT_MS to answer, and something to spare.
PUSH_TIME = timedelta(seconds=42)
# Further than any overlap reaches back.
_KEPT = timedelta(days=2)

# What was pushed of each return: its fingerprint by its id.
Manifest = dict[str, str]


class Batch:
    """One batch of a run, seen from one delivery of its task."""

    def __init__(self, db: "AsyncClient", runs: SyncRuns, task: BatchTask, clock: Clock) -> None:
        self._db = db
        self._runs = runs
        self._task = task
        self._clock = clock
        self._document = db.collection(BATCHES).document(f"{task.run_id}-{task.number}")
        # When the document was last written, as far as this delivery knows; None where there is none.
        self._version: Any = None
        self._held_until: datetime | None = None

    async def is_done(self) -> bool:
        """Whether some delivery has pushed the batch and said so.

        Raises:
            TransientError: another delivery is at it, or was when it died.
        """
        snapshot = await self._document.get()
        fields = snapshot.to_dict()
        if fields is None:
            return False
        if not fields["done"] and fields["claimed_until"] > self._clock():
            raise TransientError("Another delivery of this batch is at work.")
        self._version = snapshot.update_time
        return bool(fields["done"])

    def returns(self) -> "AsyncQuery":
        """The batch's returns, as they are now; one that changed since the run began has moved on."""
        task = self._task
        query = window_query(self._db, task.walk, task.window)
        if task.after:
            query = query.start_after(cursor(self._db, task.walk, task.after))
        return query.end_at(cursor(self._db, task.walk, task.upto))

    async def pushed_before(self) -> Manifest:
        """What earlier runs pushed of the stretch that this batch covers; a return's latest push counts."""
        overlapping = (
            self._db.collection(BATCHES)
            .where(filter=FieldFilter("walk", "==", self._task.walk))
            .where(filter=FieldFilter("last", ">", self._first()))
            .where(filter=FieldFilter("first", "<", _place(self._task.upto)))
            .order_by("last")
            .order_by("first")
            .select(["manifest", "pushed_at"])
        )
        found = [snapshot.to_dict() or {} async for snapshot in overlapping.stream()]
        merged: Manifest = {}
        for fields in sorted(found, key=itemgetter("pushed_at")):
            merged |= orjson.loads(fields["manifest"])
        return merged

    def _first(self) -> str:
        """The place after which the batch begins."""
        return _place(self._task.after or Position(at=self._task.window.first, return_id=""))

    async def hold(self) -> None:
        """Take the claim, or keep it, for at least one push from now.

        Raises:
            TransientError: another delivery was quicker.
            Superseded: the run is no longer the active one.
        """
        if self._holds_for_a_push():
            return
        until = self._clock() + CLAIM
        # The run's lease outlives the claim, so no other run begins before the last push of this one is over.
        await self._runs.keep_alive(self._task.record_id, self._task.run_id, at_least=2 * CLAIM)
        batch = self._db.batch()
        self._put(batch, {"done": False, "claimed_until": until, "expire_at": self._clock() + _KEPT})
        await self._commit(batch)
        self._held_until = until
        if not self._holds_for_a_push():
            raise TransientError("Taking the claim took longer than it lasts.")

    def _holds_for_a_push(self) -> bool:
        return self._held_until is not None and self._clock() + PUSH_TIME <= self._held_until

    async def settle(self, manifest: Manifest, counts: Mapping[str, int]) -> None:
        """Say that the batch is done: its manifest and its arrival at the run's latch, in one commit.

        Raises:
            TransientError: another delivery was quicker.
        """
        batch = self._db.batch()
        self._put(
            batch,
            {
                "done": True,
                "claimed_until": None,
                "run_id": self._task.run_id,
                "walk": self._task.walk,
                "first": self._first(),
                "last": _place(self._task.upto),
                "manifest": orjson.dumps(manifest),
                "counts": dict(counts),
                "pushed_at": SERVER_TIMESTAMP,
                "expire_at": self._clock() + _KEPT,
            },
        )
        self._runs.latch(self._task.run_id).arrive(batch, self._task.number)
        await self._commit(batch)

    def _put(self, batch: "AsyncWriteBatch", fields: dict[str, Any]) -> None:
        """Write the document if nobody else has since this delivery read or wrote it."""
        if self._version is None:
            batch.create(self._document, fields)
        else:
            unchanged = self._db.write_option(last_update_time=self._version)
            batch.update(self._document, fields, option=unchanged)

    async def _commit(self, batch: "AsyncWriteBatch") -> None:
        try:
            results = await batch.commit()
        except CONFLICTS as error:
            raise TransientError("Another delivery of this batch was quicker.") from error
        self._version = results[0].update_time


def _place(position: Position) -> str:
    """A position as text in the order of the walk, so that stretches of equal times are told apart by their ids."""
    return f"{position.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}/{position.return_id}"
