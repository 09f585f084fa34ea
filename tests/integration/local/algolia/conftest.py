"""The service, served on a port of its own, and Algolia's official clients for it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.search.client import SearchClient
from algoliasearch.search.config import SearchConfig

from infra.local.algolia import AlgoliaService
from infra.local.clock import Clock

APP, ADMIN, SEARCH = "testing", "admin-key", "search-key"


@dataclass
class Local:
    """A running service."""

    service: AlgoliaService
    clock: Clock
    port: int
    client: SearchClient
    connect: Callable[[str], SearchClient]

    def config(self, key: str = ADMIN) -> SearchConfig:
        config = SearchConfig(APP, key)
        # Twice, as the client gives a host that failed up for minutes.
        hosts = [Host("127.0.0.1", scheme="http", port=self.port, priority=priority) for priority in (2, 1)]
        config.hosts = HostsCollection(hosts)
        config.max_rate_limit_retries = 0
        return config

    @asynccontextmanager
    async def fresh(self, key: str) -> AsyncIterator[SearchClient]:
        """A client that has not given up any host yet."""
        client = SearchClient.create_with_config(self.config(key))
        try:
            yield client
        finally:
            await client.close()

    async def raw(self, method: str, path: str) -> tuple[int, Mapping[str, str]]:
        """Status and headers of a request without any client, with the admin key."""
        headers = {"x-algolia-application-id": APP, "x-algolia-api-key": ADMIN}
        async with (
            ClientSession() as session,
            session.request(method, self.url(path), headers=headers) as response,
        ):
            return response.status, response.headers

    async def plain(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET without any client or header."""
        async with ClientSession() as session, session.get(self.url(path)) as response:
            return response.status, await response.json()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def save(self, index: str, *records: dict[str, Any]) -> None:
        await self.client.save_objects(index, list(records), wait_for_tasks=True)

    async def search(self, index: str, key: str = ADMIN, **params: Any) -> Any:
        return await self.connect(key).search_single_index(index, params)

    async def ids(self, index: str, **params: Any) -> list[str]:
        response = await self.search(index, **params)
        return [hit.object_id for hit in response.hits]


@asynccontextmanager
async def serving(path: Path | None = None, clock: Clock | None = None) -> AsyncIterator[Local]:
    clock = clock or Clock()
    service = AlgoliaService(path, clock, APP, ADMIN, SEARCH)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.close)
        server = await stack.enter_async_context(TestServer(service.app(), host="127.0.0.1"))
        assert server.port is not None
        clients: dict[str, SearchClient] = {}

        def connect(key: str) -> SearchClient:
            if key not in clients:
                clients[key] = SearchClient.create_with_config(local.config(key))
                stack.push_async_callback(clients[key].close)
            return clients[key]

        local = Local(service, clock, server.port, None, connect)  # type: ignore[arg-type]
        local.client = connect(ADMIN)
        yield local


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with serving() as running:
        yield running
