"""The cache in Redis: shared by all processes."""

import asyncio
from random import Random

import pytest
from redis.asyncio import Redis

from shared.cache import FENCE_SECONDS, versioned_cache
from shared.redis_cache import RedisStore
from tests.integration.shared.conftest import Caches, Connect
from tests.integration.shared.redis_server import RedisServer
from tests.unit.shared.cache_doubles import ONE, PATIENCE, TWO, Database, SlowLoad, update
from tests.unit.shared.examples import a_deployment


@pytest.fixture
def db() -> Database:
    return Database(ONE)


async def test_what_one_process_loads_or_writes_the_others_have(
    process: Caches, redis: Redis, db: Database
) -> None:
    here, there = process(redis), process(redis)
    await here.get("p", db.load)
    assert await there.get("p", Database(None).load) == ONE
    await update(there, db, TWO)
    assert await here.get("p", Database(None).load) == TWO
    assert db.loads == 1


async def test_a_reader_slower_than_a_writer_in_another_process_puts_nothing_older_back(
    process: Caches, redis: Redis, db: Database
) -> None:
    here, there = process(redis), process(redis)
    load = SlowLoad(db)
    slow = asyncio.create_task(here.get("p", load))
    await load.has_read.wait()
    await update(there, db, TWO)
    load.may_arrive.set()
    assert await slow == TWO
    assert await there.get("p", db.load) == TWO
    assert db.loads == 1


async def test_a_fence_of_another_process_keeps_out_what_was_read_before_it(
    process: Caches, redis: Redis, db: Database
) -> None:
    here, there = process(redis), process(redis)
    load = SlowLoad(db)
    slow = asyncio.create_task(here.get("p", load))
    await load.has_read.wait()
    await there.fence("p", 2)
    db.entry = None
    load.may_arrive.set()
    assert await slow is None


async def test_who_comes_after_another_process_deleted_shares_no_load_begun_before_its_commit(
    process: Caches, redis: Redis, db: Database
) -> None:
    here, there = process(redis), process(redis)
    await there.fence("p", 2)
    load = SlowLoad(db)
    slow = asyncio.create_task(here.get("p", load))
    await load.has_read.wait()
    db.entry = None
    await there.remove("p", 2)
    assert await here.get("p", db.load) is None
    load.may_arrive.set()
    assert await slow is None


async def test_hits_of_the_same_moment_cost_one_command(process: Caches, redis: Redis) -> None:
    cache = process(redis)
    for key in "abcdefgh":
        await cache.put(key, ONE)
    await redis.config_resetstat()
    await asyncio.gather(*(cache.get(key, Database(None).load) for key in "abcdefghabcdefgh"))
    commands = await redis.info("commandstats")
    assert {name: figures["calls"] for name, figures in commands.items() if name == "cmdstat_mget"} == {
        "cmdstat_mget": 1
    }
    assert "cmdstat_evalsha" not in commands


async def test_a_lookup_whose_first_asker_gives_up_still_answers_the_others(
    process: Caches, redis: Redis
) -> None:
    cache = process(redis)
    await cache.put("p", ONE)
    first, second = (asyncio.create_task(cache.get("p", Database(None).load)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ONE


@pytest.mark.parametrize(("seconds", "shortest", "longest"), [(1000, 900, 1100), (10, 120, 120)])
async def test_entries_live_as_long_as_they_should_give_or_take_a_tenth(
    redis: Redis, seconds: float, shortest: float, longest: float
) -> None:
    store = RedisStore(redis, f"{seconds}/", seconds, Random(0), answer_seconds=PATIENCE)
    for key in map(str, range(20)):
        await store.offer(key, ONE)
    lives = [await redis.pttl(f"{seconds}/{key}") / 1000 for key in range(20)]
    # Some of it has passed already.
    assert all(shortest - PATIENCE < life <= longest for life in lives)
    assert shortest == longest or len({round(life) for life in lives}) > 10


async def test_a_fence_lapses_after_two_minutes(process: Caches, redis: Redis) -> None:
    await process(redis).fence("p", 2)
    (key,) = [key async for key in redis.scan_iter("*two_minutes*")]
    assert FENCE_SECONDS - PATIENCE < await redis.pttl(key) / 1000 <= FENCE_SECONDS


@pytest.mark.parametrize("nonsense", [b"", b"nonsense", b":", b"-1:x", b"1.5:x"])
async def test_a_string_that_is_none_of_ours_is_replaced(
    request: pytest.FixtureRequest, process: Caches, redis: Redis, db: Database, nonsense: bytes
) -> None:
    await redis.set(f"{request.node.name}p", nonsense)
    cache = process(redis)
    assert [await cache.get("p", db.load) for _ in range(2)] == [ONE, ONE]
    assert db.loads == 1


async def test_the_cache_is_in_the_redis_that_the_settings_name(
    connect: Connect, server: RedisServer
) -> None:
    redis = connect(server)
    await redis.ping()
    await versioned_cache(a_deployment(REDIS_URL=server.url)).put("p-1", ONE)
    assert await redis.get("products/p-1") == b"1:one"
