"""A database for jobs, with a clock that tests move."""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.shared.jobs.world import World
from tests.integration.steps import FirestoreServer


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    await server.stop()


@pytest.fixture
async def world(server: FirestoreServer) -> World:
    return World(server.database(), server.clock)
