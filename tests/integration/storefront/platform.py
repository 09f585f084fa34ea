"""A platform whose categories are changed a step at a time, and the stores that are to be told of it.

The stores are real but for what they sell: nothing, so that each rebuild is small.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from functions.storefront.building import Rebuild
from functions.storefront.category_changes import CategoryChanges
from functions.storefront.counters import Counters
from functions.storefront.events import EventBatches
from functions.storefront.fan_outs import FanOuts
from functions.storefront.refreshing import Refreshing
from functions.storefront.removal import Removal
from functions.storefront.shards import Shards
from functions.storefront.snapshots import Snapshots
from functions.storefront.states import States
from functions.storefront.tree import Placement
from functions.storefront.upkeep import Nightly, Sweeper
from infra.local.clock import Clock
from shared.errors import TransientError
from shared.storefronts import COLLECTION, RebuildRequests, RebuildTask, RefreshTask, StorefrontTask
from shared.tasks import Attempt, Queue
from tests.integration.steps import FakeQueues, Task, Workshop

_ATTEMPT = Attempt("task", 1, 12)


class DelayedQueues(FakeQueues):
    """Keeps for each task when it is due."""

    def __init__(self) -> None:
        super().__init__()
        # By identity, with the payloads themselves: once one is gone, the next may have the same.
        self._delayed: dict[int, tuple[BaseModel, datetime]] = {}

    async def enqueue(
        self, queue: Queue[Any], payload: BaseModel, *, key: str, not_before: datetime | None = None
    ) -> bool:
        if not_before:
            self._delayed[id(payload)] = (payload, not_before)
        return await super().enqueue(queue, payload, key=key, not_before=not_before)

    def take(self, now: datetime) -> list[Task]:
        """The tasks that are due, which wait no longer."""
        due = [task for task in self.waiting if self._due_at(task, now) <= now]
        self.waiting = [task for task in self.waiting if task not in due]
        return due

    def _due_at(self, task: Task, at_once: datetime) -> datetime:
        _, not_before = self._delayed.get(id(task.payload), (None, at_once))
        return not_before


class Platform(Workshop):
    """Categories, stores, and all that stands between them."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db = db
        self.clock = clock
        self.queues: Any = DelayedQueues()
        self.requests = RebuildRequests(db, self.queues, clock.now)
        self.fan_outs = FanOuts(db, self.queues, clock.now)
        self.shards = Shards(db, clock.now)
        self.changes = CategoryChanges(self.shards, self.fan_outs)
        self.states = States(db, clock.now)
        self.batches = EventBatches(db, clock.now)
        counters, removal = Counters(db), Removal(db, self.states)
        self.rebuild = Rebuild(
            db=db,
            states=self.states,
            snapshots=Snapshots(db, counters, self.batches),
            counters=counters,
            batches=self.batches,
            requests=self.requests,
            removal=removal,
            clock=clock.now,
        )
        self.refreshing = Refreshing(db, self.requests, self.batches, self.fan_outs, clock.now)
        self.sweeper = Sweeper(db, self.states, self.requests, removal, self.fan_outs, clock.now)
        self.nightly = Nightly(self.fan_outs, clock.now)
        # The walks and the rebuilds that were delivered.
        self.walks: list[RefreshTask] = []
        self.rebuilds: list[RebuildTask] = []

    # What people do

    async def open_stores(self, *store_ids: str) -> None:
        """Have stores built for the first time."""
        for store_id in store_ids:
            await self.requests.request(store_id)
        await self.run_due()

    async def put(self, category_id: str, parent_id: str | None = None, name: str = "Food") -> None:
        """Begin to put a category in the tree."""
        placement = Placement(id=category_id, parent_id=parent_id, name=name)

        async def put() -> None:
            await self.changes.put([placement], lambda version: None)

        await self.begin("put", put)

    # What the platform does

    async def deliver(self, task: Task) -> None:
        """Deliver a task; if it fails or dies, it waits again."""
        await self.begin("task", lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        assert isinstance(task.payload, StorefrontTask)
        try:
            match task.payload.root:
                case RefreshTask() as walk:
                    self.walks.append(walk)
                    await self.refreshing.run(walk, _ATTEMPT)
                case RebuildTask() as rebuild:
                    self.rebuilds.append(rebuild)
                    await self.rebuild.run(rebuild, _ATTEMPT)
        except (TransientError, asyncio.CancelledError):
            self.queues.waiting.append(task)
            raise

    async def run_due(self) -> None:
        """Deliver what is due, and what comes of it, each to its end."""
        await self.finish()
        while due := self.queues.take(self.clock.now()):
            for task in due:
                await self.deliver(task)
                await self.finish()

    async def walk(self) -> None:
        """Deliver the walks that are due, and let the rebuilds wait that they ask for."""
        await self.finish()
        due = self.queues.take(self.clock.now())
        self.queues.waiting += [task for task in due if isinstance(task.payload.root, RebuildTask)]
        for task in due:
            if isinstance(task.payload.root, RefreshTask):
                await self.deliver(task)
                await self.finish()

    async def sweep(self) -> None:
        async def swept() -> None:
            await self.sweeper.sweep()

        await self.begin("sweep", swept)

    async def converges(self) -> None:
        """See that, once quiet, all stores show the categories as they are."""
        for _ in range(4):
            self.clock.advance(700)
            await self.run_due()
            await self.sweep()
            await self.run_due()
        version = await self.shards.version()
        assert set((await self.shown()).values()) == {version}
        assert not self.queues.waiting

    # What is so

    async def shown(self) -> dict[str, int]:
        """Which version of the categories each store shows."""
        return {
            store_id: fields.get("categories_version", 0)
            for store_id, fields in (await self.stored()).items()
        }

    async def tickets(self) -> dict[str, int]:
        """How many tickets were drawn for each store."""
        return {store_id: fields["requested"] for store_id, fields in (await self.stored()).items()}

    async def stored(self) -> dict[str, dict[str, Any]]:
        """The documents of the storefronts."""
        return {each.id: each.to_dict() or {} async for each in self.db.collection(COLLECTION).stream()}

    async def write(self, store_ids: Sequence[str], **fields: Any) -> None:
        """Write storefronts as they would be after much else has happened."""
        batch = self.db.batch()
        for store_id in store_ids:
            document = self.db.collection(COLLECTION).document(store_id)
            batch.set(document, {"store_id": store_id, "requested": 1, "built": 1, "current": 1} | fields)
        await batch.commit()
