"""A closed-loop HTTP/1.1 load generator in a process of its own.

It does as little as it can, since it shares the machine's cores with what it measures: requests are bytes that were
made beforehand, and of an answer it looks at status and length alone.
"""

import asyncio
import gc
import itertools
import multiprocessing
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import cast

import uvloop

_CONNECTIONS = 32
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True)
class Job:
    """What to send. Each of 32 connections has one request under way, and sends the next when it is answered.

    Attributes:
        requests: sent in this order, by whichever connection is free.
        status: what every answer must have.
        seconds: for how long to send, beginning again when all were sent; ``None``: each once.
    """

    port: int
    requests: Sequence[bytes]
    status: int = 200
    seconds: float | None = None


@dataclass(frozen=True)
class Load:
    """What came of a job. ``p50`` and ``p99`` are milliseconds from sending a request to the end of its answer.

    ``busy`` is the share of the time that the generator's process was at work: near 1 it measures itself.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    busy: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Generator:
    """The generator's process."""

    def __init__(self, process: ProcessPoolExecutor) -> None:
        self._process = process

    async def run(self, job: Job) -> Load:
        """Do a job.

        Raises:
            RuntimeError: an answer has another status, or a connection was closed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._process, _run, job)


@contextmanager
def generator() -> Iterator[Generator]:
    """A generator whose process ends with the block."""
    # Spawned: a fork would share the parent's event loop and sockets.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), gc.disable) as process:
        yield Generator(process)


def _run(job: Job) -> Load:
    return uvloop.run(_Sending(job).run())


class _Sending:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = itertools.cycle(job.requests) if job.seconds else iter(job.requests)
        self._ends = float("inf")
        self._idle = 0
        self.status = b"%d" % job.status
        self.latencies: list[float] = []

    async def run(self) -> Load:
        loop = asyncio.get_running_loop()
        self._finished = loop.create_future()
        connections = [
            (await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._job.port))[1]
            for _ in range(_CONNECTIONS)
        ]
        started, cpu = time.perf_counter(), time.process_time()
        if self._job.seconds:
            self._ends = started + self._job.seconds
        for connection in connections:
            connection.send()
        await self._finished
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        for connection in connections:
            connection.close()
        percentiles = quantiles(self.latencies, n=100, method="inclusive")
        return Load(len(self.latencies), seconds, percentiles[49] * 1e3, percentiles[98] * 1e3, cpu / seconds)

    def next(self, now: float) -> bytes | None:
        """The next request; ``None`` when a connection has nothing left to do."""
        request = next(self._requests, None) if now < self._ends else None
        if request is None:
            self._idle += 1
            if self._idle == _CONNECTIONS:
                self._finished.set_result(None)
        return request

    def fail(self, why: str) -> None:
        if not self._finished.done():
            self._finished.set_exception(RuntimeError(why))


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, sending: _Sending) -> None:
        self._sending = sending
        self._received = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        self._sent = time.perf_counter()
        if request := self._sending.next(self._sent):
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_whole(self._received):
            return
        if self._received[9:12] != self._sending.status:
            self._sending.fail(self._received.decode(errors="replace"))
            return
        self._sending.latencies.append(time.perf_counter() - self._sent)
        self._received = b""
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._sending.fail(f"the server closed a connection: {error}")

    def close(self) -> None:
        self._transport.close()


def _is_whole(answer: bytes) -> bool:
    """Whether an answer has come to its end, which only its length can tell: no server here sends chunks."""
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    length = _LENGTH.search(answer, 0, head + 2)
    if length is None and int(answer[9:12]) not in _BODILESS:
        raise RuntimeError(f"an answer without a length: {answer[:head].decode()}")
    return len(answer) >= head + 4 + (int(length[1]) if length else 0)
