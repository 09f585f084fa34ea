"""What a good refusal looks like, in all rooms."""

from typing import Any

import httpx


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
