"""A world in which feeds bring prices into stores a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client; time, queues and the workspace are fakes written by
hand, and every call to the outside stops at a gate (tests/integration/steps.py). Storefronts are built at once.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from google.cloud.firestore import AsyncClient

from functions.prices.assortments import Assortments
from functions.prices.cancelling import Cancelling
from functions.prices.endings import Endings
from functions.prices.letters import UpdateLetters
from functions.prices.lines_of_parts import Line
from functions.prices.planning import Planning, StoreLines
from functions.prices.queues import PRICE_UPDATES, UpdateTask
from functions.prices.rerun import Reruns
from functions.prices.runs import COLLECTION, Counts, NewRun, Run, Runs, stored_run
from functions.prices.stores import Range, RunStore, RunStores
from functions.prices.sweeper import Sweeper
from functions.prices.updating import Updating
from infra.local.clock import Clock
from shared import dead_letters, storefronts
from shared.assortments import (
    Page,
    assortment_document,
    decode_page,
    owner_of,
    page_document,
    page_of,
    sku_hash,
    stored_assortment,
)
from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import PermanentError, TransientError
from shared.problems import Problem
from shared.storefronts import STOREFRONT_REBUILD, RebuildRequests, RebuildTask, StorefrontTask
from shared.tasks import Attempt
from tests.integration import steps
from tests.integration.steps import FakeQueues, Workshop, gate

MAX_PAGE_ITEMS = 3

# What a feed says: by store, its lines in their order.
Said = Mapping[str, Sequence[Line]]


class FakeParts:
    """The workspace as updates see it: each feed is one part."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self.fails: Exception | None = None

    def add(self, run_id: str, said: Said) -> dict[str, StoreLines]:
        content, stores = b"", {}
        for store_id, lines in said.items():
            text = "".join(
                f"{line.sku}\t{line.price}\t{line.currency}\t{line.available:d}\t{line.category_id}\t"
                f"{line.product_id}\t{line.name}\n"
                for line in lines
            ).encode()
            stores[store_id] = StoreLines([Range(0, len(content), len(text))], len(lines))
            content += text
        self.parts[run_id] = content
        return stores

    async def lines(self, run_id: str, where: Range) -> bytes:
        await gate()
        if self.fails:
            raise self.fails
        return self.parts[run_id][where.offset : where.offset + where.length]


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, for worlds of prices."""

    def world(self) -> "World":
        """A world of its own. To be called inside the loop that serves."""
        return World(self.database(), self.clock)


class World(Workshop):
    """Price updates with everything around them."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db = db
        self.clock = clock
        self.queues: Any = FakeQueues()
        self.parts = FakeParts()
        self.said: dict[str, tuple[NewRun, Said]] = {}
        # Runs whose event is still to be delivered.
        self.announced: list[str] = []
        self.built: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self.runs = Runs(db, clock.now)
        self.stores = RunStores(db, clock.now)
        requests = RebuildRequests(db, self.queues, clock.now)
        self.endings = Endings(db, self.runs, self.stores, requests, clock.now)
        self.planning = Planning(db, self.runs, self.stores, self.queues, clock.now)
        self.updating = Updating(
            db, self.stores, Assortments(db, clock.now, MAX_PAGE_ITEMS), self.parts, self.endings
        )
        self.letterbox = UpdateLetters(self.stores, self.endings, DeadLetters(db, clock.now))
        self.cancelling = Cancelling(self.runs, self.stores, self.endings, clock.now)
        self.sweeper = Sweeper(self.runs, self.planning, self.endings, self.cancelling, clock.now)
        self.reruns = Reruns(self.runs, self.stores, self.planning, clock.now)

    # What retailers and operators do

    def drop(self, retailer: str, said: Said, stamp: str = "") -> str:
        """A feed comes into its bucket; the id of its run. The event about it is not delivered yet.

        Args:
            stamp: the feeds' numbers are in theirs, unless one is to be older.
        """
        number = len(self.said) + 1
        name = f"feeds/{retailer}/{number}.csv"
        run = NewRun(f"{number:024x}", retailer, name, number, stamp or f"stamp-{number:03}")
        self.said[run.id] = run, said
        self.announced.append(run.id)
        return run.id

    async def rerun(self, run_id: str, store_id: str | None) -> None:
        async def begun() -> None:
            if run := await self.runs.get(run_id):
                # Refused while it is under way, or if it has no such store.
                with suppress(Problem):
                    await self.reruns.begin(run, store_id)

        await self.begin("rerun", begun)

    async def cancel(self, run_id: str) -> None:
        async def cancelled() -> None:
            if await self.runs.get(run_id):
                # Refused once it has ended.
                with suppress(Problem):
                    await self.cancelling.begin(run_id)

        await self.begin("cancel", cancelled)

    # What the platform does

    async def announce(self, run_id: str) -> None:
        """Deliver the event of a feed; if its handler fails or dies, it comes again."""
        await self.begin("event", lambda: self._announce(run_id))

    async def _announce(self, run_id: str) -> None:
        try:
            await self._ingest(run_id)
        except (TransientError, asyncio.CancelledError):
            self.announced.append(run_id)
            raise

    async def _ingest(self, run_id: str) -> None:
        new, said = self.said[run_id]
        run = await self.runs.begin(new)
        if run.status == "ingesting":
            lines = sum(map(len, said.values()))
            stores = self.parts.add(run_id, said)
            run = await self.planning.plan(run, Counts(lines, lines, 0), None, stores)
        if run.status == "running" and not run.enqueued:
            await self.planning.enqueue(run)

    async def deliver(self, task: UpdateTask) -> None:
        """Deliver a task; if it fails or dies, it waits again, unless that was its last attempt."""
        await self.begin("update", lambda: self._deliver(task))

    async def _deliver(self, task: UpdateTask) -> None:
        attempt = Attempt("task", self._failed[task.key] + 1, PRICE_UPDATES.max_attempts)
        try:
            await self._attempt(task, attempt)
        except (TransientError, asyncio.CancelledError):
            self._failed[task.key] += 1
            if not attempt.is_last:
                self.queues.waiting.append(steps.Task(PRICE_UPDATES.name, task))
            raise

    async def _attempt(self, task: UpdateTask, attempt: Attempt) -> None:
        """As :class:`shared.tasks.TaskHandler` settles it."""
        try:
            await self.updating.run(task, attempt)
        except PermanentError as error:
            await self._bury(task, attempt, error)
        except TransientError as error:
            if not attempt.is_last:
                raise
            await self._bury(task, attempt, error)

    async def _bury(self, task: UpdateTask, attempt: Attempt, error: Exception) -> None:
        queue, function = PRICE_UPDATES.name, PRICE_UPDATES.function
        await self.letterbox.add(
            DeadLetter(task.key, queue, function, task.model_dump(), str(error), attempt.number)
        )

    async def sweep(self) -> None:
        async def swept() -> None:
            await self.sweeper.sweep()

        await self.begin("sweep", swept)

    async def build_storefronts(self) -> None:
        """Whatever rebuild is waiting is done."""
        rebuilds = [task for task in self.queues.waiting if task.queue == STOREFRONT_REBUILD.name]
        for task in rebuilds:
            self.queues.waiting.remove(task)
            assert isinstance(task.payload, StorefrontTask)
            rebuild = task.payload.root
            assert isinstance(rebuild, RebuildTask)
            ticket = max(rebuild.ticket, self.built[rebuild.store_id])
            self.built[rebuild.store_id] = ticket
            document = self.db.collection(storefronts.COLLECTION).document(rebuild.store_id)
            await document.update({"built": ticket})

    # What the test decides

    @property
    def updates(self) -> list[UpdateTask]:
        """The updates that are waiting."""
        return [task.payload for task in self.queues.waiting if task.queue == PRICE_UPDATES.name]

    def take(self, task: UpdateTask) -> None:
        self.queues.waiting.remove(steps.Task(PRICE_UPDATES.name, task))

    async def run_all(self) -> None:
        """Let everything under way come to its end, and deliver what is waiting, once."""
        await self.finish()
        announced, self.announced = self.announced, []
        for run_id in announced:
            await self.announce(run_id)
        for task in self.updates:
            self.take(task)
            await self.deliver(task)
        await self.finish()
        await self.build_storefronts()

    async def until_quiet(self) -> None:
        """Time passes, everything is tried again and swept, until no run is under way."""
        for _ in range(40):
            await self.run_all()
            if not self.queues.waiting and not self.announced:
                if not any(run.is_open for run in await self.all_runs()):
                    return
                self.clock.advance(1_000)
                await self.sweep()
        raise AssertionError(f"still to happen: {self.queues.waiting} {await self.all_runs()}")

    async def replay_all(self) -> None:
        """An operator has all dead letters tried again."""
        for letter in await self.letters():
            task = UpdateTask.model_validate_json(letter["payload"])
            self._failed[task.key] = 0
            self.queues.waiting.append(steps.Task(PRICE_UPDATES.name, task))
        await self.until_quiet()

    async def rerun_partial(self) -> None:
        """An operator runs again what did not end well. A feed that nobody read to its end is as none at all."""
        for run in await self.all_runs():
            if run.status == "cancelled" and not run.stores:
                del self.said[run.id]
            elif run.status in ("partial", "cancelled"):
                await self.rerun(run.id, None)
                await self.until_quiet()

    # What is so

    async def converges(self) -> None:
        """See that, once quiet and nothing is in the way, each store is as the last writers of its items say."""
        await self.until_quiet()
        await self.replay_all()
        await self.rerun_partial()
        for run in await self.all_runs():
            if run.id not in self.said:
                continue
            stores = await self.stores_of(run.id)
            assert {store.store_id for store in stores} == set(self.said[run.id][1])
            refused = {store.store_id for store in stores if store.status == "refused"}
            assert set(run.failed) == refused
            assert (run.status, list(run.missing)) == ("partial" if refused else "done", [])
        for store_id in {store for _, said in self.said.values() for store in said}:
            await self._check_store(store_id)
        await self.check_semaphore()

    async def _check_store(self, store_id: str) -> None:
        owner = await owner_of(self.db, store_id)
        feeds = [
            said[store_id]
            for run, said in sorted(self.said.values(), key=lambda each: each[0].stamp)
            if store_id in said and run.retailer == owner
        ]
        assert await self.items(store_id) == {line.sku: line for feed in feeds for line in feed}
        snapshot = await self.db.collection(storefronts.COLLECTION).document(store_id).get()
        assert (snapshot.to_dict() or {})["requested"] == self.built[store_id]

    async def check_semaphore(self) -> None:
        """See that no store ended well before all of its chunks had come in, and none asked for a rebuild twice."""
        calm = not await self.letters()
        updated: Counter[str] = Counter()
        for run in await self.all_runs():
            for store in await self.stores_of(run.id):
                seen = await self.stores.latch(run.id, store.store_id, store.series).state()
                # Past its deadline a store is shown as its chunks come in.
                calm = calm and self.clock.now() <= seen.deadline
                if store.status in ("updated", "unchanged"):
                    assert seen.complete
                    assert seen.released
                    assert not store.is_dirty
                updated[store.store_id] += store.status == "updated"
                calm = calm and run.series == 0 and not run.missing_count and run.status != "cancelled"
        if calm:
            for store_id, times in updated.items():
                snapshot = await self.db.collection(storefronts.COLLECTION).document(store_id).get()
                assert (snapshot.to_dict() or {}).get("requested", 0) == times

    async def check_ends(self) -> None:
        """See that a run which has ended names whoever has not come, or came to grief."""
        for run in await self.all_runs():
            if run.status not in ("done", "partial"):
                continue
            stores = await self.stores_of(run.id)
            absent = {store.store_id for store in stores if store.status == "pending"}
            ill = {store.store_id for store in stores if store.status in ("failed", "refused")}
            assert absent <= set(run.missing)
            assert ill <= {*run.missing, *run.failed}
            assert (run.status == "done") == (not run.missing and not run.failed)

    async def all_runs(self) -> list[Run]:
        found = [stored_run(each) async for each in self.db.collection(COLLECTION).stream()]
        return [run for run in found if run]

    async def stores_of(self, run_id: str) -> list[RunStore]:
        return [store async for some in self.stores.walk(run_id) for store in some]

    async def letters(self) -> list[dict[str, Any]]:
        found = self.db.collection(dead_letters.COLLECTION).stream()
        return [snapshot.to_dict() or {} async for snapshot in found]

    async def items(self, store_id: str) -> dict[str, Line]:
        """What a store sells, by SKU; sees that its pages are as they should be."""
        stored = stored_assortment(await assortment_document(self.db, store_id).get())
        if stored is None:
            return {}
        items: dict[str, Line] = {}
        for prefix in stored.pages:
            snapshot = await page_document(self.db, store_id, prefix).get()
            page = decode_page(snapshot.get("content"))
            self._check_page(stored.pages, prefix, page)
            items |= {row[0]: Line(*row) for row in zip(*page, strict=True)}
        assert stored.items == len(items)
        return items

    def _check_page(self, prefixes: Sequence[str], prefix: str, page: Page) -> None:
        assert list(page.skus) == sorted(page.skus)
        assert len(page.skus) <= MAX_PAGE_ITEMS
        assert all(page_of(set(prefixes), sku_hash(sku)) == prefix for sku in page.skus)
