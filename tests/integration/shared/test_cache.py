"""The cache against readers that are slower than writers: the same for a cache in the process and one in Redis."""

import asyncio
from random import Random

import pytest

from shared.cache import MAX_LOADS, Entry, MemoryStore, Store, VersionedCache
from shared.redis_cache import RedisStore
from tests.unit.shared.cache_doubles import ONE, PATIENCE, THREE, TWO, Database, SlowLoad, update


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore(300, Random(0))
    redis = request.getfixturevalue("connect")(request.getfixturevalue("server"))
    return RedisStore(redis, request.node.name, 300, Random(0), answer_seconds=PATIENCE)


@pytest.fixture
def cache(store: Store) -> VersionedCache:
    return VersionedCache(store, load_seconds=PATIENCE)


@pytest.fixture
def db() -> Database:
    return Database(ONE)


async def under_way(cache: VersionedCache, load: SlowLoad) -> "asyncio.Task[Entry | None]":
    """A get that has read the database and waits for the answer."""
    reader = asyncio.create_task(cache.get("p", load))
    await load.has_read.wait()
    return reader


async def test_what_was_loaded_once_is_not_loaded_again(cache: VersionedCache, db: Database) -> None:
    assert [await cache.get("p", db.load) for _ in range(3)] == [ONE] * 3
    assert db.loads == 1


async def test_a_value_can_be_any_bytes(cache: VersionedCache) -> None:
    for key, value in {"empty": b"", "colons": b"::1:", "zero": b"\0\r\n\xff"}.items():
        await cache.put(key, Entry(7, value))
        assert await cache.get(key, Database(None).load) == Entry(7, value)


async def test_what_was_put_is_not_loaded(cache: VersionedCache, db: Database) -> None:
    await update(cache, db, TWO)
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 0


async def test_keys_are_apart(cache: VersionedCache, db: Database) -> None:
    await cache.put("q", TWO)
    await cache.fence("r", 3)
    assert await cache.get("p", db.load) == ONE


async def test_what_is_not_there_is_asked_for_each_time(cache: VersionedCache, db: Database) -> None:
    db.entry = None
    assert [await cache.get("p", db.load) for _ in range(3)] == [None] * 3
    assert db.loads == 3


async def test_many_who_miss_at_once_share_one_load(cache: VersionedCache, db: Database) -> None:
    load = SlowLoad(db)
    readers = [asyncio.create_task(cache.get("p", load)) for _ in range(20)]
    await load.has_read.wait()
    load.may_arrive.set()
    assert await asyncio.gather(*readers) == [ONE] * 20
    assert db.loads == 1


async def test_a_load_that_fails_fails_for_all_that_share_it_and_leaves_nothing(
    cache: VersionedCache, db: Database
) -> None:
    async def fail() -> Entry | None:
        raise ConnectionError("the database is away")

    answers = await asyncio.gather(*(cache.get("p", fail) for _ in range(5)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["the database is away"] * 5
    assert await cache.get("p", db.load) == ONE


async def test_a_reader_that_gives_up_takes_nobody_elses_answer_away(
    cache: VersionedCache, db: Database
) -> None:
    load = SlowLoad(db)
    first, second = (asyncio.create_task(cache.get("p", load)) for _ in range(2))
    await load.has_read.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    load.may_arrive.set()
    assert await second == ONE
    assert db.loads == 1


async def test_a_load_that_hangs_holds_nobody_up_for_ever(store: Store, db: Database) -> None:
    cache = VersionedCache(store, load_seconds=0.01)
    with pytest.raises(TimeoutError):
        await cache.get("p", SlowLoad(db))
    assert await VersionedCache(store, PATIENCE).get("p", db.load) == ONE


async def test_a_reader_slower_than_a_writer_puts_nothing_older_back(
    cache: VersionedCache, db: Database
) -> None:
    load = SlowLoad(db)
    slow = await under_way(cache, load)
    await update(cache, db, TWO)
    load.may_arrive.set()
    assert await slow == TWO
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 1


async def test_a_reader_slower_than_a_writer_that_dies_after_its_commit_loads_again(
    cache: VersionedCache, db: Database
) -> None:
    load = SlowLoad(db)
    slow = await under_way(cache, load)
    await cache.fence("p", 2)
    db.entry = TWO
    load.may_arrive.set()
    assert await slow == TWO
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 2


async def test_a_reader_slower_than_a_deletion_brings_nothing_back(
    cache: VersionedCache, db: Database
) -> None:
    load = SlowLoad(db)
    slow = await under_way(cache, load)
    await cache.fence("p", 2)
    db.entry = None
    await cache.remove("p", 2)
    load.may_arrive.set()
    assert await slow is None
    assert await cache.get("p", db.load) is None


async def test_who_comes_after_a_deletion_shares_no_load_begun_before_its_commit(
    cache: VersionedCache, db: Database
) -> None:
    load = SlowLoad(db)
    await cache.fence("p", 2)
    slow = await under_way(cache, load)
    db.entry = None
    await cache.remove("p", 2)
    assert await cache.get("p", db.load) is None
    load.may_arrive.set()
    # It was asked before the deletion was told of, so it may answer either way; but it leaves nothing.
    await slow
    assert await cache.get("p", db.load) is None


async def test_a_load_that_was_overtaken_leaves_the_next_one_to_be_shared(
    cache: VersionedCache, db: Database
) -> None:
    before, after = SlowLoad(db), SlowLoad(db)
    overtaken = await under_way(cache, before)
    await cache.fence("p", 2)
    current = await under_way(cache, after)
    before.may_arrive.set()
    await overtaken
    another = Database(None)
    joined = asyncio.create_task(cache.get("p", another.load))
    # Whoever could have been loading by then, is.
    await cache.get("q", Database(None).load)
    after.may_arrive.set()
    assert [await current, await joined] == [ONE, ONE]


async def test_a_fence_hides_what_is_cached_and_older(cache: VersionedCache, db: Database) -> None:
    await cache.get("p", db.load)
    await cache.fence("p", 2)
    db.entry = TWO
    assert await cache.get("p", db.load) == TWO


async def test_what_is_read_between_fence_and_commit_is_not_kept(cache: VersionedCache, db: Database) -> None:
    await cache.fence("p", 2)
    assert await cache.get("p", db.load) == ONE
    db.entry = TWO
    assert await cache.get("p", db.load) == TWO


async def test_a_fence_whose_writer_died_means_misses_only(cache: VersionedCache, db: Database) -> None:
    await cache.get("p", db.load)
    await cache.fence("p", 2)
    assert [await cache.get("p", db.load) for _ in range(3)] == [ONE] * 3
    assert db.loads == 1 + 3
    await update(cache, db, TWO)
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 1 + 3


async def test_a_fence_of_a_version_that_is_cached_already_hides_nothing(
    cache: VersionedCache, db: Database
) -> None:
    """The fence of a writer that has lost against another."""
    await cache.put("p", TWO)
    await cache.fence("p", 2)
    assert await cache.get("p", db.load) == TWO
    assert db.loads == 0


@pytest.mark.parametrize("late", [ONE, TWO])
async def test_a_write_that_comes_late_replaces_nothing_newer(
    cache: VersionedCache, db: Database, late: Entry
) -> None:
    await update(cache, db, THREE)
    await cache.fence("p", late.version)
    await cache.put("p", late)
    assert await cache.get("p", db.load) == THREE
    assert db.loads == 0


async def test_a_reader_overtaken_again_and_again_answers_at_last(
    cache: VersionedCache, db: Database
) -> None:
    async def overtaken() -> Entry | None:
        entry = await db.load()
        await cache.fence("p", db.loads + 1)
        db.entry = Entry(db.loads + 1, b"")
        return entry

    answer = await cache.get("p", overtaken)
    assert answer is not None
    assert answer.version == db.loads == MAX_LOADS
