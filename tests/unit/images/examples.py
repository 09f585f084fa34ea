"""Images for tests: as they are read from the database, and a way to change one thing about them."""

from datetime import UTC, datetime
from typing import Any

from shared.images import StoredImage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def an_image(**changes: Any) -> StoredImage:
    """A fetched image of product ``p1`` whose first attempt to be compressed has begun."""
    fields = {
        "id": "i1",
        "product_id": "p1",
        "source": "https://img.example/a.jpg",
        "uploaded": False,
        "status": "pending",
        "series": 0,
        "attempts": 1,
        "generation": 7,
        "claimed_until": None,
        "deadline": NOW,
        "error": "",
        "renditions": [],
        "policy": "",
    }
    return StoredImage(**fields | changes)
