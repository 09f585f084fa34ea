import asyncio
from collections.abc import AsyncIterator

import pytest
from google.rpc.code_pb2 import Code

from infra.local.delivery import Courier, Delivery, answered


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    yield courier
    await courier.close()


@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (200, Code.OK),
        (299, Code.OK),
        (302, Code.UNKNOWN),
        (404, Code.NOT_FOUND),
        (418, Code.FAILED_PRECONDITION),
        (429, Code.RESOURCE_EXHAUSTED),
        (500, Code.INTERNAL),
        (503, Code.UNAVAILABLE),
        (599, Code.INTERNAL),
    ],
)
def test_an_http_status_stands_for_a_code(http_status: int, code: int) -> None:
    assert answered(http_status).code == code


async def _read_and_say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_handler_that_does_not_answer_in_time_has_failed(courier: Courier) -> None:
    silent = await asyncio.start_server(_read_and_say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    outcome = await courier.deliver(Delivery("POST", f"http://127.0.0.1:{port}/", {}, b"", deadline=0.05))
    silent.close()
    assert (outcome.http_status, outcome.code) == (None, Code.DEADLINE_EXCEEDED)


async def test_an_answer_that_breaks_off_has_failed(courier: Courier) -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    broken = await asyncio.start_server(break_off, "127.0.0.1", 0)
    port = broken.sockets[0].getsockname()[1]
    outcome = await courier.deliver(Delivery("POST", f"http://127.0.0.1:{port}/", {}, b"", deadline=5))
    broken.close()
    assert (outcome.http_status, outcome.code) == (None, Code.UNAVAILABLE)
