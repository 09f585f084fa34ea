"""A database for the worlds of a test."""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.storefront.world import FirestoreServer


@pytest.fixture
async def worlds(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    await server.stop()
