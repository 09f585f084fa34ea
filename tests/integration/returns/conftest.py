"""A world for each test, on one local Firestore."""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.returns.world import FirestoreServer, World


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    await server.stop()


@pytest.fixture
def world(server: FirestoreServer) -> World:
    return server.world()
