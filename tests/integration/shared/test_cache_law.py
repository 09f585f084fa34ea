"""The law of the cache, in whatever order things happen: who has seen a version never sees an older one.

Readers and writers stop at gates, before and after each thing that they do, and Hypothesis says who goes next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from itertools import count
from random import Random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from shared.cache import Entry, MemoryStore, VersionedCache
from shared.redis_cache import PAUSE_SECONDS, RedisStore
from tests.unit.shared.cache_doubles import PATIENCE, Timer, UnreliableRedis

# Newer than all versions: what is seen of a product that was deleted.
GONE = 1_000_000
KEY = "p"

Settle = Callable[[], Awaitable[None]]
Script = Sequence[tuple[str, int]]
_examples = count()


class World:
    """One product in a database, and processes that read it and write it, each through a cache of its own.

    Args:
        settle: lets everybody go on to the next gate.
        share_what_they_saw: whether the law holds for all processes as one, or for each by itself.
    """

    def __init__(
        self, caches: Sequence[VersionedCache], settle: Settle, *, share_what_they_saw: bool
    ) -> None:
        self._caches = caches
        self._settle = settle
        self._shared = share_what_they_saw
        self._seen = [0 for _ in caches]
        self._gates: list[asyncio.Event] = []
        self._actors: list[asyncio.Task[None]] = []
        self.version = 1
        self.deleted = False

    async def step(self, action: str, choice: int) -> None:
        process = choice % len(self._caches)
        match action:
            case "read":
                self._start(self._read(process))
            case "update" | "delete":
                self._start(self._write(process, delete=action == "delete"))
            case "go on" if self._gates:
                self._gates.pop(choice % len(self._gates)).set()
            case "kill" if living := self._living():
                living[choice % len(living)].cancel()
        await self._settle()

    async def end(self) -> None:
        """Everybody finishes; what went wrong with anybody is raised."""
        while self._living() or self._gates:
            for gate in self._gates:
                gate.set()
            self._gates.clear()
            await self._settle()
        for actor in self._actors:
            if not actor.cancelled():
                actor.result()

    def newest(self) -> int:
        return GONE if self.deleted else self.version

    async def cached(self) -> list[int]:
        """What each process sees now."""

        async def load() -> Entry | None:
            return self._stored()

        return [_seen(await cache.get(KEY, load)) for cache in self._caches]

    async def _read(self, process: int) -> None:
        before = self._seen_by(process)
        seen = _seen(await self._caches[process].get(KEY, self._load))
        assert before <= seen <= self.newest()
        self._seen[process] = max(self._seen[process], seen)

    async def _write(self, process: int, *, delete: bool) -> None:
        cache, version = self._caches[process], self.version + 1
        if self.deleted:
            return
        await self._gate()
        await cache.fence(KEY, version)
        await self._gate()
        if self.deleted or self.version + 1 != version:
            return
        self.version, self.deleted = version, delete
        await self._gate()
        await (cache.remove(KEY, version) if delete else cache.put(KEY, _entry(version)))
        self._seen[process] = max(self._seen[process], GONE if delete else version)

    async def _load(self) -> Entry | None:
        stored = self._stored()
        await self._gate()
        return stored

    def _stored(self) -> Entry | None:
        return None if self.deleted else _entry(self.version)

    def _seen_by(self, process: int) -> int:
        return max(self._seen) if self._shared else self._seen[process]

    async def _gate(self) -> None:
        gate = asyncio.Event()
        self._gates.append(gate)
        await gate.wait()

    def _start(self, actor: Coroutine[Any, Any, None]) -> None:
        self._actors.append(asyncio.create_task(actor))

    def _living(self) -> list[asyncio.Task[None]]:
        return [actor for actor in self._actors if not actor.done()]


def _entry(version: int) -> Entry:
    return Entry(version, b"v%d" % version)


def _seen(entry: Entry | None) -> int:
    if entry is None:
        return GONE
    assert entry == _entry(entry.version)
    return entry.version


async def turns_of_the_loop() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def scripts(*more: str) -> st.SearchStrategy[Script]:
    usual = ["read", "read", "update", "delete", "go on", "go on", "go on", "kill"]
    return st.lists(st.tuples(st.sampled_from([*usual, *more]), st.integers(0, 7)), max_size=40)


quick = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)


@quick
@given(scripts("lapse"))
async def test_a_process_with_its_own_cache_sees_nothing_older_than_it_saw(script: Script) -> None:
    timer = Timer()
    cache = VersionedCache(MemoryStore(300, Random(0), timer), PATIENCE)
    world = World([cache], turns_of_the_loop, share_what_they_saw=True)
    for action, choice in script:
        # Entries lapse, and several times; fences, which outlive whoever is under way, do not.
        timer.now += 6.0 if action == "lapse" and timer.now < 90 else 0.0
        await world.step(action, choice)
    await world.end()
    assert await world.cached() == [world.newest()]


@quick
@given(scripts())
# Between a deletion and the word of it, one process finds nothing; the other must not share a load from before.
@example([("delete", 0), ("go on", 0), ("read", 1), ("go on", 0), ("read", 0), ("go on", 2), ("read", 1)])
async def test_processes_with_one_redis_see_nothing_older_than_any_of_them_saw(
    redis: Redis, script: Script
) -> None:
    prefix = f"{next(_examples)}/"
    stores = [RedisStore(redis, prefix, 300, Random(0), answer_seconds=PATIENCE) for _ in range(2)]
    world = World(
        [VersionedCache(store, PATIENCE) for store in stores], pings(redis), share_what_they_saw=True
    )
    for action, choice in script:
        await world.step(action, choice)
    await world.end()
    assert await world.cached() == [world.newest()] * 2


@quick
@given(scripts("cut", "deaf", "heal", "heal", "empty"))
async def test_a_process_sees_nothing_older_than_it_saw_whatever_becomes_of_redis(
    redis: Redis, script: Script
) -> None:
    prefix, timer = f"{next(_examples)}/", Timer()
    clients = [UnreliableRedis(redis), UnreliableRedis(redis)]
    stores = [RedisStore(client, prefix, 300, Random(0), timer, PATIENCE) for client in clients]  # type: ignore[arg-type]
    world = World(
        [VersionedCache(store, PATIENCE) for store in stores], pings(redis), share_what_they_saw=False
    )
    for action, choice in script:
        match action:
            case "cut" | "deaf":
                clients[choice % 2].state = action
            case "heal":
                clients[choice % 2].state = "well"
                timer.now += PAUSE_SECONDS
            case "empty":
                await redis.flushall()
        await world.step(action, choice)
    await world.end()


def pings(redis: Redis) -> Settle:
    async def settle() -> None:
        for _ in range(4):
            await redis.ping()

    return settle
