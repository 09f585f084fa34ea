"""What every handler needs of a request and an answer."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from .errors import bad_request
from .keys import Access

ACCESS = web.RequestKey("access", Access)


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def allowed(request: web.Request, acl: str, index: str | None = None) -> Access:
    """What the request's key may do.

    Raises:
        ApiError: 403 unless it has the permission, for the index if there is one.
    """
    access: Access = request[ACCESS]
    access.require(acl)
    if index is not None:
        access.require_index(index)
    return access


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body, a JSON object; nothing is an empty one. Raises ApiError 400 for anything else."""
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise bad_request(f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise bad_request("Invalid body: expected a JSON object")
    return body


def requests_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``requests`` of a body. Raises ApiError 400 unless they are an array of objects."""
    requests = body.get("requests")
    if not isinstance(requests, list) or not all(isinstance(entry, dict) for entry in requests):
        raise bad_request("Invalid body: requests must be an array of objects")
    return requests


def flag(request: web.Request, name: str, default: bool) -> bool:
    """A boolean of the URL."""
    return request.query.get(name, str(default)).lower() == "true"


def without_credentials(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without the key and the application, which may be among those of a URL."""
    return {name: value for name, value in raw.items() if not name.lower().startswith("x-algolia-")}
