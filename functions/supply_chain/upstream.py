"""The supply-chain API, as far as it can be trusted: every answer may be slow, wrong or absent."""

import asyncio
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from shared import trace
from shared.clock import Clock
from shared.errors import PermanentError, RetryAfterError, TransientError

if TYPE_CHECKING:
    from shared.outbox import StoredEvent

# A whole request, connecting and reading included.
REQUEST_SECONDS = 10
_CONNECT_SECONDS = 3.0
# Answers are a version and little else; whoever sends more is not what we take it for.
_MAX_ANSWER_BYTES = 64 * 1024
# The longest pause of the queue: a longer wish would outlast the 72 hours.
_MAX_RETRY_AFTER = 28_800
_MAX_REASON = 300

_CONFLICT = frozenset({409, 412})
# Who has the wrong key, or comes too early or too often, can have the right one, or come again.
_MAY_HEAL = frozenset({401, 403, 407, 408, 421, 423, 424, 425, 429})


class UnknownOutcomeError(TransientError):
    """No answer came: the request may have been carried out, or may be yet."""


class SupplyChainApi:
    """``POST`` and ``GET /products/{id}`` of the supply-chain API.

    Args:
        http: with the API's URL as its base, and its key.
    """

    def __init__(self, http: httpx.AsyncClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def deliver(self, event: "StoredEvent", product: dict[str, Any] | None) -> None:
        """Send one version of a product, the newest that was ever sent; ``None`` says that it was deleted.

        Sent again it changes nothing, by its ``Idempotency-Key``.

        Raises:
            RetryAfterError: the API wants to rest.
            UnknownOutcomeError: no answer came in time.
            TransientError: it may work later.
            PermanentError: the API will never take this, or has a version that we never sent.
        """
        body = orjson.dumps(
            {
                "id": event.product_id,
                "version": event.version,
                "type": event.type,
                "product": product,
                "occurred_at": event.created_at.isoformat(),
            }
        )
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": event.task.event_id,
            "traceparent": trace.traceparent(),
        }
        status, answer = await self._request("POST", event.product_id, content=body, headers=headers)
        if status in _CONFLICT:
            await self._after_conflict(event, answer)
            return
        self._accept(status, answer)
        _confirm(answer, event.version)

    async def _after_conflict(self, event: "StoredEvent", answer: "_Answer") -> None:
        """Let pass only an API that has this very version already."""
        remote = await self._remote_version(event.product_id)
        if remote is None or remote < event.version:
            raise TransientError(f"The API refuses version {event.version} and has {remote}: {answer.reason}")
        if remote > event.version:
            # To call ours superseded would be to lose it in silence: there is none of ours that will come instead.
            raise PermanentError(f"The API has version {remote}, but ours is {event.version}.")

    async def _remote_version(self, product_id: str) -> int | None:
        status, answer = await self._request("GET", product_id)
        if status == 404:
            return None
        self._accept(status, answer)
        try:
            return int(orjson.loads(answer.content)["version"])
        except (ValueError, TypeError, KeyError) as error:
            raise TransientError(f"The API's answer names no version: {answer.reason}") from error

    def _accept(self, status: int, answer: "_Answer") -> None:
        """Let pass only success."""
        if 200 <= status < 300:
            return
        reason = f"The API answered {status}: {answer.reason}"
        if status in (429, 503) and (seconds := self._retry_after(answer.retry_after)):
            raise RetryAfterError(reason, seconds)
        if 400 <= status < 500 and status not in _MAY_HEAL:
            raise PermanentError(reason)
        # A redirection is not followed: it would take the key to who knows where.
        raise TransientError(reason)

    async def _request(self, method: str, product_id: str, **request: Any) -> tuple[int, "_Answer"]:
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._http.stream(method, f"products/{product_id}", **request) as response,
            ):
                return response.status_code, await _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise TransientError(f"The API is out of reach: {error!r}") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise UnknownOutcomeError(f"The API gave no answer: {error!r}") from error

    def _retry_after(self, header: str) -> int:
        """Seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3: seconds or a date); else 0."""
        if header.isascii() and header.isdigit():
            return min(int(header[:9]), _MAX_RETRY_AFTER)
        try:
            date = parsedate_to_datetime(header)
        except (TypeError, ValueError, OverflowError):
            return 0
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - self._clock()
        return min(max(int(wait.total_seconds()), 0), _MAX_RETRY_AFTER)


def _confirm(answer: "_Answer", version: int) -> None:
    """A success is believed if it is empty, or is JSON and does not name an older version: a proxy's page is none."""
    if not answer.content:
        return
    try:
        content = orjson.loads(answer.content)
        named = int(content.get("version", version))
    except (ValueError, TypeError, AttributeError) as error:
        raise UnknownOutcomeError(f"The API's answer is no JSON object: {answer.reason}") from error
    if named < version:
        raise TransientError(f"The API has version {named} after it took version {version}.")


@dataclass(frozen=True)
class _Answer:
    content: bytes
    retry_after: str

    @property
    def reason(self) -> str:
        """The answer as an operator can read it."""
        return self.content[:_MAX_REASON].decode(errors="replace")


async def _read(response: httpx.Response) -> _Answer:
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > _MAX_ANSWER_BYTES:
            break
    return _Answer(content, response.headers.get("retry-after", ""))


def connect(url: str, api_key: str) -> httpx.AsyncClient:
    """Connections to the supply-chain API, kept open from one delivery to the next."""
    # What comes compressed could be larger than it looks.
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    timeout = httpx.Timeout(REQUEST_SECONDS, connect=_CONNECT_SECONDS)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout)
