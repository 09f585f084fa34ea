"""A world in which storefronts are rebuilt, read and rolled back a step at a time, in any order, and killed at any
step.

Each change of the store gives all its items the same new price, which is the *revision* of the store: so a reader who
sees two prices has seen half of something.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from google.cloud.firestore import AsyncClient

from functions.storefront import counters as counting
from functions.storefront.building import Rebuild
from functions.storefront.counters import Counters, Event
from functions.storefront.documents import COLLECTION as VIEWS
from functions.storefront.documents import WHOLE, Kind
from functions.storefront.events import EventBatches
from functions.storefront.fan_outs import FanOuts
from functions.storefront.generations import Storefront, rolled_back
from functions.storefront.refreshing import Refreshing
from functions.storefront.removal import Removal
from functions.storefront.serving import Serving, ViewCache
from functions.storefront.shards import Shards
from functions.storefront.snapshots import Snapshots
from functions.storefront.states import States
from functions.storefront.tree import Placement
from functions.storefront.upkeep import Sweeper
from infra.local.clock import Clock
from shared.assortments import Page, assortment_document, decode_page, encode_page, page_document
from shared.errors import TransientError
from shared.problems import Problem
from shared.storefronts import STOREFRONT_REBUILD, RebuildRequests, RebuildTask, StorefrontTask
from shared.tasks import Attempt
from tests.integration import steps
from tests.integration.steps import FakeQueues, Task, Work, Workshop

STORE = "s1"
SKUS = ("apple", "pear", "plum")
# Which items are on which page.
PAGES = {"0": SKUS[:2], "1": SKUS[2:]}
TREE = (
    Placement(id="food", name="Food"),
    Placement(id="fruit", name="Fruit", parent_id="food"),
    Placement(id="sweet", name="Sweet fruit", parent_id="fruit"),
)


@dataclass(frozen=True)
class Shown:
    """What a reader has got: the generation, and the price of everything in it."""

    generation: int
    revision: int


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, for worlds of storefronts."""

    async def world(self) -> "World":
        """A world of its own, with a store that has never been built. To be called inside the loop that serves."""
        world = World(self.database(), self.clock)
        await world.furnish()
        return world


class World(Workshop):
    """One store, its builders, and two processes that serve it."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db = db
        self.clock = clock
        self.queues: Any = FakeQueues()
        self.requests = RebuildRequests(db, self.queues, clock.now)
        self.states = States(db, clock.now)
        self.batches = EventBatches(db, clock.now)
        self.removal = Removal(db, self.states)
        self.rebuild = self._builder(self.batches)
        # The sweeper finds that the walk for the world's categories never began.
        fan_outs = FanOuts(db, self.queues, clock.now)
        self.sweeper = Sweeper(db, self.states, self.requests, self.removal, fan_outs, clock.now)
        self.refreshing = Refreshing(db, self.requests, self.batches, fan_outs, clock.now)
        self.readers = [Reader(self), Reader(self)]
        self.revision = 0
        # Sent, and whether its sender has been told that it was taken in.
        self.sent: dict[str, tuple[Sequence[Event], bool]] = {}
        # How often the pointer may have gone back, and how many are at it.
        self.rollbacks = 0
        self.rolling_back = 0
        # The newest generation that anybody has been shown since the last rollback.
        self.floor = 0
        # What each generation was seen to show.
        self.seen: dict[tuple[int, str, str], bytes] = {}

    def _builder(self, batches: EventBatches) -> Rebuild:
        counters = Counters(self.db)
        return Rebuild(
            db=self.db,
            states=self.states,
            snapshots=Snapshots(self.db, counters, batches),
            counters=counters,
            batches=batches,
            requests=self.requests,
            removal=self.removal,
            clock=self.clock.now,
        )

    def fold_at_most(self, batches: int) -> None:
        """Have rebuilds fold no more batches of events at once."""
        self.rebuild = self._builder(EventBatches(self.db, self.clock.now, batches))

    async def furnish(self) -> None:
        """Categories and items, of revision 0."""
        shards = Shards(self.db, self.clock.now)
        stored = await shards.read()
        changes = stored.tree.put_all(TREE)
        await shards.write(stored, stored.tree.changed(changes), changes)
        await self._change(0)

    # What changes the store

    async def change(self, *, lost: bool = False) -> None:
        """New prices, and a ticket with them; perhaps without its task."""
        self.revision += 1
        revision = self.revision

        async def changed() -> None:
            task = await self._change(revision)
            if not lost:
                await self.requests.enqueue(task)

        await self.begin("change", changed)

    async def _change(self, revision: int) -> RebuildTask:
        batch = self.db.batch()
        self.requests.write(batch, STORE)
        known = {"retailer": "acme", "pages": list(PAGES), "items": len(SKUS), "ledger": b""}
        batch.set(assortment_document(self.db, STORE), known | {"changed_at": self.clock.now()})
        for prefix, skus in PAGES.items():
            batch.set(page_document(self.db, STORE, prefix), {"content": encode_page(_page(skus, revision))})
        written = await batch.commit()
        ticket = int(written[0].transform_results[0].integer_value)
        return RebuildTask(store_id=STORE, ticket=ticket)

    async def request(self) -> None:
        async def requested() -> None:
            await self.requests.request(STORE)

        await self.begin("request", requested)

    async def go_back(self) -> Storefront:
        """What a rollback does.

        Raises:
            Problem: 409, there is nothing to go back to.
        """
        return await self.states.step(STORE, lambda state, now: rolled_back(state, None, now))

    async def roll_back(self) -> None:
        await self.begin("rollback", self._roll_back)

    async def _roll_back(self) -> None:
        self.rolling_back += 1
        try:
            await self.go_back()
        except Problem as problem:
            if problem.status != 409:
                raise
        finally:
            self.rolling_back -= 1
            self.rollbacks += 1
            self.floor = 0

    async def send(self, batch_id: str, sent: Sequence[Event]) -> None:
        """Send a batch of events, perhaps again."""
        _, told = self.sent.get(batch_id, (sent, False))
        self.sent[batch_id] = (sent, told)

        async def taken_in() -> None:
            await self.batches.add(STORE, batch_id, sent)
            self.sent[batch_id] = (sent, True)

        await self.begin("send", taken_in)

    # What the platform does

    async def deliver(self, task: Task) -> None:
        """Deliver a task; if it fails or dies, it waits again."""
        await self.begin("task", lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        payload = task.payload
        assert isinstance(payload, StorefrontTask)
        attempt = Attempt("task", 1, STOREFRONT_REBUILD.max_attempts)
        try:
            if isinstance(payload.root, RebuildTask):
                await self.rebuild.run(payload.root, attempt)
            else:
                await self.refreshing.run(payload.root, attempt)
        except (TransientError, asyncio.CancelledError):
            self.queues.waiting.append(task)
            raise

    async def sweep(self) -> None:
        async def swept() -> None:
            await self.sweeper.sweep()

        await self.begin("sweep", swept)

    async def read(self, reader: int) -> None:
        """Read pages of the store in one of the processes, if it is not at that already."""
        if not self.readers[reader].busy:
            await self.begin("read", self.readers[reader].read)

    # What the test decides

    async def run_all(self) -> None:
        """Let everything under way come to its end, and deliver what is waiting, once."""
        await self.finish()
        waiting, self.queues.waiting = self.queues.waiting, []
        for task in waiting:
            await self.deliver(task)
        await self.finish()

    async def finish_but(self, other: Work) -> None:
        """Let everything under way come to its end, except one piece of work."""
        while rest := [work for work in self.works if work is not other]:
            await self.step(rest[0])

    async def until_quiet(self) -> None:
        """Time passes, everything is tried again and swept, until nothing is to happen to the store."""
        for _ in range(30):
            for _ in range(3):
                await self.run_all()
            if not self.queues.waiting and not await self.due():
                return
            self.clock.advance(700)
            self.queues.forget()
            await self.sweep()
        raise AssertionError(f"still to happen: {await self.state()}")

    async def due(self) -> bool:
        fields = (await self.requests.document(STORE).get()).to_dict()
        return bool(fields["due_at"] or fields["cleanup_at"])

    # What is so

    async def state(self) -> Storefront:
        state = await self.states.get(STORE)
        assert state
        return state

    async def stored(self) -> int:
        """The revision of the change that came last, which need not be the one that was begun last."""
        page = await page_document(self.db, STORE, next(iter(PAGES))).get()
        return decode_page(page.get("content")).prices[0] // 100

    async def shown(self) -> Shown:
        """What a new process shows."""
        return await Reader(self).main_page()

    async def counts(self) -> counting.Counts:
        """What the counters say."""
        found = [each async for each in Counters(self.db).query(STORE).stream()]
        return counting.decode([each.get("content") for each in found])

    async def documents(self) -> Counter[int]:
        """How many documents of views there are, by generation."""
        return Counter([int(each.id.split(":")[1]) async for each in self.db.collection(VIEWS).stream()])

    async def converges(self) -> None:
        """See that, once quiet, the latest prices are shown, each batch counts once, and nothing else is kept."""
        for batch_id, (sent, told) in list(self.sent.items()):
            if not told:
                await self.send(batch_id, sent)
        await self.finish()
        self.floor = 0
        await self.request()
        await self.until_quiet()
        assert (await self.shown()).revision == await self.stored()
        assert await self.counts() == expected(sent for sent, _ in self.sent.values())
        state, documents = await self.state(), await self.documents()
        assert set(documents) == set(state.generations) == {state.current, state.previous} - {None}
        assert not state.claim


class Reader:
    """A process that serves storefronts, to one reader at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._serving = Serving(world.db, ViewCache(world.db, 1_000_000))
        self.busy = False

    async def read(self) -> None:
        """Read three pages; see that each is whole, as every time, and not older than what anybody was shown before."""
        self.busy = True
        try:
            for kind, key in (("TREE0", WHOLE), ("FETCH", "fruit"), ("TREE", WHOLE)):
                await self._read(kind, key)
        except asyncio.CancelledError:
            # What was in its memory goes with the process.
            self._serving = Serving(self._world.db, ViewCache(self._world.db, 1_000_000))
            raise
        finally:
            self.busy = False

    async def _read(self, kind: Kind, key: str) -> None:
        world = self._world
        floor, rollbacks = world.floor, world.rollbacks
        try:
            served = await self._serving.read(STORE, kind, key, lambda generation: False)
        except Problem:
            # As long as nothing was built.
            if world.seen:
                raise
            return
        assert served.body
        assert world.seen.setdefault((served.generation, kind, key), served.body) == served.body
        if kind != "TREE":
            shown(served.body)
        if rollbacks == world.rollbacks and not world.rolling_back:
            assert served.generation >= floor, "older after newer"
            world.floor = max(world.floor, served.generation)

    async def main_page(self) -> Shown:
        served = await self._serving.read(STORE, "TREE0", WHOLE, lambda generation: False)
        assert served.body
        return shown(served.body)


def shown(body: bytes) -> Shown:
    """What a page shows: one price for all that is on it."""
    page = orjson.loads(body)
    found = re.findall(rb'"price":"(\d+)', body)
    assert len(set(found)) == 1, body
    return Shown(page["generation"], int(found[0]))


def expected(batches: Iterable[Sequence[Event]]) -> counting.Counts:
    """What the counters are to say when each batch counts once."""
    return counting.fold({}, (event for batch in batches for event in batch), SKUS)


def _page(skus: Sequence[str], revision: int) -> Page:
    many = len(skus)
    prices, homes = [revision * 100] * many, ["sweet"] * many
    return Page(sorted(skus), prices, ["EUR"] * many, [True] * many, homes, [""] * many, list(skus))
