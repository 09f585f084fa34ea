"""A world for each test, on one local Firestore."""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.returns import audited_world, reindex_world
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


@pytest.fixture
async def reindex_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[reindex_world.FirestoreServer]:
    """One for worlds in which the index is built anew, in pages of two."""
    server = reindex_world.FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    with reindex_world.small_pages():
        yield server
    await server.stop()


@pytest.fixture
async def audit_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[audited_world.AuditServer]:
    """One for worlds whose index is audited and repaired, in pages of three."""
    server = audited_world.AuditServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    with audited_world.small_pages():
        yield server
    await server.stop()
