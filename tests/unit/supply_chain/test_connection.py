"""The client of the supply-chain API against servers of the worst kind, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from functions.supply_chain.upstream import SupplyChainApi, UnknownOutcomeError, connect
from shared.errors import TransientError
from tests.unit.supply_chain.examples import NOW, event

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
TAKEN = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"version":3}'


class Server:
    """Reads a request, and then does as told."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[bytes] = []
        self._behave = behave

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        await self._behave(writer)
        writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    """The server's URL."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1")
    host, port = listening.sockets[0].getsockname()
    async with listening:
        yield f"http://{host}:{port}"


async def deliver(url: str, key: str = "secret") -> None:
    async with connect(url, key) as http:
        await SupplyChainApi(http, lambda: NOW).deliver(event(3), {"id": "p1"})


def saying(answer: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return behave


async def test_it_brings_its_key_and_wants_nothing_compressed() -> None:
    server = Server(saying(TAKEN))
    async with serving(server) as url:
        await deliver(f"{url}/api")
    (request,) = server.requests
    head = request.decode().lower()
    assert head.startswith("post /api/products/p1 http/1.1\r\n")
    assert "\r\nauthorization: bearer secret\r\n" in head
    assert "\r\naccept-encoding: identity\r\n" in head


async def test_without_a_key_it_brings_none() -> None:
    server = Server(saying(TAKEN))
    async with serving(server) as url:
        await deliver(url, key="")
    assert b"authorization" not in server.requests[0].lower()


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with serving(Server(saying(b""))) as url:
        pass
    with pytest.raises(TransientError, match="out of reach") as failed:
        await deliver(url)
    assert not isinstance(failed.value, UnknownOutcomeError)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"version":3}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000,
    ],
    ids=["hangs up", "status only", "no HTTP", "cut off", "bad chunk", "bad length", "endless header"],
)
async def test_what_is_no_whole_answer_is_none(answer: bytes) -> None:
    async with serving(Server(saying(answer))) as url:
        with pytest.raises(UnknownOutcomeError):
            await deliver(url)
