"""Cached entries in a Redis that all instances share, and that may be slow, wrong, full or gone at any moment.

A process that reaches Redis sees what the others write at once. One that does not reach it loads from the database
and remembers what it could not tell; what it may serve is never older than what it knows. The *others* may meanwhile
serve a version older than its writes: until it reaches Redis again and catches up, or, if it ends before that or Redis
has thrown away its fence (by an eviction or a failover), until the entry lapses.

Give Redis a policy that evicts, such as volatile-lru: one that is full and refuses writes goes on serving old entries.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import TTLCache

from shared.cache import FENCE_SECONDS, MAX_FLOORS, Entry, Fence, Floors, Held, Timer, jittered

if TYPE_CHECKING:
    from redis.asyncio import Redis

# A Redis near by answers in 1 ms.
ANSWER_SECONDS = 0.1
# How long a Redis that has failed is not asked.
PAUSE_SECONDS = 3.0

# Compare and set, in one step. Held are "12" for a fence and "12:value" for an entry, which is newer than its fence.
_OFFER = """
local held, offered = redis.call('GET', KEYS[1]), ARGV[1]
if held then
  local ours, theirs = tonumber(string.match(offered, '^%d+')), tonumber(string.match(held, '^%d+')) or 0
  local only_a_fence = not string.find(offered, ':', 1, true)
  if theirs > ours or (theirs == ours and only_a_fence and held ~= offered) then return held end
end
redis.call('SET', KEYS[1], offered, 'PX', ARGV[2])
return ''
"""

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Circuit:
    """Asks Redis while it answers; after a failure nobody asks for ``PAUSE_SECONDS``, and then one, to see."""

    def __init__(self, answer_seconds: float, timer: Timer) -> None:
        self._answer_seconds = answer_seconds
        self._timer = timer
        self._ask_again_at: float | None = None

    @property
    def closed(self) -> bool:
        return self._ask_again_at is None

    async def ask(self, command: Callable[[], Awaitable[T]]) -> T | None:
        """The answer to ``command``, or ``None``: not asked, no answer in time, or a wrong one."""
        if not self._admits():
            return None
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer = await command()
        # A cache is worth no request: refused, hung, read-only, full, no Redis at all, it is the same.
        except Exception as error:
            self._open(error)
            return None
        self._close()
        return answer

    def _admits(self) -> bool:
        if self._ask_again_at is None:
            return True
        if self._timer() < self._ask_again_at:
            return False
        # For the others: the one that is let in finds out.
        self._ask_again_at = self._timer() + PAUSE_SECONDS
        return True

    def _open(self, error: Exception) -> None:
        if self.closed:
            _log.warning("cache.unreachable", extra={"error": f"{type(error).__name__}: {error}"})
        self._ask_again_at = self._timer() + PAUSE_SECONDS

    def _close(self) -> None:
        if not self.closed:
            _log.info("cache.reachable")
        self._ask_again_at = None


class _Lookups:
    """Fetches in one command all keys that are asked for in the same turn of the event loop.

    Most of a lookup's cost is the client's work for a command, so this makes it several times cheaper under load.
    """

    def __init__(self, fetch: Callable[[list[str]], Awaitable[dict[str, Held]]]) -> None:
        self._fetch = fetch
        self._keys: set[str] = set()
        self._answers: asyncio.Task[dict[str, Held]] | None = None

    async def get(self, key: str) -> Held:
        if self._answers is None:
            self._answers = asyncio.create_task(self._fetch_all())
        self._keys.add(key)
        # Shielded: who gives up takes nobody else's answer away.
        return (await asyncio.shield(self._answers)).get(key, Fence(0))

    async def _fetch_all(self) -> dict[str, Held]:
        keys, self._keys, self._answers = list(self._keys), set(), None
        return await self._fetch(keys)


class RedisStore:
    """Entries in one Redis (not a cluster), as strings that begin with their version.

    Args:
        prefix: goes before each key.
        seconds: how long an entry lives, give or take a tenth; ``FENCE_SECONDS`` at least, since an entry is also the
            fence that keeps older ones out.
        random: spreads the ends of their lives, so that they are not all loaded anew at once.
        answer_seconds: how long one command may take, from connecting to the end of the answer.
    """

    def __init__(
        self,
        redis: "Redis",
        prefix: str,
        seconds: float,
        random: Random,
        timer: Timer = time.monotonic,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._seconds = seconds
        self._random = random
        self._set_if_newer = redis.register_script(_OFFER)
        self._circuit = Circuit(answer_seconds, timer)
        self._lookups = _Lookups(self._fetch)
        # By then all older entries that Redis may still hold, or be given by a slow reader, have lapsed. A fence whose
        # commit never came keeps the key out of this process's cache as long, and out of the others' FENCE_SECONDS.
        remembered = 1.1 * max(seconds, FENCE_SECONDS) + FENCE_SECONDS
        self._floors = Floors(remembered, timer)
        self._untold: TTLCache[str, int] = TTLCache(MAX_FLOORS, remembered, timer)
        self._catching_up: asyncio.Task[None] | None = None

    async def look(self, key: str) -> Held:
        return self._unless_older(key, await self._lookups.get(key))

    async def offer(self, key: str, held: Held) -> Held:
        if held.version < self._floors.of(key):
            return await self.look(key)
        self._floors.lift(key, held.version)
        return self._unless_older(key, await self._tell(key, held))

    def _unless_older(self, key: str, held: Held) -> Held:
        """``held``, or a fence if this process knows of something newer."""
        floor = self._floors.of(key)
        if held.version < floor:
            return Fence(floor)
        if isinstance(held, Entry) and held.version > floor:
            self._floors.lift(key, held.version)
        return held

    async def _fetch(self, keys: list[str]) -> dict[str, Held]:
        async def command() -> dict[str, Held]:
            answers: list[Any] = await self._redis.mget([self._prefix + key for key in keys])
            return {key: _decoded(answer) for key, answer in zip(keys, answers, strict=True)}

        held = await self._circuit.ask(command)
        self._catch_up()
        return held or {}

    async def _tell(self, key: str, held: Held) -> Held:
        """Offer ``held`` to Redis; what cannot be told now is noted for later."""

        async def command() -> Held:
            milliseconds = int(self._lifetime(held) * 1000)
            answer = await self._set_if_newer([self._prefix + key], [_encoded(held), milliseconds])
            return _decoded(answer) if answer else held

        answer = await self._circuit.ask(command)
        if answer is None:
            self._untold[key] = held.version
            return held
        self._catch_up()
        return answer

    def _lifetime(self, held: Held) -> float:
        if isinstance(held, Fence):
            return FENCE_SECONDS
        return max(jittered(self._seconds, self._random), FENCE_SECONDS)

    def _catch_up(self) -> None:
        if self._untold and self._circuit.closed and self._catching_up is None:
            self._catching_up = asyncio.create_task(self._tell_the_untold())

    async def _tell_the_untold(self) -> None:
        """Fence off for all processes what was written here while Redis could not be told."""
        try:
            while self._untold and self._circuit.closed:
                key, version = self._untold.popitem()
                await self._tell(key, Fence(version))
        finally:
            self._catching_up = None


def _encoded(held: Held) -> bytes:
    return b"%d:%b" % (held.version, held.value) if isinstance(held, Entry) else b"%d" % held.version


def _decoded(answer: bytes | None) -> Held:
    if answer is None:
        return Fence(0)
    version, separator, value = answer.partition(b":")
    if not version.isdigit():
        # Whose ever it is, it is not ours; the next offer takes its place.
        return Fence(0)
    return Entry(int(version), value) if separator else Fence(int(version))
