"""One lane for each product: whoever holds it may send, so that two versions are never under way at once.

Not every supply-chain API compares versions, and none sees the order in which requests left us. So a version is sent
only by the holder of the product's lane, only while the holding lasts longer than a request can take, and only above
every version sent before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from functions.supply_chain.upstream import REQUEST_SECONDS
from shared.clock import Clock
from shared.errors import TransientError
from shared.outbox import KEPT, LANES, Outbox, StoredEvent, attempted, ended, failed

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch, DocumentSnapshot

# The request, asking what the API has, and what it may still do with a request that we have given up. Shorter than
# the queue's first pause, so that an attempt that was killed does not cost the next one too.
HELD = timedelta(seconds=25)
_SENDING = timedelta(seconds=REQUEST_SECONDS)


@dataclass(frozen=True)
class Lane:
    """What is known of a product's deliveries.

    Args:
        claimed_until: until when a version may be under way.
        not_before: until when the API wants to be left alone.
        sent_version: the newest version that was ever sent.
        update_time: None where there is no document yet.
    """

    claimed_until: datetime | None = None
    not_before: datetime | None = None
    sent_version: int = 0
    update_time: Any = None


def stored_lane(snapshot: "DocumentSnapshot[Any]") -> Lane:
    """The lane in a document, or that of a product of which nothing was sent."""
    fields = snapshot.to_dict()
    if fields is None:
        return Lane()
    return Lane(
        claimed_until=fields.get("claimed_until"),
        not_before=fields.get("not_before"),
        sent_version=fields.get("sent_version", 0),
        update_time=snapshot.update_time,
    )


@dataclass(frozen=True)
class Held:
    """A lane that is held for ``event``, both as the claim has left them."""

    event: StoredEvent
    until: datetime
    update_time: Any

    def outlasts_a_request(self, now: datetime) -> bool:
        """Whether a request that begins now ends while the lane is held."""
        return now + _SENDING < self.until


class ContendedError(TransientError):
    """Somebody else has changed the lane or the event since they were read."""


class Lanes:
    """The ``supply_chain`` collection. What happens to a lane and to the event in it commits together."""

    def __init__(self, db: "AsyncClient", outbox: Outbox, clock: Clock) -> None:
        self._db = db
        self._outbox = outbox
        self._clock = clock

    def document(self, product_id: str) -> "AsyncDocumentReference":
        """The reference of a lane's document."""
        return self._db.collection(LANES).document(product_id)

    async def claim(self, event: StoredEvent, lane: Lane, attempt: int) -> Held:
        """Hold the lane for one attempt at an event.

        Raises:
            ContendedError: somebody else was faster; look again.
        """
        now = self._clock()
        until = now + HELD
        batch = self._db.batch()
        if lane.update_time is None:
            batch.create(self.document(event.product_id), _EMPTY | _claimed(event, until))
        else:
            unchanged = self._db.write_option(last_update_time=lane.update_time)
            batch.update(self.document(event.product_id), _claimed(event, until), option=unchanged)
        self._outbox.write_change(batch, event, attempted(attempt, now))
        lane_result, event_result = await _commit(batch)
        return Held(replace(event, update_time=event_result.update_time), until, lane_result.update_time)

    async def settle(self, held: Held) -> None:
        """Note that the API has the event's version.

        Raises:
            TransientError: the lane is not held any more; another attempt will see what is so.
        """
        event, now = held.event, self._clock()
        synced = {
            "claimed_until": None,
            "not_before": None,
            "synced_version": event.version,
            "synced_at": now,
            # Taken back from a product that was deleted and is there again: its lane is kept as long as it lives.
            "expire_at": now + KEPT if event.type == "product:deleted" else None,
        }
        await self._change(held, synced, ended("synced", now))

    async def release(self, held: Held, error: str, not_before: datetime | None = None) -> None:
        """Let others pass, since this attempt has failed.

        Raises:
            TransientError: as :meth:`settle`.
        """
        await self._change(held, {"claimed_until": None, "not_before": not_before}, failed(error))

    async def _change(self, held: Held, lane: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        batch = self._db.batch()
        unchanged = self._db.write_option(last_update_time=held.update_time)
        batch.update(self.document(held.event.product_id), dict(lane), option=unchanged)
        self._outbox.write_change(batch, held.event, event)
        await _commit(batch)


_EMPTY: dict[str, Any] = {"not_before": None, "synced_version": None, "synced_at": None, "expire_at": None}


def _claimed(event: StoredEvent, until: datetime) -> dict[str, Any]:
    return {"claimed_until": until, "sent_version": event.version}


async def _commit(batch: "AsyncWriteBatch") -> Any:
    try:
        return await batch.commit()
    except (AlreadyExists, FailedPrecondition, NotFound, Aborted) as error:
        raise ContendedError("Another attempt is at work on this product.") from error
