"""Other rooms' public APIs, called with the operator's own token: rooms do not import each other."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import orjson

from shared import trace
from shared.problems import Problem

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)

Method = Literal["GET", "POST"]

# Nobody is to wait longer for another function, its cold start included.
SECONDS = 10.0
_KIND_PREFIX = "urn:backstock:problem:"


def http_client(base_url: str) -> "httpx.AsyncClient":
    """A client of the functions below ``base_url``."""
    import httpx

    return httpx.AsyncClient(base_url=f"{base_url}/", timeout=SECONDS, follow_redirects=False)


@dataclass(frozen=True)
class Siblings:
    """Asks other functions over HTTP.

    Args:
        connect: gives the client, with the address below which functions are; it is asked once.
        seconds: how long an answer is waited for, in all.
    """

    connect: "Callable[[], httpx.AsyncClient]"
    seconds: float = field(default=SECONDS)

    async def get(self, path: str, token: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object at ``path``, such as ``price-runs/…``.

        Raises:
            Problem: as the other function says, if that is a 4xx; 503 for anything else that is no success.
        """
        return await self._ask("GET", path, token, {"params": dict(query or {})})

    async def post(self, path: str, token: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What ``path`` answers to a JSON body.

        Raises:
            Problem: as :meth:`get`.
        """
        return await self._ask("POST", path, token, {} if body is None else {"json": dict(body)})

    @cached_property
    def _client(self) -> "httpx.AsyncClient":
        return self.connect()

    async def _ask(self, method: Method, path: str, token: str, more: Mapping[str, Any]) -> dict[str, Any]:
        import httpx

        headers = {"Authorization": f"Bearer {token}", "traceparent": trace.traceparent()}
        function = path.partition("/")[0]
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._client.request(method, path, headers=headers, **more)
        except (httpx.HTTPError, TimeoutError) as error:
            _log.warning("sibling.silent", extra={"function": function, "error": repr(error)})
            raise unavailable(f"{function} does not answer; try again in a moment.") from error
        content = _object(answer.content)
        if answer.is_success and content is not None:
            return content
        raise _problem(function, answer.status_code, content)


def segment(text: str) -> str:
    """``text`` as one segment of a path, which cannot lead anywhere else."""
    # A segment of dots alone would be taken for a step up.
    return quote(text, safe="").replace(".", "%2E") if text.strip(".") == "" else quote(text, safe="")


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _problem(function: str, status: int, content: dict[str, Any] | None) -> Problem:
    """What another function has refused, in its own words; anything else is its fault, and none of the caller's."""
    kind = str((content or {}).get("type", ""))
    if content is None or not 400 <= status < 500 or not kind.startswith(_KIND_PREFIX):
        _log.warning("sibling.failed", extra={"function": function, "status": status})
        return unavailable(f"{function} answered {status}; try again in a moment.")
    errors = [
        {"field": str(each.get("field", "")), "detail": str(each.get("detail", ""))}
        for each in content.get("errors", [])
        if isinstance(each, dict)
    ]
    return Problem(status, kind.removeprefix(_KIND_PREFIX), str(content.get("detail", "")), errors=errors)


def unavailable(detail: str) -> Problem:
    """The answer when another function is not to be had, or makes no sense."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "1"})
