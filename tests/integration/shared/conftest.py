"""A Redis, the product's own client of it, and caches in it, each as if in a process of its own."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from shared import clients
from shared.cache import VersionedCache
from shared.redis_cache import RedisStore
from shared.settings import settings
from tests.integration.shared.redis_server import RedisServer, redis_server
from tests.unit.shared.cache_doubles import PATIENCE, Timer
from tests.unit.shared.examples import ENVIRONMENT

Connect = Callable[[RedisServer], Redis]
Caches = Callable[..., VersionedCache]


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


@pytest.fixture
def redis(connect: Connect, server: RedisServer) -> Redis:
    return connect(server)


@pytest.fixture
def mortal() -> Iterator[RedisServer]:
    """A server that the test may do away with."""
    with redis_server() as running:
        yield running


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def process(request: pytest.FixtureRequest, timer: Timer) -> Caches:
    """Makes caches, each as if in a process of its own."""

    def new_cache(redis: Any, answer_seconds: float = PATIENCE) -> VersionedCache:
        store = RedisStore(redis, request.node.name, 300, Random(0), timer, answer_seconds)
        return VersionedCache(store, PATIENCE)

    return new_cache


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The log lines about Redis so far."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "shared.redis_cache"]
