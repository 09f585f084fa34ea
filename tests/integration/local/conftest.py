"""A functions process with the sample functions, and a gateway before it: one for the tests of a module."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from infra.local.door import open_to_all
from infra.local.gateway import Gateway
from infra.local.http_server import address_of, local_socket, served
from infra.local.problems import problems
from infra.local.supervisor import Supervisor

SAMPLE = Path(__file__).with_name("sample_main.py")
FUNCTIONS = ("echo", "hang", "drip", "refuse")


@asynccontextmanager
async def supervising(
    source: Path,
    log: Path,
    report: Callable[[str], None] = print,
    echo: Callable[[bytes], None] | None = None,
) -> AsyncIterator[Supervisor]:
    """A supervisor of the functions in ``source``; to be started, and stopped after the block."""
    assignment = {"source": str(source), "functions": {name: name for name in FUNCTIONS}, "offset": 0.0}
    supervisor = Supervisor(assignment, os.environ, log, report, echo)
    yield supervisor
    await supervisor.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def supervisor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervisor]:
    """A functions process that serves."""
    async with supervising(SAMPLE, tmp_path_factory.mktemp("functions") / "log") as supervised:
        await supervised.start()
        yield supervised


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(supervisor: Supervisor) -> AsyncIterator[Gateway]:
    gateway = Gateway(dict.fromkeys(FUNCTIONS, open_to_all), supervisor)
    yield gateway
    await gateway.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the gateway, which stands before the functions process."""
    async with client_of(gateway) as session:
        yield session


@asynccontextmanager
async def client_of(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve a gateway, to one client."""
    app = web.Application(middlewares=[problems])
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    listener = local_socket()
    async with (
        served(app, listener, auto_decompress=False),
        aiohttp.ClientSession(f"http://{address_of(listener)}") as session,
    ):
        yield session
