"""A cache of versioned values in front of a database: never an older version after a newer one.

A reader that is slower than a writer is what makes caches lie: it reads version 1 from the database, a writer commits
and caches version 2, and then the reader puts its version 1 back. Here whoever writes says so first, with
:meth:`VersionedCache.fence`, and from then on nothing older is served or kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Protocol

from cachetools import TLRUCache, TTLCache

from shared.settings import Settings

# How long a fence stands: longer than a writer takes from its fence to its commit (a request lasts 60 s at most) and
# a load from its read to its result, together. So it outlives whoever could still bring what it keeps out.
FENCE_SECONDS = 120.0
# A load that hangs must not hold up for long all that share it.
LOAD_SECONDS = 10.0
# Each load that a fence has overtaken is begun again; with more writers than that, the last result is as good as any.
MAX_LOADS = 3
# Processes cannot tell one another what they write, so what each keeps for itself is short-lived.
MEMORY_SECONDS = 5.0
MEMORY_ENTRIES = 1_000
# About 2 MB: of how many keys a process knows the newest version.
MAX_FLOORS = 10_000

Timer = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and its version, a number that grows with each write of the key."""

    version: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Fence:
    """No value, and the version below which none may be served or kept; 0 lets all in."""

    version: int


Held = Entry | Fence
Load = Callable[[], Awaitable[Entry | None]]


class Store(Protocol):
    """Where entries and fences are held. A store that is out of reach holds nothing, and never raises."""

    async def look(self, key: str) -> Held:
        """What is held for ``key``."""

    async def offer(self, key: str, held: Held) -> Held:
        """Hold ``held`` in the place of anything but a newer version. Returns what is held from now on."""


class VersionedCache:
    """Entries by key, loaded when they are missed; concurrent misses of a key in this process share one load.

    Who writes calls :meth:`fence` before the commit, and after it :meth:`put`, or :meth:`remove` for a deletion. A get
    that begins after that, or after another get has ended, returns nothing older; with which other processes that
    holds depends on the store. What is not there is not cached.

    Args:
        load_seconds: how long one load may take, with its repetitions.
    """

    def __init__(self, store: Store, load_seconds: float = LOAD_SECONDS) -> None:
        self._store = store
        self._load_seconds = load_seconds
        self._flights: dict[str, _Flight] = {}

    async def get(self, key: str, load: Load) -> Entry | None:
        """The entry of ``key``: the cached one, or what ``load`` finds in the database.

        Raises:
            TimeoutError: the database took too long.
            Exception: whatever ``load`` raises, for all that share it; nothing is cached then.
        """
        held = await self._store.look(key)
        if isinstance(held, Entry):
            return held
        flight = self._flights.get(key)
        if flight is None or flight.seen < held.version:
            flight = self._take_off(key, load, held)
        # Shielded: who gives up takes nobody else's answer away.
        return await asyncio.shield(flight.task)

    async def fence(self, key: str, version: int) -> None:
        """Before ``version`` is committed: serve and keep nothing older from now on.

        If the commit never comes that does no harm: gets load from the database until the fence lapses.
        """
        await self._tell(key, Fence(version))

    async def put(self, key: str, entry: Entry) -> None:
        """After ``entry`` was committed: cache it, unless something newer is known."""
        await self._tell(key, entry)

    async def remove(self, key: str, version: int) -> None:
        """After a deletion, the write that made ``version``, was committed."""
        # One more, so that whoever sees it shares no load that began between the fence and the commit.
        await self._tell(key, Fence(version + 1))

    async def _tell(self, key: str, held: Held) -> None:
        # Its load may have begun before the commit, and who asks from now on must not share it.
        self._flights.pop(key, None)
        await self._store.offer(key, held)

    def _take_off(self, key: str, load: Load, seen: Fence) -> "_Flight":
        task = asyncio.create_task(self._fly(key, load, seen))
        flight = self._flights[key] = _Flight(seen.version, task)

        def land(_: object) -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]

        task.add_done_callback(land)
        return flight

    async def _fly(self, key: str, load: Load, seen: Fence) -> Entry | None:
        """Load until no fence has come up since the load began."""
        async with asyncio.timeout(self._load_seconds):
            for _ in range(MAX_LOADS):
                entry = await load()
                if entry is None:
                    await self._tell_of_nothing(key, seen)
                    return None
                held = await self._store.offer(key, entry)
                if isinstance(held, Entry):
                    return held
                if held.version <= seen.version:
                    break
                seen = held
            return entry

    async def _tell_of_nothing(self, key: str, seen: Fence) -> None:
        """What was fenced for its deletion is gone, though perhaps nobody was told yet: as :meth:`remove`."""
        if seen.version:
            await self._store.offer(key, Fence(seen.version + 1))


@dataclass(frozen=True, slots=True)
class _Flight:
    """A load under way, and the fence that was seen before it began."""

    seen: int
    task: asyncio.Task[Entry | None]


class Floors:
    """The newest version that this process knows of each key, for some time and for the most recent keys.

    Args:
        seconds: how long a version is remembered.
    """

    def __init__(self, seconds: float, timer: Timer) -> None:
        self._versions: TTLCache[str, int] = TTLCache(MAX_FLOORS, seconds, timer)

    def of(self, key: str) -> int:
        return self._versions.get(key, 0)

    def lift(self, key: str, version: int) -> None:
        """Remember ``version``, anew if it is known already."""
        self._versions[key] = max(version, self.of(key))


class MemoryStore:
    """Held by this process alone, for the ``MEMORY_ENTRIES`` most recent keys.

    What another process writes is seen once the entry here has lapsed: 5.5 s later at most.

    Args:
        seconds: how long an entry lives, give or take a tenth; ``MEMORY_SECONDS`` at most.
        random: spreads the ends of their lives, so that they are not all loaded anew at once.
    """

    def __init__(self, seconds: float, random: Random, timer: Timer = time.monotonic) -> None:
        life = min(seconds, MEMORY_SECONDS)
        self._entries: TLRUCache[str, Entry] = TLRUCache(
            MEMORY_ENTRIES, lambda _key, _entry, now: now + jittered(life, random), timer
        )
        self._floors = Floors(FENCE_SECONDS, timer)

    async def look(self, key: str) -> Held:
        return self._entries.get(key) or Fence(self._floors.of(key))

    async def offer(self, key: str, held: Held) -> Held:
        if held.version >= self._floors.of(key):
            self._floors.lift(key, held.version)
            if isinstance(held, Entry):
                self._entries[key] = held
            else:
                self._drop_below(held.version, key)
        return await self.look(key)

    def _drop_below(self, version: int, key: str) -> None:
        entry = self._entries.get(key)
        if entry and entry.version < version:
            self._entries.pop(key, None)


def jittered(seconds: float, random: Random) -> float:
    """``seconds``, give or take a tenth."""
    return seconds * random.uniform(0.9, 1.1)


@cache
def versioned_cache(config: Settings) -> VersionedCache:
    """The cache of products: one a process; in Redis if the settings name one, otherwise in the process itself."""
    if not config.redis_url:
        return VersionedCache(MemoryStore(config.product_cache_seconds, Random()))
    # Here, since it imports the client, which takes a good part of a cold start.
    from shared import clients
    from shared.redis_cache import RedisStore

    return VersionedCache(RedisStore(clients.redis(), "products/", config.product_cache_seconds, Random()))
