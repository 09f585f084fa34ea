"""A local Cloud Storage on a port of its own, and Google's client for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import ClientSession
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from infra.local.clock import Clock
from infra.local.http_server import address_of, local_socket, served
from infra.local.storage import StorageService
from infra.local.storage.signing import Signer

KEY = rsa.generate_private_key(65537, 2048)
T = TypeVar("T")


@dataclass(frozen=True)
class Shop:
    """A running service, Google's client, and a plain one for what that never sends.

    Attributes:
        bucket: an empty bucket named "goods".
    """

    service: StorageService
    clock: Clock
    client: storage.Client
    bucket: storage.Bucket
    http: ClientSession

    async def run(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call the client, which blocks, in a thread."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def put(self, name: str, data: bytes = b"content", **kwargs: Any) -> storage.Blob:
        """Upload an object."""
        blob = self.bucket.blob(name)
        await self.run(blob.upload_from_string, data, **kwargs)
        return blob

    def happened(self) -> list[tuple[str, str, str]]:
        """The events since the last call: last word of the type, object and generation."""
        events = self.service.events.pending(1000)
        self.service.events.forget([event.id for event in events])
        return [
            (event.type.rpartition(".")[2], event.name, str(event.data["generation"])) for event in events
        ]


@asynccontextmanager
async def serving(directory: Path | None = None) -> AsyncIterator[Shop]:
    clock = Clock()
    service = StorageService(directory, clock, Signer("shop@local", KEY.public_key()))
    service.ensure_bucket("goods", public=False)
    listener = local_socket()
    url = f"http://{address_of(listener)}"
    client = storage.Client("shop", AnonymousCredentials(), client_options={"api_endpoint": url})
    async with served(service.app(), listener, auto_decompress=False), ClientSession(url) as http:
        yield Shop(service, clock, client, client.bucket("goods"), http)
    client.close()
    service.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as running:
        yield running
