"""Plans a run whose feed has been read: a document and a latch for each store, a latch for the run, then the tasks.

All of it can be done again from the beginning, after a death or by a twin: the documents follow from the feed alone,
and are created, never replaced.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from google.api_core.exceptions import AlreadyExists

from functions.prices.queues import PRICE_UPDATES, UpdateTask
from functions.prices.runs import CONFLICTS, FINISHED_WITHIN, KEPT, MAX_TURNS, Counts, Run, Runs
from functions.prices.stores import Range, RunStore, RunStores, Work
from shared.assortments import sku_hash
from shared.clock import Clock
from shared.errors import TransientError
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

MAX_STORES = 10_000
"""Stores in one feed; more are taken for a wrong column, and the feed is refused."""

# As many lines as a task is to have on average: some seconds' work, and some megabytes.
CHUNK_LINES = 20_000
# Of each store, two documents are written in one commit of at most 500.
_STORES_A_COMMIT = 200
_COMMITS_AT_ONCE = 8
_TASKS_AT_ONCE = 50


@dataclass(frozen=True)
class StoreLines:
    """Where all lines of a store are, in the order of the feed, and how many they are."""

    ranges: Sequence[Range]
    lines: int


def chunks_of(lines: int) -> int:
    """Into how many chunks a store's lines are cut: a power of two, as chunks are made of hashes."""
    chunks = 1
    while lines > chunks * CHUNK_LINES:
        chunks *= 2
    return chunks


def chunk_of(sku: str, chunks: int) -> int:
    """The chunk of an item: the first bits of its hash, so that no two chunks share a page of a large assortment."""
    return sku_hash(sku) * chunks >> 32


@dataclass(frozen=True)
class Planning:
    """Plans runs and enqueues their tasks."""

    db: "AsyncClient"
    runs: Runs
    stores: RunStores
    queues: TaskQueues
    clock: Clock

    async def plan(
        self, run: Run, counts: Counts, report: str | None, stores: Mapping[str, StoreLines]
    ) -> Run:
        """Make of an ``ingesting`` run a ``running`` one. Two writes a store, 200 stores a commit.

        Args:
            stores: by id, at least one and no more than :data:`MAX_STORES`.

        Returns:
            The run as it is now, also when somebody else has planned it meanwhile.

        Raises:
            TransientError: somebody else keeps writing the run.
        """
        numbered = list(enumerate(sorted(stores)))
        several = asyncio.Semaphore(_COMMITS_AT_ONCE)

        async def some(first: int) -> None:
            async with several:
                some = numbered[first : first + _STORES_A_COMMIT]
                await self._create(run, [(number, store, stores[store]) for number, store in some])

        await asyncio.gather(*(some(first) for first in range(0, len(numbered), _STORES_A_COMMIT)))
        return await self._start(run, counts, report, len(numbered))

    async def _create(self, run: Run, stores: Sequence[tuple[int, str, StoreLines]]) -> None:
        now = self.clock()
        batch = self.db.batch()
        for number, store_id, where in stores:
            chunks = chunks_of(where.lines)
            fields: dict[str, Any] = {
                "run_id": run.id,
                "store_id": store_id,
                "retailer": run.retailer,
                "stamp": run.stamp,
                "number": number,
                "ranges": orjson.dumps([tuple(each) for each in where.ranges]),
                "lines": where.lines,
                "chunks": chunks,
                "series": 0,
                "status": "pending",
                "work": Work()._asdict(),
                "is_dirty": False,
                "reason": "",
                "updated_at": now,
                "expire_at": now + KEPT,
            }
            batch.create(self.stores.document(run.id, store_id), fields)
            self.stores.latch(run.id, store_id, 0).open(batch, now + FINISHED_WITHIN, chunks)
        # The same stores are always in the same commit: where one is there already, so are the others.
        with suppress(AlreadyExists):
            await batch.commit()

    async def _start(self, run: Run, counts: Counts, report: str | None, stores: int) -> Run:
        fields = {"lines": counts.lines, "good": counts.good, "bad": counts.bad, "report": report}
        for _ in range(MAX_TURNS):
            now = await self.runs.existing(run.id)
            if now.status != "ingesting":
                return now
            await self.runs.start_series(now, {**fields, "stores": stores}, members=stores)
        raise TransientError("Somebody else keeps writing the run.")

    async def enqueue(self, run: Run) -> None:
        """Put all tasks of a run's latest series on the queue, each once however often this is done.

        Stores that are still in an earlier series are brought into it first.

        Raises:
            TransientError: somebody else keeps writing the run, or stores of it.
        """
        several = asyncio.Semaphore(_TASKS_AT_ONCE)

        async def one(task: UpdateTask) -> None:
            async with several:
                await self.queues.enqueue(PRICE_UPDATES, task, key=task.key)

        async for stores in self._of_series(run):
            if run.series and not (await self.runs.existing(run.id)).is_open:
                # Cancelled: stores of a series before are not to be brought into this one.
                return
            opened = await self._open(run, stores)
            due = [store for store in opened if store.series == run.series and not store.is_settled]
            await asyncio.gather(*(one(task) for store in due for task in store.tasks))
        await self._note_enqueued(run)

    async def _of_series(self, run: Run) -> AsyncIterator[list[RunStore]]:
        """The stores that a run's latest series is about."""
        if run.rerun_of is None:
            async for stores in self.stores.walk(run.id):
                yield stores
        elif store := await self.stores.get(run.id, run.rerun_of):
            yield [store]

    async def _open(self, run: Run, stores: list[RunStore]) -> list[RunStore]:
        """Bring stores into a series; those stores as they are then."""
        for _ in range(MAX_TURNS):
            behind = [store for store in stores if store.series < run.series]
            if not behind:
                return stores
            batch = self.db.batch()
            for store in behind:
                again = {"series": run.series, "status": "pending", "reason": "", "work": Work()._asdict()}
                self.stores.write_change(batch, store, again)
                latch = self.stores.latch(run.id, store.store_id, run.series)
                latch.open(batch, self.clock() + FINISHED_WITHIN, store.chunks)
            # Somebody else may be doing the same, or a straggler of the series before may be at work.
            with suppress(*CONFLICTS):
                await batch.commit()
            stores = await self.stores.again(stores)
        raise TransientError("Somebody else keeps writing the stores of this run.")

    async def _note_enqueued(self, run: Run) -> None:
        for _ in range(MAX_TURNS):
            now = await self.runs.existing(run.id)
            if now.status != "running" or now.series != run.series or now.enqueued:
                return
            noted = {"enqueued": True, "deadline": self.clock() + FINISHED_WITHIN}
            await self.runs.change(now, noted)
        raise TransientError("Somebody else keeps writing the run.")
