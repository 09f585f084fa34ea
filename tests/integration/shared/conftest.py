"""A Redis for the tests of a module, and the product's own client of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from shared import clients
from shared.settings import settings
from tests.integration.shared.redis_server import RedisServer, redis_server
from tests.unit.shared.examples import ENVIRONMENT

Connect = Callable[[RedisServer], Redis]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """For tests that leave it running; it holds what the test before left there."""
    with redis_server() as running:
        yield running


@pytest.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Makes clients, each as if in a process of its own."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as opened:

        def new_client(server: RedisServer) -> Redis:
            monkeypatch.setenv("REDIS_URL", server.url)
            settings.cache_clear()
            clients.redis.cache_clear()
            client = clients.redis()
            opened.push_async_callback(client.aclose)
            return client

        yield new_client
    settings.cache_clear()
    clients.redis.cache_clear()
