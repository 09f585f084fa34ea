"""A load on functions that cache in Redis, while that is frozen, killed and started again: nobody notices."""

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.e2e.harness import LocalCloud, local_cloud
from tests.integration.products.http.caller import Caller
from tests.integration.products.http.load import Load, running
from tests.integration.shared.redis_server import RedisServer, redis_server

# Ten seconds of load.
pytestmark = pytest.mark.long

# A request asks Redis three times at most, and waits 0.1 s for each answer; a client of Redis that waited for its own
# time-outs, or a lost connection, would take longer than this. The rest is for a busy machine.
SLOWEST_SECONDS = 2.0
# A Redis that has failed is left alone for 3 s. The rest, again, is for a busy machine.
BACK_WITHIN_SECONDS = 30.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def system(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("redis") / "local", REDIS_URL=redis.url) as cloud:
        yield cloud


def until_cached(load: Load, server: RedisServer) -> None:
    """Go on until Redis holds each product as it was changed after this began, or the load has ended."""
    before, end = dict(load.changed), time.monotonic() + BACK_WITHIN_SECONDS
    with Redis.from_url(server.url) as redis:
        while not load.ended and any(_held(redis, product) <= version for product, version in before.items()):
            assert time.monotonic() < end, "Redis is back, and nobody uses it"
            load.go_on()


def _held(redis: Redis, product: str) -> int:
    """The version of a product in Redis; 0 if there is none."""
    return int((redis.get(f"products/{product}") or b"0").partition(b":")[0])


def test_a_redis_that_comes_and_goes_is_not_noticed(system: LocalCloud, redis: RedisServer) -> None:
    load = Load(Caller(system.http, system.token("seller")))
    with running(load):
        until_cached(load, redis)
        redis.freeze()
        load.go_on()
        redis.thaw()
        until_cached(load, redis)
        redis.stop()
        load.go_on()
        redis.start_again()
        until_cached(load, redis)
    assert load.slowest < SLOWEST_SECONDS
