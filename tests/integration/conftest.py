"""The local cloud inside the test's own process: every stand-in, clean and in memory, for each test.

With ``FIRESTORE_EMULATOR_HOST`` set before the tests start, that emulator takes the place of our Firestore.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.clock import Clock
from infra.local.cloud import Cloud, local_cloud
from infra.local.environment import PROJECT
from infra.local.front import front_app
from infra.local.functions_host import functions_app, server
from infra.local.http_server import address_of, local_socket, served
from infra.local.keys import Keys
from infra.topology import Topology, load

_MAIN = Path(__file__).parents[2] / "main.py"
_OTHER_FIRESTORE = os.environ.get("FIRESTORE_EMULATOR_HOST", "")


class InProcessFunctions:
    """Stands behind the gateway in place of the functions process; serves nothing until ``serving``."""

    def __init__(self) -> None:
        self._listener = local_socket()
        self.address = f"http://{address_of(self._listener)}"
        self._serves = False

    async def ready(self, within: float) -> bool:
        return self._serves

    async def shift_clock(self, offset: float) -> None:
        """Nothing to do: this process's time is real."""

    async def kill(self) -> None:
        raise NotImplementedError("these functions share the test's process; use make run to kill them")

    @asynccontextmanager
    async def serving(self, topology: Topology) -> AsyncIterator[None]:
        names = {name: function.entry_point for name, function in topology.functions.items()}
        web_server = server(functions_app(str(_MAIN), names))
        task = asyncio.create_task(web_server.serve(sockets=[self._listener]))
        self._serves = True
        try:
            yield
        finally:
            # Not its own way out, which takes two tenths of a second: no request is under way any more.
            task.cancel()
            for listening in web_server.servers:
                listening.close()
            for connection in list(web_server.server_state.connections):
                connection.shutdown()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Making RSA keys takes longer than starting everything else."""
    return Keys.generate()


@pytest.fixture(scope="session")
def topology() -> Topology:
    return load()


@pytest.fixture
def in_process_functions() -> Iterator[InProcessFunctions]:
    functions = InProcessFunctions()
    yield functions
    functions.close()


@pytest.fixture
async def cloud(
    keys: Keys, topology: Topology, in_process_functions: InProcessFunctions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cloud]:
    """The stand-ins, the issuers and the ``/_local`` controls (at ``BASE_URL``), without functions.

    ``cloud.environment`` is this process's environment for the test, so that official clients and the product's
    own settings find everything. Nothing is delivered unless the test calls ``cloud.start_deliveries()``.
    """
    listener = local_socket()
    base_url = f"http://{address_of(listener)}"
    async with local_cloud(topology, None, Clock(), keys, base_url, _OTHER_FIRESTORE) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        _forget_clients()
        if _OTHER_FIRESTORE:
            await _empty(_OTHER_FIRESTORE)
        async with (
            front_app(running, in_process_functions, lambda offset: None) as app,
            served(app, listener, auto_decompress=False),
        ):
            yield running
    _forget_clients()


@pytest.fixture
async def functions(
    cloud: Cloud, in_process_functions: InProcessFunctions, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """The product's functions behind the gateway, in the test's own process, with tasks and jobs delivered to them.

    Yields ``BASE_URL``.
    """
    monkeypatch.setenv("PLATFORM_TOKENS_CHECKED", "true")
    async with in_process_functions.serving(cloud.topology):
        await cloud.start_deliveries()
        yield cloud.environment["BASE_URL"]
        await cloud.stop_deliveries()


@pytest.fixture
def db(cloud: Cloud) -> AsyncClient:
    """Google's Firestore client on the test's database."""
    return AsyncClient(project=PROJECT)


def _forget_clients() -> None:
    """Drop what the product keeps for the life of a process: a test is shorter than that."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("shared", "functions"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


async def _empty(emulator: str) -> None:
    documents = f"http://{emulator}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
    async with aiohttp.ClientSession() as session, session.delete(documents) as response:
        response.raise_for_status()
