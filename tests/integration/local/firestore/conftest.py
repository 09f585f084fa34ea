"""A local Firestore on an ephemeral port, and Google's client speaking to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from infra.local.clock import Clock
from infra.local.firestore import CompositeIndex, Exemption, FirestoreService

PROJECT = "shop"


@asynccontextmanager
async def served(service: FirestoreService) -> AsyncIterator[str]:
    """Serve until the block ends; yields the address."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 16 << 20)])
    server.add_generic_rpc_handlers((service.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
        service.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], firestore.AsyncClient]:
    """Make an asynchronous client for an address."""

    def connect(address: str) -> firestore.AsyncClient:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        return firestore.AsyncClient(project=PROJECT, credentials=AnonymousCredentials())

    return connect


@pytest.fixture
def new_service(tmp_path: Path, clock: Clock) -> Callable[[], FirestoreService]:
    """Open the same database file each time."""

    def new_service() -> FirestoreService:
        return FirestoreService(
            tmp_path / "firestore.sqlite",
            clock,
            composites=[CompositeIndex("returns", [("account", "ASCENDING"), ("updated", "DESCENDING")])],
            exemptions=[Exemption("returns", "payload")],
            ttl={"leases": "expires"},
        )

    return new_service


@pytest.fixture
def service(new_service: Callable[[], FirestoreService]) -> FirestoreService:
    return new_service()


@pytest_asyncio.fixture
async def address(service: FirestoreService) -> AsyncIterator[str]:
    async with served(service) as address:
        yield address


@pytest.fixture
def client(address: str, connect: Callable[[str], firestore.AsyncClient]) -> firestore.AsyncClient:
    return connect(address)
