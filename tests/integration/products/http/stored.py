"""What the room keeps, to see that nothing was written."""

from typing import Any

from google.cloud.firestore import Client

from tests.e2e.clients import documents

_WRITTEN_BY_PRODUCTS = ("products", "outbox", "idempotency_keys")


def kept(database: Client, user: str) -> dict[str, dict[str, Any]]:
    """A user's products and their events, and all idempotency keys, which are nobody's."""
    return {
        collection: {
            name: fields
            for name, fields in documents(database, collection).items()
            if fields.get("user_id", user) == user
        }
        for collection in _WRITTEN_BY_PRODUCTS
    }


def count(database: Client) -> dict[str, int]:
    """How many documents there are of each kind."""
    return {
        collection: int(database.collection(collection).count().get()[0][0].value)
        for collection in _WRITTEN_BY_PRODUCTS
    }
