"""What the returns room keeps, to see that nothing was written."""

from typing import Any

from google.cloud.firestore import Client

from tests.e2e.clients import documents

_WRITTEN_BY_RETURNS = (
    *("order_returns", "order_return_algolia_sync", "return_sync_runs", "return_sync_pages"),
    *("return_sync_batches", "latches", "dead_letters", "search_indexes"),
)


def contents(database: Client) -> dict[str, dict[str, Any]]:
    """All that the returns room keeps in the database."""
    return {collection: documents(database, collection) for collection in _WRITTEN_BY_RETURNS}
