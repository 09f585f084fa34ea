"""A cache in one process: how long and how much it keeps. What it keeps out is tested for both kinds of cache."""

import subprocess
import sys
from random import Random

import pytest

from shared.cache import (
    FENCE_SECONDS,
    MAX_FLOORS,
    MEMORY_ENTRIES,
    MEMORY_SECONDS,
    MemoryStore,
    VersionedCache,
    jittered,
)
from tests.unit.shared.cache_doubles import ONE, TWO, Database, Timer


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def cache(timer: Timer) -> VersionedCache:
    return VersionedCache(MemoryStore(300, Random(0), timer))


@pytest.fixture
def db() -> Database:
    return Database(ONE)


@pytest.mark.parametrize(("seconds", "shortest", "longest"), [(300, 4.5, 5.5), (1, 0.9, 1.1)])
async def test_an_entry_lives_as_long_as_it_should_but_never_long(
    timer: Timer, db: Database, seconds: float, shortest: float, longest: float
) -> None:
    cache = VersionedCache(MemoryStore(seconds, Random(0), timer))
    await cache.get("p", db.load)
    timer.now = shortest - 0.01
    await cache.get("p", db.load)
    assert db.loads == 1
    timer.now = longest + 0.01
    await cache.get("p", db.load)
    assert db.loads == 2


async def test_entries_made_at_once_do_not_all_lapse_at_once(
    cache: VersionedCache, timer: Timer, db: Database
) -> None:
    keys = [str(number) for number in range(100)]
    for key in keys:
        await cache.get(key, db.load)
    timer.now = MEMORY_SECONDS
    for key in keys:
        await cache.get(key, db.load)
    assert 120 < db.loads < 180


def test_the_jitter_is_a_tenth_to_either_side() -> None:
    random = Random(0)
    lives = [jittered(100, random) for _ in range(1000)]
    assert 90 <= min(lives) < 91
    assert 109 < max(lives) <= 110


async def test_a_fence_outlives_the_entries_and_then_lapses(
    cache: VersionedCache, timer: Timer, db: Database
) -> None:
    await cache.fence("p", 2)
    timer.now = FENCE_SECONDS - 0.01
    await cache.get("p", db.load)
    assert await cache.get("p", db.load) == ONE
    assert db.loads == 2
    timer.now = FENCE_SECONDS
    await cache.get("p", db.load)
    assert await cache.get("p", db.load) == ONE
    assert db.loads == 3


async def test_a_fence_that_is_set_again_lives_on(cache: VersionedCache, timer: Timer, db: Database) -> None:
    await cache.fence("p", 2)
    timer.now = FENCE_SECONDS - 1
    await cache.fence("p", 2)
    timer.now += FENCE_SECONDS - 1
    await cache.get("p", db.load)
    await cache.get("p", db.load)
    assert db.loads == 2


async def test_an_entry_that_has_lapsed_still_keeps_older_ones_out(
    cache: VersionedCache, timer: Timer, db: Database
) -> None:
    await cache.put("p", TWO)
    timer.now = 60.0
    await cache.put("p", ONE)
    db.entry = TWO
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 1


async def test_the_least_recently_used_entry_makes_room(cache: VersionedCache, db: Database) -> None:
    for key in map(str, range(MEMORY_ENTRIES)):
        await cache.put(key, ONE)
    await cache.get("0", db.load)
    await cache.put("one more", ONE)
    await cache.get("0", db.load)
    assert db.loads == 0
    await cache.get("1", db.load)
    assert db.loads == 1


async def test_fences_without_end_do_not_fill_the_memory(cache: VersionedCache, db: Database) -> None:
    for key in map(str, range(MAX_FLOORS + 1)):
        await cache.fence(key, 2)
    for key in ("0", "0", "1"):
        await cache.get(key, db.load)
    # The first fence is forgotten; so its key, alone, is cached again.
    assert db.loads == 2


def test_a_process_without_redis_never_imports_its_client() -> None:
    program = (
        "import sys; from shared.cache import versioned_cache; from tests.unit.shared.examples import a_deployment;"
        "versioned_cache(a_deployment()); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "redis" not in done.stdout.split()
