"""Whether the supply-chain API has what it should have of a product: what is known of that, and what follows from it.

Our own record of the deliveries, the product's lane, is what is compared; the API itself is not asked. What our records
forget in time is no drift: the lane of a product that lives is kept for ever, one that says that the product was
deleted, and events that came to a good end, for 30 days. So a lane that knows of no deletion, without an event that
tells of one, belongs to a product whose deletion was lost, whenever it is looked at.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from shared.dead_letters import COLLECTION as LETTERS
from shared.jobs.findings import Finding, account_of
from shared.jobs.joining import settled
from shared.jobs.records import FindingKind
from shared.outbox import LANES, Outbox, StoredEvent, letter_about
from shared.products import COLLECTION as PRODUCTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

Verdict = Literal["agrees", "pending", "dead"] | FindingKind


@dataclass(frozen=True)
class Delivered:
    """What a product's lane says.

    Args:
        synced: the version that the API has for certain, if any.
        sent: the newest that was ever sent.
        is_deletion: whether ``synced`` was the product's deletion.
    """

    synced: int | None
    sent: int
    is_deletion: bool

    @classmethod
    def of(cls, lane: Mapping[str, Any]) -> "Delivered":
        """The fields of a lane's document."""
        return cls(lane.get("synced_version"), lane.get("sent_version", 0), lane.get("expire_at") is not None)


@dataclass(frozen=True)
class Evidence:
    """What is known of a product and its deliveries.

    Args:
        version: None if the product is no more.
        delivered: None if nothing was ever sent.
        event: that of the newest change, unless it has been forgotten.
        has_open_letter: whether that event has died, and its letter waits for an operator.
    """

    product_id: str
    version: int | None
    user_id: str
    delivered: Delivered | None
    event: StoredEvent | None = None
    has_open_letter: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the API has the product as it is."""
        if self.version is None:
            return self.delivered is None or self.delivered.is_deletion
        return self.delivered is not None and self.delivered.synced == self.version

    @property
    def telling_event(self) -> StoredEvent | None:
        """The event by which the API learns of the product as it is, or would have."""
        event = self.event
        if event is None or (event.type == "product:deleted") != (self.version is None):
            return None
        return event if event.version >= (self.version or 0) else None


def evidence(product_id: str, product: Mapping[str, Any] | None, lane: Mapping[str, Any] | None) -> Evidence:
    """What the documents of a product and of its lane say, as far as there are any."""
    version = _version(product) if product is not None else None
    delivered = Delivered.of(lane) if lane is not None else None
    return Evidence(product_id, version, account_of((product or {}).get("user_id")), delivered)


def _version(product: Mapping[str, Any]) -> int:
    """A product's version; none that any event has where a hand has been at it: the product is not deleted for that."""
    said = product.get("version")
    return said if type(said) is int else 0


def judge(seen: Evidence) -> Verdict:
    """Whether all is well, will be, waits for an operator, or is not as it should be."""
    if seen.agrees:
        return "agrees"
    if event := seen.telling_event:
        if event.status == "pending":
            return "pending"
        if seen.has_open_letter:
            return "dead"
    if seen.version is None:
        return "extra"
    return "missing" if seen.delivered is None or seen.delivered.synced is None else "different"


def finding(seen: Evidence) -> Finding | None:
    """What an audit reports; None if all is well, or is known to be on its way or dead."""
    verdict = judge(seen)
    if verdict == "agrees" or verdict == "pending" or verdict == "dead":
        return None
    details = {
        "ours": "deleted" if seen.version is None else str(seen.version),
        "theirs": str(seen.delivered.synced or "unknown") if seen.delivered else "nothing",
        "event": f"{seen.event.version} {seen.event.status}" if seen.event else "none",
    }
    return Finding(verdict, seen.product_id, seen.user_id, details)


class Records:
    """Reads what is known of one product after the other."""

    def __init__(self, db: "AsyncClient", outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox

    async def look(self, product_id: str, uses: Counter[str]) -> Evidence:
        """One look: three reads, and one for a letter. Its parts may be of different times."""
        newest = await self._outbox.of_product(product_id, 1)
        product = self._db.collection(PRODUCTS).document(product_id)
        lane = self._db.collection(LANES).document(product_id)
        found = {each.reference.path: each.to_dict() async for each in self._db.get_all([product, lane])}
        uses["firestore_reads"] += 3
        event = newest[0] if newest else None
        seen = evidence(product_id, found[product.path], found[lane.path])
        if event is None:
            return seen
        is_open = event.status == "dead" and await self._is_open(event, uses)
        return replace(seen, user_id=seen.user_id or event.user_id, event=event, has_open_letter=is_open)

    async def certain(self, product_id: str, uses: Counter[str]) -> Evidence | None:
        """What is so at one instant, as far as it may be drift; ``None`` if it keeps changing."""
        seen = await self.look(product_id, uses)
        if finding(seen) is None:
            return seen
        return await settled(seen, lambda: self.look(product_id, uses))

    async def _is_open(self, event: StoredEvent, uses: Counter[str]) -> bool:
        uses["firestore_reads"] += 1
        letter = self._db.collection(LETTERS).document(letter_about(event, event.error).id)
        return ((await letter.get()).to_dict() or {}).get("status") == "open"
