"""Servers for a benchmark, each a process of its own on a port of its own."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.harness import ROOT, free_port

_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Recipe:
    """How to start a server.

    Attributes:
        arguments: what comes after ``python -m``, but for the port, which is the last.
        environment: the whole of it.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """A server that takes connections."""

    name: str
    port: int
    process: psutil.Process

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def serving(recipes: Sequence[Recipe], logs: Path) -> AsyncIterator[dict[str, Server]]:
    """All of the servers by name, once they take connections. What they write goes to files in ``logs``."""
    async with AsyncExitStack() as stack:
        started = [stack.enter_async_context(_served(recipe, logs)) for recipe in recipes]
        yield {server.name: server for server in [await each for each in started]}


@asynccontextmanager
async def _served(recipe: Recipe, logs: Path) -> AsyncIterator[Server]:
    port, log = free_port(), logs / f"{recipe.name}.log"
    process = _started(recipe, port, log)
    try:
        if not await _takes_connections(process, port):
            raise RuntimeError(f"{recipe.name} did not start, see {log}")
        yield Server(recipe.name, port, psutil.Process(process.pid))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def _started(recipe: Recipe, port: int, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", *recipe.arguments, str(port)]
    with log.open("ab") as output:
        return subprocess.Popen(command, cwd=ROOT, env=recipe.environment, stdout=output, stderr=output)


async def _takes_connections(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        writer.close()
        return True
    return False
