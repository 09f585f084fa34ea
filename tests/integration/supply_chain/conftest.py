"""A world of its own for each test: the local Firestore, and fakes of the queue and of the partner.

Nothing stops at a gate here: what a test calls comes to its end.
"""

from collections.abc import AsyncIterator

import pytest

from infra.local.clock import Clock
from tests.integration.supply_chain.world import FirestoreServer, World


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server.world()
    await server.stop()
