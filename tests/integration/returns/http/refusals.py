"""What a good refusal looks like, and how to see that nothing was written."""

from typing import Any

import httpx
from google.cloud.firestore import Client

from tests.e2e.clients import documents

_WRITTEN_BY_RETURNS = (
    *("order_returns", "order_return_algolia_sync", "return_sync_runs", "return_sync_pages"),
    *("return_sync_batches", "latches", "dead_letters", "search_indexes"),
)


def refused(answer: httpx.Response, status: int, kind: str, *fields: str) -> dict[str, Any]:
    """Check a problem document of ours (RFC 9457) and return it.

    Args:
        kind: the last part of its type.
        fields: what its ``errors`` name, if it has any.
    """
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:backstock:problem:{kind}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert len(document["trace"]) == 32
    assert tuple(error["field"] for error in document.get("errors", ())) == fields
    assert all(error["detail"] for error in document.get("errors", ()))
    return document


def contents(database: Client) -> dict[str, dict[str, Any]]:
    """All that the returns room keeps in the database."""
    return {collection: documents(database, collection) for collection in _WRITTEN_BY_RETURNS}
