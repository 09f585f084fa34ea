"""What the servers can do at best: a function that does nothing, and an application without a framework."""

from typing import Any

import functions_framework.aio
import orjson
from starlette.requests import Request

# As JSON as long as a product of the workload.
_ANSWER = {"hello": "world", "padding": "x" * 876}
_BODY = orjson.dumps(_ANSWER)
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]


@functions_framework.aio.http
async def hello(request: Request) -> dict[str, str]:
    """The smallest function."""
    return _ANSWER


async def bare(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The smallest ASGI application."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})
