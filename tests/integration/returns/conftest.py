"""A world for each test, on one local Firestore."""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.returns.world import FirestoreServer, World


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    clock = Clock()
    server = FirestoreServer(clock)
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield World(server.client(), clock)
    await server.stop()
