"""Feeds are taken in whatever happens on the way: attempts die, events come twice or at once, feeds are gone or bad."""

import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import pytest
from google.cloud.firestore import AsyncClient

from functions.prices.feed_bucket import FeedBucket
from functions.prices.ingestion import Ingestion, ReadParts
from functions.prices.lines_of_parts import Line, read_lines
from functions.prices.planning import Planning
from functions.prices.reading import parts
from functions.prices.runs import Run, Runs
from functions.prices.stores import RunStores
from functions.prices.workspace import Workspace
from infra.local.clock import Clock
from shared.errors import TransientError
from shared.events import StoredObject
from tests.integration.prices.fakes import FakeBucket
from tests.integration.steps import FakeQueues, FirestoreServer, Gated, Workshop, gate

# More gates than a delivery has. The one after a call's effect is as good as the one before the next call's.
GATES = range(0, 80, 2)
NAME = "feeds/acme/prices.csv"
HEADER = "store_id,sku,price,currency,available,name,category_id"
ROWS = [f"s{number % 2},sku{number:02},{number}.50,EUR,true,Tea {number},teas" for number in range(20)]
BAD_ROW = "s1,sku99,cheap,EUR,true,Tea,teas"
# About six lines a part; and as another version of the code might cut.
SIZE, OTHER_SIZE = 260, 410


def feed(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


FEED = feed(*ROWS[:11], BAD_ROW, *ROWS[11:])


def as_json(rows: list[str]) -> bytes:
    names = HEADER.split(",")
    return b"\n".join(orjson.dumps(dict(zip(names, row.split(","), strict=True))) for row in rows)


class GatedFeeds(FeedBucket):
    """What is read has no effects to die before or after, so that writes alone stop at gates."""

    async def write_report(self, name: str, content: bytes) -> None:
        await gate()
        await super().write_report(name, content)
        await gate()


@dataclass(frozen=True)
class Outcome:
    """All that a feed leaves behind, apart from times and from how it was cut."""

    run: dict[str, Any]
    stores: dict[str, list[Line]]
    tasks: set[str]
    report: list[dict[str, Any]]


class World(Workshop):
    """What takes in feeds, with everything around it."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.bucket = FakeBucket(clock)
        self.work_bucket = FakeBucket(clock)
        self.queues: Any = FakeQueues()
        self.runs = Runs(db, clock.now)
        self.stores = RunStores(db, clock.now)
        self.planning = Planning(db, self.runs, self.stores, self.queues, clock.now)
        self.workspace: Any = Workspace(self.work_bucket)  # type: ignore[arg-type]
        self.db = db

    def ingestion(self, read: ReadParts) -> Ingestion:
        return Ingestion(
            runs=self.runs,
            planning=self.planning,
            feeds=GatedFeeds(self.bucket),  # type: ignore[arg-type]
            workspace=Gated(self.workspace),  # type: ignore[arg-type]
            read=read,
            max_bad_share=0.05,
            clock=self.clock.now,
        )

    async def deliver(self, stored: StoredObject, size: int = SIZE) -> None:
        """Begin to deliver an event."""
        work = self.ingestion(partial(parts, size=size))
        await self.begin("event", lambda: work.run(stored))

    async def taken_in(self, stored: StoredObject, size: int = SIZE) -> None:
        """Deliver an event to its end."""
        await self.deliver(stored, size)
        await self.to_its_end(self.works[-1]) if self.works else None

    async def all_runs(self) -> list[Run]:
        found = [await self.runs.get(each.id) async for each in self.db.collection("price_runs").stream()]
        return [run for run in found if run]

    async def outcome(self) -> Outcome:
        (run,) = await self.all_runs()
        told = {
            name: getattr(run, name)
            for name in ("status", "lines", "good", "bad", "report", "stores", "enqueued")
        }
        report = self.bucket.objects[run.report].data if run.report else b""
        return Outcome(
            told,
            await self._lines(run.id),
            {task.payload.key for task in self.queues.waiting},
            [orjson.loads(line) for line in report.splitlines()],
        )

    async def _lines(self, run_id: str) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        async for page in self.stores.walk(run_id):
            for store in page:
                read = [read_lines(await self.workspace.lines(run_id, where)) for where in store.ranges]
                found[store.store_id] = [line for lines in read for line in lines]
                assert len(found[store.store_id]) == store.lines
        return found


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    yield server
    await server.stop()


@pytest.fixture
def world(server: FirestoreServer) -> World:
    return World(server.database(), server.clock)


def expected() -> dict[str, list[str]]:
    """The SKUs of each store, in the order of the feed."""
    found: dict[str, list[str]] = {}
    for row in ROWS:
        store, sku, *_ = row.split(",")
        found.setdefault(store, []).append(sku)
    return found


def skus(outcome: Outcome) -> dict[str, list[str]]:
    return {store: [line.sku for line in lines] for store, lines in outcome.stores.items()}


async def is_taken_in(world: World) -> None:
    """See that the one feed is taken in, each line once."""
    outcome = await world.outcome()
    assert outcome.run == {
        "status": "running",
        "lines": 21,
        "good": 20,
        "bad": 1,
        "report": f"{NAME}.1.bad-lines.ndjson",
        "stores": 2,
        "enqueued": True,
    }
    assert skus(outcome) == expected()
    assert {key.split("/")[1] for key in outcome.tasks} == {"s0", "s1"}
    assert [(line["line"], line["column"]) for line in outcome.report] == [(13, "price")]


async def deliveries(
    server: FirestoreServer, data: bytes = FEED, all_gates: range = GATES
) -> AsyncIterator[tuple[World, StoredObject]]:
    """A world for each gate of a delivery, which stands there."""
    for gates in all_gates:
        world = World(server.database(), server.clock)
        stored = world.bucket.put(NAME, data)
        await world.deliver(stored)
        for _ in range(gates):
            if world.works:
                await world.step(world.works[0])
        if not world.works:
            assert gates > 20, "the delivery must have been under way before"
            return
        yield world, stored
    raise AssertionError("more gates are needed")


async def test_a_delivery_dies_wherever_it_stands(server: FirestoreServer) -> None:
    async for world, stored in deliveries(server):
        await world.kill(world.works[0])
        await world.taken_in(stored)
        await is_taken_in(world)
        assert len(world.work_bucket.objects) == 3


async def test_a_duplicate_comes_wherever_a_delivery_stands(server: FirestoreServer) -> None:
    async for world, stored in deliveries(server, all_gates=GATES[::2]):
        first = world.works[0]
        await world.taken_in(stored)
        await is_taken_in(world)
        await world.to_its_end(first)
        await is_taken_in(world)


async def test_a_duplicate_that_cuts_elsewhere_comes_wherever_a_delivery_stands(
    server: FirestoreServer,
) -> None:
    """As the next version of the code may, while it takes the place of this one."""
    async for world, stored in deliveries(server, all_gates=GATES[1::2]):
        first = world.works[0]
        await world.deliver(stored, OTHER_SIZE)
        for _ in range(9):
            if len(world.works) > 1:
                await world.step(world.works[1])
        await world.to_its_end(first)
        await world.finish()
        await is_taken_in(world)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("feeds/acme/prices.csv.gz", gzip.compress(FEED, mtime=0)),
        ("feeds/acme/prices.csv", gzip.compress(FEED, mtime=0)),
        ("feeds/acme/prices.csv.gz", FEED),
        ("feeds/acme/prices.jsonl", as_json(ROWS)),
    ],
)
async def test_feeds_of_all_kinds_are_taken_in_a_part_a_delivery(
    world: World, name: str, data: bytes
) -> None:
    """Time is up after each part, as it is after hundreds of them."""

    def slow(stream: Any, what: Any, start: Any) -> Iterator[Any]:
        for part in parts(stream, what, start, SIZE):
            world.clock.advance(301)
            yield part

    stored, deliveries = world.bucket.put(name, data), 0
    while not [run for run in await world.all_runs() if run.status == "running"]:
        deliveries += 1
        with suppress(TransientError):
            await world.ingestion(slow).run(stored)
        assert len(world.work_bucket.objects) <= deliveries
    assert deliveries >= 3
    assert skus(await world.outcome()) == expected()


async def test_an_event_of_a_feed_that_is_taken_in_changes_nothing(world: World) -> None:
    stored = world.bucket.put(NAME, FEED)
    await world.taken_in(stored)
    before, written = await world.outcome(), dict(world.work_bucket.objects)
    world.queues.forget()
    await world.taken_in(stored)
    assert await world.outcome() == before
    assert len(world.queues.waiting) == 2
    assert world.work_bucket.objects == written


async def test_the_same_file_again_is_a_later_feed(world: World) -> None:
    for _ in range(2):
        await world.taken_in(world.bucket.put(NAME, FEED))
    first, second = sorted(await world.all_runs(), key=lambda run: run.generation)
    assert first.id != second.id
    assert first.stamp < second.stamp
    assert {first.status, second.status} == {"running"}


async def the_refused(world: World, data: bytes, name: str = NAME) -> Run:
    await world.taken_in(world.bucket.put(name, data))
    (run,) = await world.all_runs()
    assert (run.status, run.stores, world.queues.waiting) == ("refused", 0, [])
    return run


async def test_a_feed_with_too_many_bad_lines_is_refused_with_a_report(world: World) -> None:
    run = await the_refused(world, feed(*ROWS, BAD_ROW, BAD_ROW))
    assert (run.lines, run.good, run.bad) == (22, 20, 2)
    assert run.reason.startswith("2 of 22 lines are bad")
    assert len(world.bucket.objects[run.report or ""].data.splitlines()) == 2


async def test_a_delivery_dies_wherever_its_feed_is_being_refused(server: FirestoreServer) -> None:
    async for world, stored in deliveries(server, feed(*ROWS[:9], BAD_ROW), GATES[::2]):
        await world.kill(world.works[0])
        await world.taken_in(stored)
        (run,) = await world.all_runs()
        assert (run.status, run.bad, world.queues.waiting) == ("refused", 1, [])
        assert len(world.bucket.objects[run.report or ""].data.splitlines()) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (feed(), "no lines"),
        (b"store_id,sku\ns1,a\n", "price"),
        (gzip.compress(FEED)[:-20], "gzip"),
    ],
)
async def test_what_is_no_feed_is_refused_with_the_reason(world: World, data: bytes, reason: str) -> None:
    run = await the_refused(world, data)
    assert reason in run.reason
    assert run.report is None


async def test_a_feed_that_was_overwritten_is_refused(world: World) -> None:
    stored = world.bucket.put(NAME, FEED)
    newer = world.bucket.put(NAME, FEED)
    await world.taken_in(stored)
    await world.taken_in(newer)
    runs = {run.generation: run for run in await world.all_runs()}
    assert runs[stored.generation].status == "refused"
    assert "overwritten" in runs[stored.generation].reason
    assert runs[newer.generation].status == "running"


async def test_an_event_of_a_refused_feed_changes_nothing(world: World) -> None:
    stored = world.bucket.put(NAME, feed())
    await world.taken_in(stored)
    (before,) = await world.all_runs()
    await world.taken_in(stored)
    assert await world.all_runs() == [before]


@pytest.mark.parametrize(
    "name", ["prices.csv", "feeds/prices.csv", "feeds/acme/prices.xlsx", "feeds/a b/p.csv"]
)
async def test_what_is_not_named_as_a_feed_is_left_alone(world: World, name: str) -> None:
    await world.taken_in(world.bucket.put(name, FEED))
    assert await world.all_runs() == []


async def test_a_report_is_no_feed(world: World) -> None:
    await world.taken_in(world.bucket.put(NAME, FEED))
    ((name, report),) = ((name, each) for name, each in world.bucket.objects.items() if name != NAME)
    await world.taken_in(world.bucket.put(name, report.data))
    assert len(await world.all_runs()) == 1
