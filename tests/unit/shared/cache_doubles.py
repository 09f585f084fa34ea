"""What stands around a cache in its tests: time, a database, and a client of an unreliable Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from shared.cache import Entry, VersionedCache

if TYPE_CHECKING:
    from redis.asyncio import Redis

# Long enough for a machine that is busy with other tests.
PATIENCE = 30.0

ONE, TWO, THREE = Entry(1, b"one"), Entry(2, b"two"), Entry(3, b"three")


class Timer:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Database:
    """Holds one value, and counts how often it is read."""

    def __init__(self, entry: Entry | None) -> None:
        self.entry = entry
        self.loads = 0

    async def load(self) -> Entry | None:
        self.loads += 1
        return self.entry


class SlowLoad:
    """A load that has read the database, but whose answer is under way until it may arrive."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.has_read = asyncio.Event()
        self.may_arrive = asyncio.Event()

    async def __call__(self) -> Entry | None:
        entry = await self._db.load()
        self.has_read.set()
        await self.may_arrive.wait()
        return entry


async def update(cache: VersionedCache, db: Database, entry: Entry) -> None:
    """A write of the product "p", as a writer should do it."""
    await cache.fence("p", entry.version)
    db.entry = entry
    await cache.put("p", entry)


class UnreliableRedis:
    """A client whose commands do not arrive (``cut``), whose answers do not (``deaf``), or whose Redis takes no writes
    (``read-only``).
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self.state = "well"

    async def mget(self, keys: list[str]) -> Any:
        return await self._over_the_wire(lambda: self._redis.mget(keys))

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        script = self._redis.register_script(text)

        async def run(keys: list[str], args: list[Any]) -> Any:
            if self.state == "read-only":
                raise ConnectionError("read-only")
            return await self._over_the_wire(lambda: script(keys, args))

        return run

    async def _over_the_wire(self, command: Callable[[], Awaitable[Any]]) -> Any:
        if self.state == "cut":
            raise ConnectionError("cut off")
        answer = await command()
        if self.state == "deaf":
            raise ConnectionError("the answer was lost")
        return answer
