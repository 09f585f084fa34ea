"""A world in which the returns sync can be run a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client. Time, the queues and the index are fakes written by
hand. Every call that a piece of work makes to the outside stops at a *gate*, once before it has an effect and once
after; the test says whose gate opens next, or that the work dies there.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from functions.returns.batches import PUSH_TIME
from functions.returns.index_settings import IndexSettings
from functions.returns.ingestion import COLLECTION, Ingestion, Message
from functions.returns.planner import Planner
from functions.returns.processing import Processor
from functions.returns.projection import Save, decide
from functions.returns.queues import RETURN_SYNC
from functions.returns.runs import NewRun, SyncRuns
from infra.local.clock import Clock
from infra.local.firestore.service import FirestoreService
from shared.dead_letters import DeadLetters
from shared.errors import TransientError
from shared.search import RefusedError
from shared.tasks import Queue

MAX_RECORD_BYTES = 10_000


@dataclass
class Work:
    """One delivery of a task, or one call of the cron, on its way from gate to gate."""

    name: str
    running: asyncio.Task[None] | None = None
    # More than one where the work does several things at once.
    gates: list[asyncio.Future[None]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def pause(self) -> None:
        """Stop here until the test opens the gate."""
        gate = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        self.arrived.set()
        await gate


_work: ContextVar[Work | None] = ContextVar("work", default=None)


async def gate() -> None:
    """Stop, if this is work under the test's control."""
    if work := _work.get():
        await work.pause()


class Gated:
    """An object whose coroutine methods stop at a gate before and after they take effect."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        if not callable(method):
            return method

        async def gated(*args: Any, **kwargs: Any) -> Any:
            await gate()
            result = await method(*args, **kwargs)
            await gate()
            return result

        return gated


@dataclass(frozen=True)
class Task:
    queue: str
    payload: BaseModel


class FakeQueues:
    """Cloud Tasks as the product sees it: remembers keys, and hands tasks to the test."""

    def __init__(self) -> None:
        self.waiting: list[Task] = []
        self._keys: set[str] = set()

    def forget(self) -> None:
        """A day passes: names of ended tasks are free again."""
        self._keys.clear()

    async def enqueue(self, queue: Queue[Any], payload: BaseModel, *, key: str) -> bool:
        await gate()
        added = key not in self._keys
        if added:
            self._keys.add(key)
            self.waiting.append(Task(queue.name, payload))
        await gate()
        return added


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


class FirestoreServer:
    """The local Firestore, served inside the test's own event loop. Each world has a project of its own in it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.service = FirestoreService(None, clock)
        self._worlds = 0

    async def start(self) -> None:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers([self.service.handler()])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)
        self.service.close()

    def world(self) -> "World":
        """A world of its own, in a project of its own. To be called inside the loop that serves."""
        self._worlds += 1
        return World(AsyncClient(project=f"world-{self._worlds}"), self.clock, self._reads)

    def _reads(self) -> int:
        return self.service.stats.reads


class World:
    """The returns sync with everything around it."""

    def __init__(self, db: AsyncClient, clock: Clock, reads: Callable[[], int]) -> None:
        self.clock = clock
        # Documents read so far, as Google bills them.
        self.reads = reads
        self.db = db
        self.queues = FakeQueues()
        self.index = FakeIndex(clock)
        self.works: list[Work] = []
        # What the sync uses goes through gates; what the test itself looks at does not pass any.
        db._firestore_api_internal = Gated(db._firestore_api)
        self.runs = SyncRuns(db, clock.now)
        self.ingestion = Ingestion(db, clock.now)
        self._planner = Planner(db, self.runs, self.queues, IndexSettings(db, self.index), clock.now)  # type: ignore[arg-type]
        self._processor = Processor(
            db=db,
            runs=self.runs,
            index=self.index,  # type: ignore[arg-type]
            dead_letters=DeadLetters(db, clock.now),
            clock=clock.now,
            max_record_bytes=MAX_RECORD_BYTES,
        )

    # What happens in the world

    async def ingest(self, *messages: Message) -> None:
        await self.ingestion.apply(messages, None)

    async def cron(self, new: NewRun | None = None) -> None:
        await self._begin("cron", lambda: self._cron(new or NewRun()))

    async def _cron(self, new: NewRun) -> None:
        if record := await self.runs.start(new):
            await self.queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")

    async def deliver(self, task: Task) -> None:
        """Deliver ``task``; if it fails or dies, it waits in its queue again."""
        await self._begin(task.queue, lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        run = self._planner.run if task.queue == RETURN_SYNC.name else self._processor.run
        try:
            await run(task.payload)  # type: ignore[arg-type]
        except (TransientError, asyncio.CancelledError):
            self.queues.waiting.append(task)
            raise

    async def _begin(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        work = Work(name)

        async def controlled() -> None:
            _work.set(work)
            try:
                await run()
            except TransientError:
                pass
            finally:
                work.arrived.set()

        work.running = asyncio.create_task(controlled())
        self.works.append(work)
        await self._until_gate(work)

    # What the test decides

    async def step(self, work: Work) -> None:
        """Let ``work`` go on to its next gate or to its end."""
        work.gates.pop(0).set_result(None)
        if not work.gates:
            work.arrived.clear()
        await self._until_gate(work)

    async def kill(self, work: Work) -> None:
        """``work`` dies where it stands."""
        assert work.running is not None
        work.running.cancel()
        await asyncio.wait([work.running])
        self.works.remove(work)

    async def _until_gate(self, work: Work) -> None:
        await work.arrived.wait()
        if not work.gates:
            assert work.running is not None
            await asyncio.wait([work.running])
            self.works.remove(work)
            if not work.running.cancelled() and (error := work.running.exception()):
                raise error

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
