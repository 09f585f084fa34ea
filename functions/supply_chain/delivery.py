"""Delivering one event of the catalog: the product's version goes to the supply-chain API, unless a newer one will.

Tasks come late, twice and out of order, and die at any line. Each sends its own version or none: an event that a newer
one has overtaken settles as superseded, so a product's versions arrive in order or not at all.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from functions.supply_chain.lanes import ContendedError, Held, Lane, Lanes, stored_lane
from functions.supply_chain.upstream import SupplyChainApi, UnknownOutcomeError
from shared.clock import Clock
from shared.errors import PermanentError, RetryAfterError, TransientError
from shared.money import decimal_string
from shared.outbox import Outbox, ProductEvent, StoredEvent, attempted, ended, stored_event
from shared.tasks import Attempt
from shared.turns import turns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

PRODUCTS = "products"


@dataclass(frozen=True)
class Seen:
    """What is known when a task arrives: its event, the product as it is (None: deleted) and the product's lane."""

    event: StoredEvent | None
    product: Mapping[str, Any] | None
    lane: Lane


Verdict = Literal["send", "superseded", "settled"] | TransientError


def judge(task: ProductEvent, seen: Seen, now: datetime) -> Verdict:
    """What is to be done about a task; an error where it has to wait."""
    event, lane = seen.event, seen.lane
    if event is None or event.status != "pending" or event.series != task.series:
        return "settled"
    if _overtaken(event, seen):
        return "superseded"
    if lane.not_before and lane.not_before > now:
        wait = int((lane.not_before - now).total_seconds()) + 1
        return RetryAfterError(f"The API wants to be left alone. {event.error}".strip(), wait)
    if lane.claimed_until and lane.claimed_until > now:
        return TransientError("A version of this product may be under way.")
    return "send"


def _overtaken(event: StoredEvent, seen: Seen) -> bool:
    """Whether there is a newer version, whose own event has been written with it."""
    if seen.lane.sent_version > event.version:
        return True
    if seen.product is None:
        return event.type != "product:deleted"
    return int(seen.product["version"]) > event.version


def payload(product_id: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A product as the supply-chain API gets it; the price is exact, as a decimal string."""
    return {
        "id": product_id,
        "version": stored["version"],
        "product_name": stored["product_name"],
        "product_description": stored["product_description"],
        "product_price": decimal_string(stored["product_price"], stored["currency"]),
        "currency": stored["currency"],
        "product_images": stored["product_images"],
        "compressed_product_images": stored["compressed_product_images"],
        "created_at": stored["created_at"].isoformat(),
        "updated_at": stored["updated_at"].isoformat(),
    }


@dataclass(frozen=True)
class Delivery:
    """Works on tasks of ``supplyChainSync``: three reads, and two commits of two writes around each request.

    An attempt that has to wait until the API may be asked again writes once.
    """

    db: "AsyncClient"
    outbox: Outbox
    lanes: Lanes
    api: SupplyChainApi
    clock: Clock

    async def run(self, task: ProductEvent, attempt: Attempt) -> None:
        """Deliver the task's event, or settle it.

        Raises:
            TransientError: the API or the product's lane is not to be had at the moment.
            PermanentError: the API will never take this version.
        """
        if found := await self._hold(task, attempt):
            await self._send(*found)

    async def _hold(
        self, task: ProductEvent, attempt: Attempt
    ) -> tuple[Held, Mapping[str, Any] | None] | None:
        """The product's lane, held, and the product to send; None where nothing is to be sent.

        It looks again if somebody else was faster: a sweeper that only puts off its next look is no reason to wait for
        the next attempt, at which it may come again.
        """
        contended = ContendedError("Another attempt is at work on this event.")
        async for _ in turns():
            seen = await self._look(task)
            verdict = judge(task, seen, self.clock())
            if seen.event is None or verdict == "settled":
                return None
            if verdict == "superseded":
                if await self._superseded(seen.event):
                    return None
                continue
            if isinstance(verdict, TransientError):
                await self._wait(seen.event, attempt, verdict)
            try:
                return await self.lanes.claim(seen.event, seen.lane, attempt.number), seen.product
            except ContendedError as error:
                contended = error
        raise contended

    async def _wait(self, event: StoredEvent, attempt: Attempt, why: TransientError) -> NoReturn:
        if isinstance(why, RetryAfterError):
            # The wait may be long: without a note of this attempt, the sweeper would take the task for lost.
            await self.outbox.change(event, attempted(attempt.number, self.clock()))
        raise why

    async def _look(self, task: ProductEvent) -> Seen:
        product = self.db.collection(PRODUCTS).document(task.product_id)
        references = [self.outbox.document(task.event_id), product, self.lanes.document(task.product_id)]
        found = {snapshot.reference.path: snapshot async for snapshot in self.db.get_all(references)}
        event, fields, lane = (found[reference.path] for reference in references)
        return Seen(stored_event(event), fields.to_dict(), stored_lane(lane))

    async def _superseded(self, event: StoredEvent) -> bool:
        """Settle an event that a newer one has overtaken; whether it was as it had been read."""
        settled = await self.outbox.change(event, ended("superseded", self.clock()))
        if settled:
            _log.info("supply_chain.superseded", extra={"event": event.task.event_id})
        return settled

    async def _send(self, held: Held, product: Mapping[str, Any] | None) -> None:
        event = held.event
        body = payload(event.product_id, product) if product else None
        try:
            if not held.outlasts_a_request(self.clock()):
                raise TransientError("The lane is held for too short a time to send.")
            await self.api.deliver(event, body)
        except UnknownOutcomeError:
            # The lane stays held until the request has surely come to its end.
            raise
        except RetryAfterError as error:
            await self.lanes.release(held, str(error), self.clock() + timedelta(seconds=error.seconds))
            raise
        except (TransientError, PermanentError) as error:
            await self.lanes.release(held, str(error))
            raise
        await self.lanes.settle(held)
        _log.info("supply_chain.delivered", extra={"event": event.task.event_id})
