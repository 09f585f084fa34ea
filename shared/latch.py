"""A countdown latch in Firestore: many members arrive, in any order and more than once; one release follows.

A shared counter would be wrong under at-least-once delivery (a duplicate counts twice) and slow (every
arrival writes one document). Here each member has a document of its own, and a count query, billed as one
read per thousand, says when all have arrived. Arrivals and the release are writes that the caller adds to a
batch of its own, so that what a member did and that it arrived commit together or not at all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.clock import Clock, utc_now

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch

COLLECTION = "latches"
ARRIVALS = "arrivals"
# How long a latch and its arrivals are kept for whoever looks into a run afterwards.
_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class LatchState:
    """A latch as it was read.

    Args:
        members: how many there are, once that is known; the members are then ``0 … members - 1``.
        arrived: how many of them have arrived.
    """

    members: int | None
    arrived: int
    released: bool
    deadline: datetime
    update_time: object

    @property
    def complete(self) -> bool:
        """Whether all members have arrived."""
        return self.members is not None and self.arrived >= self.members

    def overdue(self, now: datetime) -> bool:
        """Whether the deadline has passed with members missing."""
        return not self.complete and now > self.deadline


class Latch:
    """One latch, by its id. Members are numbered from 0 and may arrive before their number is known."""

    def __init__(self, db: "AsyncClient", latch_id: str, clock: Clock = utc_now) -> None:
        self._db = db
        self._document: AsyncDocumentReference = db.collection(COLLECTION).document(latch_id)
        self._clock = clock

    def open(self, batch: "AsyncWriteBatch", deadline: datetime, members: int | None = None) -> None:
        """Create the latch in ``batch``, which fails with ``AlreadyExists`` if it is there.

        Args:
            members: how many there are; if that is not known yet, :meth:`seal` says it later.
        """
        expiry = self._clock() + _KEPT
        batch.create(
            self._document,
            {"members": members, "released": False, "deadline": deadline, "expire_at": expiry},
        )

    async def seal(self, members: int) -> None:
        """Say how many members there are. Sealing again with the same number changes nothing.

        Raises:
            ValueError: it was sealed with another number.
            FailedPrecondition: somebody else wrote the latch meanwhile.
        """
        snapshot = await self._document.get(["members"])
        known = snapshot.get("members")
        if known == members:
            return
        if known is not None:
            raise ValueError(f"The latch has {known} members already, not {members}.")
        unchanged = self._db.write_option(last_update_time=snapshot.update_time)
        await self._document.update({"members": members}, option=unchanged)

    def arrive(self, batch: "AsyncWriteBatch", member: int) -> None:
        """Count ``member`` as arrived when ``batch`` commits. Arriving again changes nothing."""
        arrival = self._document.collection(ARRIVALS).document(str(member))
        batch.set(arrival, {"arrived_at": self._clock(), "expire_at": self._clock() + _KEPT})

    async def state(self) -> LatchState:
        """Read the latch: two reads, and one more for each thousand arrivals.

        Raises:
            LookupError: there is no such latch.
        """
        snapshot = await self._document.get()
        if not snapshot.exists:
            raise LookupError(f"There is no latch {self._document.id}.")
        counted = await self._document.collection(ARRIVALS).count().get()
        return LatchState(
            members=snapshot.get("members"),
            arrived=int(counted[0][0].value),
            released=snapshot.get("released"),
            deadline=snapshot.get("deadline"),
            update_time=snapshot.update_time,
        )

    def release(self, batch: "AsyncWriteBatch", seen: LatchState) -> None:
        """Release the latch in ``batch``, which fails with ``FailedPrecondition`` if it changed meanwhile.

        So of all who find the latch complete one commits, along with what the release is for.

        Raises:
            ValueError: the latch was not complete, or released already.
        """
        if seen.released or not seen.complete:
            raise ValueError("only a complete latch can be released, and once")
        unchanged = self._db.write_option(last_update_time=seen.update_time)
        batch.update(self._document, {"released": True}, option=unchanged)
