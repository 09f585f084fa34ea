"""A load on functions that cache in Redis, while that is killed, frozen and started again: nobody notices."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition, Event

import pytest
from redis import Redis

from tests.e2e.harness import LocalCloud, local_cloud
from tests.integration.products.http.caller import Caller
from tests.integration.shared.redis_server import RedisServer, redis_server

CLIENTS = 4
ROUNDS = 8
# A request asks Redis three times at most, and waits 0.1 s for each answer; a client of Redis that waited for its own
# time-outs, or a lost connection, would take longer than this. The rest is for a busy machine.
SLOWEST_SECONDS = 2.0
# Redis is left alone for 3 s after it has failed.
BACK_WITHIN = 30.0


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def system(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("redis") / "local", REDIS_URL=redis.url) as cloud:
        yield cloud


class Load:
    """Clients that change a product each, and read all of them, until they are told to end."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.products = [str(caller.create()["id"]) for _ in range(CLIENTS)]
        self.changed = dict.fromkeys(self.products, 1)
        self.slowest = 0.0
        self._rounds = [0] * CLIENTS
        self._progress = Condition()
        self._ended = Event()

    def run(self, client: int) -> None:
        """Rounds of one client; every answer is checked.

        Raises:
            AssertionError: an answer was an error, or a product was older than this client had seen it.
        """
        own, seen = self.products[client], dict.fromkeys(self.products, 1)
        try:
            while not self._ended.is_set():
                seen[own] = self.changed[own] = self._version("PATCH", own)
                for product in self.products:
                    version = self._version("GET", product)
                    assert version >= seen[product], f"{product}: {version} after {seen[product]}"
                    seen[product] = version
                self._count(client)
        finally:
            self.end()

    def _version(self, method: str, product: str) -> int:
        started = time.monotonic()
        answer = self.caller(method, f"/{product}", json={} if method == "PATCH" else None)
        self.slowest = max(self.slowest, time.monotonic() - started)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])

    def _count(self, client: int) -> None:
        with self._progress:
            self._rounds[client] += 1
            self._progress.notify_all()

    def go_on(self) -> None:
        """Wait until each client has done some more rounds, or one has failed."""
        goals = [done + ROUNDS for done in self._rounds]
        with self._progress:
            assert self._progress.wait_for(
                lambda: (
                    self._ended.is_set()
                    or all(done >= goal for done, goal in zip(self._rounds, goals, strict=True))
                ),
                timeout=60,
            )

    def until_cached(self, server: RedisServer) -> None:
        """Go on until Redis has every product as it was changed after this began, or newer."""
        wanted, end = dict(self.changed), time.monotonic() + BACK_WITHIN
        with Redis.from_url(server.url) as redis:
            while any(_version_in(redis, product) <= version for product, version in wanted.items()):
                assert time.monotonic() < end, "Redis is back, and nobody uses it"
                self.go_on()
                if self._ended.is_set():
                    return

    def end(self) -> None:
        self._ended.set()
        with self._progress:
            self._progress.notify_all()


def _version_in(redis: "Redis[bytes]", product: str) -> int:
    return int((redis.get(f"products/{product}") or b"0").partition(b":")[0])


def test_a_redis_that_comes_and_goes_is_not_noticed(system: LocalCloud, redis: RedisServer) -> None:
    load = Load(Caller(system.http, system.token("seller")))
    with ThreadPoolExecutor(CLIENTS) as threads:
        running: list[Future[None]] = [threads.submit(load.run, client) for client in range(CLIENTS)]
        try:
            load.until_cached(redis)
            redis.freeze()
            load.go_on()
            redis.thaw()
            load.until_cached(redis)
            redis.stop()
            load.go_on()
            redis.start_again()
            load.until_cached(redis)
        finally:
            load.end()
    for client in running:
        client.result()
    assert load.slowest < SLOWEST_SECONDS
