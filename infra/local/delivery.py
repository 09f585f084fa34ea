"""Deliver one HTTP request for Cloud Tasks or Cloud Scheduler, and say how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

# Shorter than the 5 s after which uvicorn closes an idle connection, so that no request meets a closing one.
_KEEPALIVE_SECONDS = 2.0

# https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto gives each code's HTTP mapping.
_CODE_OF_HTTP_STATUS = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True)
class Delivery:
    """One HTTP request.

    Attributes:
        deadline: seconds of real time to wait for the whole answer. It is not the movable clock's: a handler
            works in real time, and moving the clock must not fail work that is under way.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    deadline: float


@dataclass(frozen=True)
class Outcome:
    """How a delivery ended.

    Attributes:
        http_status: the answer's status; None when no answer arrived.
        code: the ``google.rpc.Code`` it stands for.
        reason: one line for a person.
        retry_after: the answer's ``Retry-After`` header as it came; empty without one.
    """

    http_status: int | None
    code: int
    reason: str
    retry_after: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the handler acknowledged: any 2xx, nothing else."""
        return bool(self.code == Code.OK)

    def status(self) -> Status:
        """The outcome as the APIs show it."""
        return Status(code=self.code, message=self.reason)


def answered(http_status: int, retry_after: str = "") -> Outcome:
    """The outcome that an HTTP status stands for."""
    if 200 <= http_status < 300:
        return Outcome(http_status, Code.OK, "")
    code = _CODE_OF_HTTP_STATUS.get(http_status)
    if code is None:
        code = {4: Code.FAILED_PRECONDITION, 5: Code.INTERNAL}.get(http_status // 100, Code.UNKNOWN)
    return Outcome(
        http_status, code, f"{Code.Name(code)}({code}): HTTP status code {http_status}", retry_after
    )


def unanswered(code: int, detail: str) -> Outcome:
    """The outcome of a delivery that got no answer."""
    return Outcome(None, code, f"{Code.Name(code)}({code}): {detail}")


class Courier:
    """Delivers over one pool of connections, without a limit of its own: queues have theirs."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:  # not in the constructor, because it takes a running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections; the next delivery opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Send the request and wait for its answer. Redirects are not followed: only a 2xx acknowledges."""
        try:
            return await self._send(delivery)
        except TimeoutError:
            return unanswered(Code.DEADLINE_EXCEEDED, f"no answer within {delivery.deadline:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return unanswered(Code.UNAVAILABLE, str(error) or type(error).__name__)

    async def _send(self, delivery: Delivery) -> Outcome:
        async with self._open_session().request(
            delivery.method,
            delivery.url,
            headers=delivery.headers,
            data=delivery.body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=delivery.deadline),
        ) as response:
            await response.read()
            return answered(response.status, response.headers.get("Retry-After", ""))
