"""No harm done when the cache's Redis is gone, hangs, refuses, goes back in time, or answers nonsense."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from shared.cache import VersionedCache
from shared.redis_cache import ANSWER_SECONDS, PAUSE_SECONDS
from tests.integration.shared.conftest import Caches, Connect
from tests.integration.shared.redis_server import RedisServer
from tests.unit.shared.cache_doubles import (
    ONE,
    PATIENCE,
    TWO,
    Database,
    SlowLoad,
    Timer,
    UnreliableRedis,
    update,
)


@pytest.fixture
def db() -> Database:
    return Database(ONE)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            pass


async def test_a_redis_that_is_gone_is_noticed_once_and_slows_nothing_down(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database, told: Callable[[], list[str]]
) -> None:
    cache = process(connect(mortal), ANSWER_SECONDS)
    mortal.stop()
    await all_from_the_database(cache, db)
    assert told() == ["cache.unreachable"]


async def test_a_redis_that_hangs_is_waited_for_once(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database, told: Callable[[], list[str]]
) -> None:
    redis = connect(mortal)
    await redis.ping()
    cache = process(redis, ANSWER_SECONDS)
    mortal.freeze()
    await all_from_the_database(cache, db)
    assert told() == ["cache.unreachable"]


async def all_from_the_database(cache: VersionedCache, db: Database) -> None:
    """Reads and writes of many keys, fast enough to show that Redis is not waited for each time."""
    times, began = 50, asyncio.get_running_loop().time()
    for key in map(str, range(times)):
        assert await cache.get(key, db.load) == ONE
        await cache.fence(key, 2)
        await cache.put(key, TWO)
    assert db.loads == times
    assert asyncio.get_running_loop().time() - began < times * ANSWER_SECONDS


async def test_a_redis_that_goes_in_the_middle_of_a_load_is_not_noticed_by_the_reader(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database
) -> None:
    cache, load = process(connect(mortal)), SlowLoad(db)
    readers = [asyncio.create_task(cache.get("p", load)) for _ in range(5)]
    await load.has_read.wait()
    mortal.stop()
    load.may_arrive.set()
    assert await asyncio.gather(*readers) == [ONE] * 5
    assert db.loads == 1


async def test_without_redis_misses_of_the_same_moment_still_share_one_load(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database
) -> None:
    cache, load = process(connect(mortal)), SlowLoad(db)
    mortal.stop()
    readers = [asyncio.create_task(cache.get("p", load)) for _ in range(20)]
    await load.has_read.wait()
    load.may_arrive.set()
    assert await asyncio.gather(*readers) == [ONE] * 20
    assert db.loads == 1


async def test_without_redis_who_comes_after_a_write_shares_no_load_begun_before_its_commit(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database
) -> None:
    cache, load = process(connect(mortal)), SlowLoad(db)
    mortal.stop()
    await cache.fence("p", 2)
    slow = asyncio.create_task(cache.get("p", load))
    await load.has_read.wait()
    db.entry = TWO
    await cache.put("p", TWO)
    assert await cache.get("p", db.load) == TWO
    load.may_arrive.set()
    await slow


async def test_a_redis_that_is_back_is_used_again(
    process: Caches,
    connect: Connect,
    mortal: RedisServer,
    db: Database,
    timer: Timer,
    told: Callable[[], list[str]],
) -> None:
    cache = process(connect(mortal))
    mortal.stop()
    await cache.get("p", db.load)
    mortal.start_again()
    await cache.get("p", db.load)
    assert db.loads == 2
    timer.now += PAUSE_SECONDS
    assert [await cache.get("p", db.load) for _ in range(3)] == [ONE] * 3
    assert db.loads == 3
    assert told() == ["cache.unreachable", "cache.reachable"]


async def test_a_redis_that_restarts_between_two_commands_is_not_taken_for_dead(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database, told: Callable[[], list[str]]
) -> None:
    cache = process(connect(mortal))
    await cache.get("p", db.load)
    mortal.stop()
    mortal.start_again()
    # By the time that somebody else is answered, this process has heard that its connections are closed.
    await connect(mortal).ping()
    assert [await cache.get("p", db.load) for _ in range(2)] == [ONE] * 2
    assert db.loads == 2
    assert told() == []


async def test_a_redis_that_thaws_with_something_old_makes_nobody_serve_it_for_long(
    process: Caches, connect: Connect, mortal: RedisServer, db: Database, timer: Timer
) -> None:
    cache, other = process(connect(mortal), ANSWER_SECONDS), process(connect(mortal))
    assert await other.get("p", db.load) == ONE
    mortal.freeze()
    # Finds out, so that nothing of the write is on its way to Redis when that thaws.
    await cache.get("q", db.load)
    await update(cache, db, TWO)
    mortal.thaw()
    assert await other.get("p", db.load) == ONE

    async def others_have_it() -> bool:
        timer.now += PAUSE_SECONDS
        assert await cache.get("p", db.load) == TWO
        return await other.get("p", db.load) == TWO

    await until(others_have_it)


async def delete_unheard(cache: VersionedCache, line: UnreliableRedis, db: Database, key: str) -> None:
    line.state = "cut"
    await cache.fence(key, 2)
    db.entry = None
    await cache.remove(key, 2)


async def test_a_deletion_that_redis_was_not_told_of_is_told_when_it_is_back(
    process: Caches, redis: Redis, db: Database, timer: Timer
) -> None:
    line = UnreliableRedis(redis)
    cache, other = process(line), process(redis)
    for key in ("p", "q"):
        db.entry = ONE
        assert await other.get(key, db.load) == ONE
        await delete_unheard(cache, line, db, key)
        line.state = "well"
        timer.now += PAUSE_SECONDS
        await cache.get("any key will do", db.load)
        await until(lambda key=key: is_gone(other, key, db))


async def test_catching_up_goes_on_after_it_failed(
    process: Caches, redis: Redis, db: Database, timer: Timer, told: Callable[[], list[str]]
) -> None:
    line = UnreliableRedis(redis)
    cache, other = process(line), process(redis)
    await other.get("p", db.load)
    await delete_unheard(cache, line, db, "p")
    for line.state in ("read-only", "well"):
        timer.now += PAUSE_SECONDS
        await cache.get("any key will do", db.load)
    assert told() == ["cache.unreachable", "cache.reachable"] * 2
    await until(lambda: is_gone(other, "p", db))


async def is_gone(cache: VersionedCache, key: str, db: Database) -> bool:
    return await cache.get(key, db.load) is None


async def test_a_redis_that_went_back_makes_nobody_go_back_who_wrote(
    process: Caches, redis: Redis, db: Database
) -> None:
    """As after a failover to a replica that had not got the last writes."""
    cache = process(redis)
    await update(cache, db, TWO)
    await go_back(process(redis), redis)
    assert await cache.get("p", db.load) == TWO


async def test_a_redis_that_went_back_makes_nobody_go_back_who_read(
    process: Caches, redis: Redis, db: Database
) -> None:
    cache = process(redis)
    await update(process(redis), db, TWO)
    assert await cache.get("p", db.load) == TWO
    await go_back(process(redis), redis)
    assert await cache.get("p", db.load) == TWO


async def go_back(replica: VersionedCache, redis: Redis) -> None:
    await redis.flushall()
    await replica.put("p", ONE)


async def test_a_redis_that_forgot_a_write_is_given_nothing_older_by_who_knows_of_it(
    process: Caches, redis: Redis, db: Database
) -> None:
    cache, load = process(redis), SlowLoad(db)
    slow = asyncio.create_task(cache.get("p", load))
    await load.has_read.wait()
    await cache.fence("p", 2)
    db.entry = None
    await cache.remove("p", 2)
    await redis.flushall()
    load.may_arrive.set()
    assert await slow is None
    assert await process(redis).get("p", db.load) is None


async def read_only(redis: Redis) -> None:
    await redis.replicaof("127.0.0.1", "1")


async def full(redis: Redis) -> None:
    await redis.config_set("maxmemory", "1")


async def locked(redis: Redis) -> None:
    await redis.config_set("requirepass", "secret")
    await redis.client_kill_filter(_type="normal", skipme=False)


@pytest.mark.parametrize("become", [read_only, full, locked])
async def test_a_redis_that_refuses_is_as_good_as_dead(
    process: Caches,
    connect: Connect,
    mortal: RedisServer,
    db: Database,
    told: Callable[[], list[str]],
    become: Callable[[Redis], Awaitable[None]],
) -> None:
    redis = connect(mortal)
    cache = process(redis)
    await cache.put("p", ONE)
    await become(redis)
    await update(cache, db, TWO)
    assert await cache.get("p", db.load) == TWO
    assert told() == ["cache.unreachable"]


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says ``answer`` to whatever comes; yields its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536) and answer:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield f"redis://{host}:{port}/0"


@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"*0\r\n",
        b"*2\r\n$3\r\n1:a\r\n$3\r\n1:b\r\n",
        b"*1\r\n:7\r\n",
        b"$-1\r\n",
        b"$abc\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\r\n",
        b"",
    ],
)
async def test_whatever_answers_in_the_place_of_redis_breaks_nothing(
    process: Caches, db: Database, told: Callable[[], list[str]], answer: bytes
) -> None:
    async with answering(answer) as url, Redis.from_url(url, protocol=2, driver_info=None) as redis:
        cache = process(redis)
        assert await cache.get("p", db.load) == ONE
        await update(cache, db, TWO)
        assert await cache.get("p", db.load) == TWO
    assert told()[0] == "cache.unreachable"
