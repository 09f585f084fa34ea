"""A load on ``/products``: clients that change a product each and read all of them, and check every answer."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Event

from tests.integration.products.http.caller import Caller

CLIENTS = 4
ROUNDS = 8


class Load:
    """Clients that go on until they are told to end, or one of them gets a wrong answer.

    ``changed`` is the newest version of each product whose change was acknowledged, ``slowest`` the longest that a
    request took, in seconds.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._products = [str(caller.create()["id"]) for _ in range(CLIENTS)]
        self.changed = dict.fromkeys(self._products, 1)
        self.slowest = 0.0
        self._rounds = [0] * CLIENTS
        self._progress = Condition()
        self._ended = Event()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def run(self, client: int) -> None:
        """Rounds of one client.

        Raises:
            AssertionError: an answer was an error, or a product was older than this client had seen it.
        """
        own, seen = self._products[client], dict.fromkeys(self._products, 1)
        try:
            while not self.ended:
                seen[own] = self.changed[own] = self._version("PATCH", own)
                for product in self._products:
                    version = self._version("GET", product)
                    assert version >= seen[product], f"{product}: {version} after {seen[product]}"
                    seen[product] = version
                self._count(client)
        finally:
            self.end()

    def _version(self, method: str, product: str) -> int:
        started = time.monotonic()
        answer = self._caller(method, f"/{product}", json={} if method == "PATCH" else None)
        self.slowest = max(self.slowest, time.monotonic() - started)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])

    def _count(self, client: int) -> None:
        with self._progress:
            self._rounds[client] += 1
            self._progress.notify_all()

    def go_on(self) -> None:
        """Wait until each client has done some more rounds, or all have ended."""
        goals = [done + ROUNDS for done in self._rounds]

        def reached() -> bool:
            return self.ended or all(done >= goal for done, goal in zip(self._rounds, goals, strict=True))

        with self._progress:
            assert self._progress.wait_for(reached, timeout=60)

    def end(self) -> None:
        """Let the clients finish their rounds."""
        self._ended.set()
        with self._progress:
            self._progress.notify_all()


@contextmanager
def running(load: Load) -> Iterator[None]:
    """``load`` for as long as the context lasts.

    Raises:
        AssertionError: as :meth:`Load.run`.
    """
    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(load.run, client) for client in range(CLIENTS)]
        try:
            yield
        finally:
            load.end()
    for client in clients:
        client.result()
