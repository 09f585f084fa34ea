"""What the room keeps, to see that nothing was written."""

from typing import Any

from google.cloud.firestore import Client

from tests.e2e.clients import documents


def kept(database: Client, user: str) -> dict[str, dict[str, Any]]:
    """A user's products and their events, and all idempotency keys, which are nobody's."""
    found = {
        collection: {
            name: fields
            for name, fields in documents(database, collection).items()
            if fields["user_id"] == user
        }
        for collection in ("products", "outbox")
    }
    return found | {"idempotency_keys": documents(database, "idempotency_keys")}
