"""A world in which the returns sync can be run a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client. Time, the queues and the index are fakes written by
hand, and every call to the outside stops at a gate (tests/integration/steps.py).
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient

from functions.returns.batches import PUSH_TIME
from functions.returns.index_settings import IndexSettings
from functions.returns.ingestion import Ingestion, Message
from functions.returns.planner import Planner
from functions.returns.processing import Processor
from functions.returns.projection import Save, decide
from infra.local.clock import Clock
from infra.local.firestore.stats import Stats
from shared.dead_letters import DeadLetters
from shared.errors import TransientError
from shared.return_sync.queues import RETURN_SYNC
from shared.return_sync.runs import NewRun, SyncRuns
from shared.return_sync.walk import COLLECTION
from shared.search import RefusedError
from tests.integration import steps
from tests.integration.steps import FakeQueues, Task, Workshop, gate

MAX_RECORD_BYTES = 10_000


class FakeIndex:
    """Algolia as the product sees it. A request that is on its way for too long has timed out, without effect."""

    name = "order_returns"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self.on_their_way = 0
        self.operations = 0
        self.refuses: set[str] = set()

    async def batch(self, requests: Sequence[dict[str, Any]]) -> None:
        sent = self._clock.now()
        self.on_their_way += 1
        await gate()
        self.on_their_way -= 1
        if self._clock.now() - sent > PUSH_TIME:
            raise TransientError("timed out")
        self._apply(requests)
        await gate()

    def _apply(self, requests: Sequence[dict[str, Any]]) -> None:
        self.requests += 1
        bodies = [request["body"] for request in requests]
        if bad := self.refuses.intersection(body["objectID"] for body in bodies):
            raise RefusedError(f"objectID={min(bad)} is not acceptable")
        self.operations += len(requests)
        for request in requests:
            object_id = request["body"]["objectID"]
            if request["action"] == "deleteObject":
                self.records.pop(object_id, None)
            else:
                self.records[object_id] = request["body"]

    async def set_settings(self, settings: dict[str, Any], replica: str = "") -> None:
        await gate()


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, and worlds in it."""

    def world(self) -> "World":
        """A world of its own. To be called inside the loop that serves."""
        return World(self.database(), self.clock, self.service.stats)


class World(Workshop):
    """The returns sync with everything around it."""

    def __init__(self, db: AsyncClient, clock: Clock, stats: Stats, index: Any = None) -> None:
        super().__init__()
        self.clock = clock
        self.db = db
        self._stats = stats
        self.queues = FakeQueues()
        self.index = index or FakeIndex(clock)
        self.runs = SyncRuns(db, clock.now)
        self.ingestion = Ingestion(db, clock.now)
        self._planner = Planner(db, self.runs, self.queues, IndexSettings(db, self.index), clock.now)  # type: ignore[arg-type]
        self._processor = Processor(
            db=db,
            runs=self.runs,
            index=self.index,
            dead_letters=DeadLetters(db, clock.now),
            clock=clock.now,
            max_record_bytes=MAX_RECORD_BYTES,
        )

    # What happens in the world

    async def ingest(self, *messages: Message) -> None:
        await self.ingestion.apply(messages, None)

    async def cron(self, new: NewRun | None = None) -> None:
        await self.begin("cron", lambda: self._cron(new or NewRun()))

    async def _cron(self, new: NewRun) -> None:
        if record := await self.runs.start(new):
            await self.queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")

    async def cancel(self) -> None:
        """An operator cancels the run that is active."""
        await self.begin("cancel", self._cancel)

    async def _cancel(self) -> None:
        if state := await self.runs.newest():
            await self.runs.cancel(state.run_id)

    async def deliver(self, task: Task) -> None:
        """Deliver ``task``; if it fails or dies, it waits in its queue again."""
        await self.begin(task.queue, lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        try:
            await self._run(task)
        except (TransientError, asyncio.CancelledError):
            self.queues.waiting.append(task)
            raise

    async def _run(self, task: Task) -> None:
        run = self._planner.run if task.queue == RETURN_SYNC.name else self._processor.run
        await run(task.payload)  # type: ignore[arg-type]

    # What the test decides

    async def run_all(self) -> None:
        """Let everything under way come to its end, and deliver what is waiting, once."""
        while self.works:
            await self.step(self.works[0])
        waiting, self.queues.waiting = self.queues.waiting, []
        for task in waiting:
            await self.deliver(task)
        while self.works:
            await self.step(self.works[0])

    async def until_quiet(self, crons: int = 3) -> None:
        """Time passes, tasks are tried again and crons fire, until whole runs have begun and ended."""
        await self._until_rest()
        for _ in range(crons):
            self.clock.advance(timedelta(minutes=15).total_seconds())
            await self.cron()
            await self._until_rest()

    async def _until_rest(self) -> None:
        for _ in range(50):
            await self.run_all()
            if not self.queues.waiting:
                return
            # The pause before a queue tries again; claims of the dead lapse meanwhile.
            self.clock.advance(30)
        raise AssertionError(f"still waiting: {self.queues.waiting}")

    # What is so

    def reads(self) -> int:
        """Documents read so far, as Google bills them."""
        return self._stats.reads

    def changes(self) -> tuple[int, int, int]:
        """What has been done outside so far: another value after each change."""
        written = self._stats.writes + self._stats.deletes
        return written, self.queues.enqueued, self.index.requests

    async def documents(self) -> dict[str, dict[str, Any]]:
        return {s.id: s.to_dict() or {} async for s in self.db.collection(COLLECTION).stream()}

    async def projection(self, as_of: datetime) -> dict[str, dict[str, Any]]:
        """What the index should hold."""
        decisions = [
            decide(return_id, stored, as_of, MAX_RECORD_BYTES)
            for return_id, stored in (await self.documents()).items()
        ]
        return {d.return_id: d.record for d in decisions if isinstance(d, Save)}

    async def dead_letters(self) -> list[dict[str, Any]]:
        letters = [s.to_dict() or {} async for s in self.db.collection("dead_letters").stream()]
        return [letter | {"payload": json.loads(letter["payload"])} for letter in letters]
