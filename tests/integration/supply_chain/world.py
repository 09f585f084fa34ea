"""A world in which products are written and delivered a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client; time, the queue and the supply-chain API are fakes
written by hand, and every call to the outside stops at a gate (tests/integration/steps.py).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

import httpx
import pytest
from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from functions.ops.sweeper import Sweeper
from functions.products.catalog import Catalog
from functions.products.images import AllowedSources
from functions.products.model import ProductContent
from functions.products.reading import ProductReader
from functions.supply_chain.delivery import Delivery
from functions.supply_chain.lanes import Lanes
from functions.supply_chain.letters import EventLetters
from functions.supply_chain.upstream import REQUEST_SECONDS, SupplyChainApi
from infra.local.clock import Clock
from shared import dead_letters, outbox
from shared.cache import MemoryStore, VersionedCache
from shared.dead_letters import DeadLetters
from shared.errors import PermanentError, TransientError
from shared.images import Images
from shared.outbox import SUPPLY_CHAIN_SYNC, Outbox, ProductEvent, StoredEvent, stored_event
from shared.problems import Problem
from shared.products import ProductWrites
from shared.tasks import Attempt, Queue
from tests.integration import steps
from tests.integration.steps import Workshop, gate

OWNER = "ann"
Mood = Literal["well", "failing", "resting", "silent", "losing answers", "babbling"]


@dataclass(frozen=True)
class Task:
    """A task and how many attempts at it have failed."""

    payload: ProductEvent
    failed: int = 0


class FakeQueue:
    """Cloud Tasks as the product sees it: remembers keys, and hands tasks to the test."""

    def __init__(self) -> None:
        self.waiting: list[Task] = []
        self._keys: set[str] = set()

    def forget(self) -> None:
        """A day passes: names of ended tasks are free again."""
        self._keys.clear()

    async def enqueue(self, queue: Queue[Any], payload: BaseModel, *, key: str) -> bool:
        assert isinstance(payload, ProductEvent)
        await gate()
        added = key not in self._keys
        if added:
            self._keys.add(key)
            self.waiting.append(Task(payload))
        await gate()
        return added


@dataclass
class FakePartner(httpx.AsyncBaseTransport):
    """The supply-chain API, which compares no versions: what it gets last is what it has.

    A request that is on its way for longer than the product waits has no effect.
    """

    clock: Clock
    mood: Mood = "well"
    refuses: set[str] = field(default_factory=set)
    products: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = self.clock.now()
        await gate()
        if (self.clock.now() - sent).total_seconds() > REQUEST_SECONDS or self.mood == "silent":
            raise httpx.ReadTimeout("no answer", request=request)
        answer = self._answer(json.loads(request.content))
        await gate()
        return answer

    def _answer(self, body: dict[str, Any]) -> httpx.Response:
        self._check_order(body["id"], body["version"])
        if body["id"] in self.refuses:
            return answered(422, b"no such thing is sold here")
        match self.mood:
            case "failing":
                return answered(500, b"oops")
            case "resting":
                return answered(429, b"", {"Retry-After": "120"})
        self.products[body["id"]] = body
        match self.mood:
            case "losing answers":
                return answered(502, b"")
            case "babbling":
                return answered(200, b"<html>")
        return answered(200, json.dumps({"version": body["version"]}).encode())

    def _check_order(self, product_id: str, version: int) -> None:
        newest = max((seen for name, seen in self.requests if name == product_id), default=0)
        assert version >= newest, f"{product_id}: {version} after {newest}"
        self.requests.append((product_id, version))


def answered(status: int, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """An answer that comes in as over a network: not read yet."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, and worlds in it."""

    def world(self) -> "World":
        """A world of its own. To be called inside the loop that serves."""
        return World(self.database(), self.clock)


class World(Workshop):
    """Catalog, delivery and sweeper with everything around them."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db = db
        self.clock = clock
        self.queue = FakeQueue()
        self.partner = FakePartner(clock)
        self.outbox = Outbox(db, clock.now)
        queues: Any = self.queue
        cache = VersionedCache(MemoryStore(60, Random(0), clock.time))
        self.catalog = Catalog(
            writes=ProductWrites(db, self.outbox, cache, clock.now),
            images=Images(db, clock.now),
            sources=AllowedSources((), own="https://shop.example/products"),
            queues=queues,
            reader=ProductReader(db, cache),
            clock=clock.now,
        )
        self.sweeper = Sweeper(self.outbox, queues, clock.now)
        http = httpx.AsyncClient(transport=self.partner, base_url="https://partner.example")
        self.delivery = Delivery(
            db=db,
            outbox=self.outbox,
            lanes=Lanes(db, self.outbox, clock.now),
            api=SupplyChainApi(http, clock.now),
            clock=clock.now,
        )
        self._letters = EventLetters(self.outbox, DeadLetters(db, clock.now))

    # What happens in the world

    async def create(self, product_id: str, name: str) -> None:
        await self._write(
            "create",
            lambda: self.catalog.create(product_id, OWNER, content(name), lambda batch, written: None),
        )

    async def replace(self, product_id: str, name: str) -> None:
        await self._write(
            "replace", lambda: self.catalog.replace(product_id, OWNER, content(name), lambda version: None)
        )

    async def delete(self, product_id: str) -> None:
        await self._write("delete", lambda: self.catalog.delete(product_id, OWNER, lambda version: None))

    async def _write(self, name: str, write: Callable[[], Awaitable[Any]]) -> None:
        async def written() -> None:
            try:
                await write()
            except Problem as problem:
                if problem.status != 404:
                    raise

        await self.begin(name, written)

    async def sweep(self) -> None:
        async def swept() -> None:
            await self.sweeper.sweep()

        await self.begin("sweep", swept)

    async def deliver(self, task: Task) -> None:
        """Deliver ``task``; if it fails or dies, it waits in its queue again, unless that was its last attempt."""
        await self.begin("delivery", lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        limit = outbox.SUPPLY_CHAIN_SYNC.max_attempts
        attempt = Attempt("task", task.failed + 1, limit)
        try:
            await self._attempt(task, attempt)
        except (TransientError, asyncio.CancelledError):
            if not attempt.is_last:
                self.queue.waiting.append(replace(task, failed=task.failed + 1))
            raise

    async def _attempt(self, task: Task, attempt: Attempt) -> None:
        """As :class:`shared.tasks.TaskHandler` settles it."""
        try:
            await self.delivery.run(task.payload, attempt)
        except PermanentError as error:
            await self._bury(task, attempt, error)
        except TransientError as error:
            if not attempt.is_last:
                raise
            await self._bury(task, attempt, error)

    async def _bury(self, task: Task, attempt: Attempt, error: Exception) -> None:
        letter = dead_letters.DeadLetter(
            key="task",
            queue=SUPPLY_CHAIN_SYNC.name,
            function=SUPPLY_CHAIN_SYNC.function,
            payload=task.payload.model_dump(),
            error=str(error),
            attempts=attempt.number,
        )
        await self._letters.add(letter)

    # What the test decides

    async def run_all(self) -> None:
        """Let everything under way come to its end, and deliver what is waiting, once."""
        await self.finish()
        waiting, self.queue.waiting = self.queue.waiting, []
        for task in waiting:
            await self.deliver(task)
        await self.finish()

    async def until_quiet(self) -> None:
        """Time passes, tasks are tried again and sweeps happen, until no event is pending."""
        for _ in range(12):
            for _ in range(4):
                await self.run_all()
                self.clock.advance(130)
            if not await self.pending():
                return
            self.clock.advance(9.5 * 3600)
            self.queue.forget()
            await self.sweep()
        raise AssertionError(f"still pending: {await self.pending()}")

    # What is so

    async def converges(self) -> None:
        """See that, once quiet, the partner has the latest version of each product, or a dead letter says why not.

        That it saw no older version after a newer one, it sees to itself.
        """
        await self.until_quiet()
        latest: dict[str, StoredEvent] = {}
        for event in sorted(await self.events(), key=lambda event: event.version):
            latest[event.product_id] = event
        letters = {letter["event"]: letter for letter in await self.letters()}
        products = await self.products()
        for product_id, event in latest.items():
            check_version(event, products.get(product_id))
            if event.status == "dead":
                assert letters[event.task.event_id]["error"]
            else:
                self._check_remote(event)

    def _check_remote(self, event: StoredEvent) -> None:
        assert event.status == "synced"
        remote = self.partner.products[event.product_id]
        assert remote["version"] == event.version
        assert (remote["product"] is None) == (event.type == "product:deleted")

    async def events(self) -> list[StoredEvent]:
        return [event async for event in self._events()]

    async def _events(self) -> AsyncIterator[StoredEvent]:
        async for snapshot in self.db.collection(outbox.COLLECTION).stream():
            event = stored_event(snapshot)
            assert event
            yield event

    async def pending(self) -> list[StoredEvent]:
        return [event for event in await self.events() if event.status == "pending"]

    async def products(self) -> dict[str, dict[str, Any]]:
        return {s.id: s.to_dict() or {} async for s in self.db.collection("products").stream()}

    async def letters(self) -> list[dict[str, Any]]:
        return [s.to_dict() or {} async for s in self.db.collection(dead_letters.COLLECTION).stream()]


def check_version(event: StoredEvent, product: dict[str, Any] | None) -> None:
    """The outbox lacks no write of a product."""
    assert (event.type == "product:deleted") == (product is None)
    assert product is None or product["version"] == event.version


def use_three_attempts(patch: pytest.MonkeyPatch) -> None:
    """As many as the sweeper has to tell apart: the first, one in between and the last."""
    short: Queue[Any] = Queue("supplyChainSync", "supply-chain-sync", ProductEvent, max_attempts=3)
    patch.setattr("shared.outbox.SUPPLY_CHAIN_SYNC", short)
    patch.setattr("functions.ops.sweeper.SUPPLY_CHAIN_SYNC", short)


def content(name: str) -> ProductContent:
    """A product of that name."""
    return ProductContent(product_name=name, product_price="12.50", currency="EUR")
