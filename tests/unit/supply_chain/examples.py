"""Events, as the outbox has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.outbox import FIRST_ATTEMPT_WITHIN, ProductEvent, StoredEvent

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def event(version: int = 1, **changes: Any) -> StoredEvent:
    """A pending event of product p1 that nobody has tried."""
    fields: dict[str, Any] = {
        "product_id": "p1",
        "version": version,
        "type": "product:created" if version == 1 else "product:updated",
        "user_id": "ann",
        "write_id": "w",
        "status": "pending",
        "series": 0,
        "attempts": 0,
        "deadline": NOW + FIRST_ATTEMPT_WITHIN,
        "error": "",
        "created_at": NOW,
        "settled_at": None,
    }
    return StoredEvent(**fields | changes)


def task(version: int = 1, series: int = 0) -> ProductEvent:
    """The task of an event of product p1."""
    return ProductEvent(product_id="p1", version=version, series=series)
