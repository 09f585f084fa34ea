"""What has become of a product's changes on their way to the supply-chain API."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from functions.products.model import ProductId
from shared.openapi import AnswerBody
from shared.outbox import LANES, EventType, Outbox, Status, StoredEvent
from shared.products import COLLECTION

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# The newest changes of a product; the older ones are superseded or done.
_EVENTS = 20


class SupplyChainEvent(AnswerBody):
    """One change of a product."""

    version: int = Field(ge=1)
    type: EventType
    status: Status
    attempts: int = Field(ge=0, description="Those since it was last begun anew.")
    error: str = Field(description="The last failure, if any.")
    created_at: datetime
    settled_at: datetime | None


class SupplyChainState(AnswerBody):
    """A product as the supply-chain API has it."""

    product_id: ProductId
    version: int | None = Field(ge=1, description="The newest.")
    status: Status = Field(description="Of the newest version.")
    synced_version: int | None = Field(ge=1)
    synced_at: datetime | None
    events: list[SupplyChainEvent] = Field(max_length=_EVENTS, description="The newest first.")


@dataclass(frozen=True)
class SupplyChainStates:
    """Reads the state of products: one read, and one for each recent change."""

    db: "AsyncClient"
    outbox: Outbox

    async def get(self, product_id: str, owner: str | None) -> dict[str, Any] | None:
        """The members of :class:`SupplyChainState`; None if there is no such product.

        Args:
            owner: whose product it must be; ``None`` for anybody's.
        """
        events = await self.outbox.of_product(product_id, _EVENTS)
        user_id = events[0].user_id if events else await self._owner(product_id)
        if user_id is None or owner not in (None, user_id):
            return None
        lane = (await self.db.collection(LANES).document(product_id).get()).to_dict() or {}
        return _state(product_id, events, lane)

    async def _owner(self, product_id: str) -> str | None:
        """Whose product it is, when all of its events have been forgotten."""
        stored = (await self.db.collection(COLLECTION).document(product_id).get(["user_id"])).to_dict()
        return None if stored is None else str(stored["user_id"])


def _state(product_id: str, events: list[StoredEvent], lane: dict[str, Any]) -> dict[str, Any]:
    synced_version = lane.get("synced_version")
    return {
        "product_id": product_id,
        "version": events[0].version if events else synced_version,
        # Events are forgotten after they have come to a good end.
        "status": events[0].status if events else "synced",
        "synced_version": synced_version,
        "synced_at": lane.get("synced_at"),
        "events": [
            {name: getattr(event, name) for name in SupplyChainEvent.model_fields} for event in events
        ],
    }
