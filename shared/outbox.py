"""The transactional outbox of the catalog: each write of a product commits together with an event about it.

An event is on its queue within moments, or, if the process died in between, by the sweeper; it ends as synced,
superseded by a newer version, or dead. Whoever writes, delivers or sweeps events meets the others here only.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from pydantic import BaseModel, ConfigDict, Field

from shared import trace
from shared.clock import Clock
from shared.dead_letters import DeadLetter, DeadLetters, report
from shared.tasks import Queue, TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

_log = logging.getLogger(__name__)

COLLECTION = "outbox"
# A document for each product: what the supply-chain API has of it.
LANES = "supply_chain"

EventType = Literal["product:created", "product:updated", "product:deleted"]
Status = Literal["pending", "synced", "superseded", "dead"]
Ending = Literal["synced", "superseded", "dead"]

# An event on its queue is tried at once: without a first attempt by then, it may never have been enqueued.
FIRST_ATTEMPT_WITHIN = timedelta(minutes=2)
# Longer than the longest pause between two attempts: without another by then, the task is lost.
NEXT_ATTEMPT_WITHIN = timedelta(hours=9)
# Longer than an attempt can take: still pending then, the last one was killed.
LAST_ATTEMPT_ENDS_WITHIN = timedelta(minutes=5)
# How long an event that has ended is kept for whoever asks what became of it.
KEPT = timedelta(days=30)
# A write is not to wait longer for Cloud Tasks than this.
_PUBLISH_SECONDS = 3
# Firestore's limit on an indexed field is 1,500 bytes, and an operator reads no more.
_MAX_ERROR = 1000


class ProductEvent(BaseModel):
    """The task that delivers one event. ``series`` counts how often its attempts were begun anew."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    version: int = Field(ge=1)
    series: int = Field(0, ge=0)

    @property
    def event_id(self) -> str:
        return f"{self.product_id}:{self.version}"


# 18 retries over 72 hours; the pauses are in infra/topology.yaml.
SUPPLY_CHAIN_SYNC = Queue("supplyChainSync", "supply-chain-sync", ProductEvent, max_attempts=19)


@dataclass(frozen=True)
class StoredEvent:
    """An event as it was read.

    Args:
        write_id: of the request that wrote it, so that one whose answer was lost knows its own work again.
        attempts: which attempt of the series was the last to begin.
        deadline: when a sweeper is to look into it, while it is pending.
        update_time: for the precondition of a change to it.
    """

    product_id: str
    version: int
    type: EventType
    user_id: str
    write_id: str
    status: Status
    series: int
    attempts: int
    deadline: datetime
    error: str
    created_at: datetime
    settled_at: datetime | None
    update_time: Any = None

    @property
    def task(self) -> ProductEvent:
        return ProductEvent(product_id=self.product_id, version=self.version, series=self.series)


def stored_event(snapshot: "DocumentSnapshot[Any]") -> StoredEvent | None:
    """The event in a document of the outbox, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known: dict[str, Any] = {name: fields.get(name) for name in StoredEvent.__dataclass_fields__}
    return StoredEvent(**known | {"update_time": snapshot.update_time})


def attempted(number: int, now: datetime) -> dict[str, Any]:
    """The fields of an event whose attempt ``number`` begins."""
    last = number >= SUPPLY_CHAIN_SYNC.max_attempts
    return {
        "attempts": number,
        "deadline": now + (LAST_ATTEMPT_ENDS_WITHIN if last else NEXT_ATTEMPT_WITHIN),
    }


def failed(error: str) -> dict[str, Any]:
    """The fields of an event whose attempt failed."""
    return {"error": error[:_MAX_ERROR]}


def ended(ending: Ending, now: datetime, error: str = "") -> dict[str, Any]:
    """The fields of an event that has come to its end. A dead one is kept for as long as its letter is."""
    kept_until = None if ending == "dead" else now + KEPT
    return {"status": ending, "settled_at": now, "error": error[:_MAX_ERROR], "expire_at": kept_until}


def reopened(series: int, now: datetime) -> dict[str, Any]:
    """The fields of an event that is to be tried from the beginning."""
    return {
        "status": "pending",
        "series": series,
        "attempts": 0,
        "deadline": now + FIRST_ATTEMPT_WITHIN,
        "settled_at": None,
        "expire_at": None,
    }


class Outbox:
    """The ``outbox`` collection, a document an event."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def document(self, event_id: str) -> Any:
        """The reference of an event's document."""
        return self._db.collection(COLLECTION).document(event_id)

    def write(
        self, batch: "AsyncWriteBatch", task: ProductEvent, kind: EventType, user_id: str, write_id: str
    ) -> None:
        """Add an event when ``batch`` commits, which fails with ``AlreadyExists`` if that version has one."""
        now = self._clock()
        identity = {"product_id": task.product_id, "version": task.version, "type": kind}
        source = {"user_id": user_id, "write_id": write_id, "trace": trace.current(), "created_at": now}
        batch.create(self.document(task.event_id), identity | source | reopened(0, now) | {"error": ""})

    async def get(self, event_id: str) -> StoredEvent | None:
        """One event: one read."""
        return stored_event(await self.document(event_id).get())

    async def of_product(self, product_id: str, limit: int) -> list[StoredEvent]:
        """The newest events of a product, the newest first: a read each."""
        from google.cloud.firestore import FieldFilter

        query = self._db.collection(COLLECTION).where(filter=FieldFilter("product_id", "==", product_id))
        return [
            event async for event in _events(query.order_by("version", direction="DESCENDING").limit(limit))
        ]

    async def overdue(self, limit: int) -> list[StoredEvent]:
        """Pending events whose deadline has passed, the longest overdue first: a read each."""
        from google.cloud.firestore import FieldFilter

        query = self._db.collection(COLLECTION).where(filter=FieldFilter("status", "==", "pending"))
        query = query.where(filter=FieldFilter("deadline", "<=", self._clock()))
        return [event async for event in _events(query.order_by("deadline").limit(limit))]

    async def change(self, event: StoredEvent, fields: Mapping[str, Any]) -> bool:
        """Change an event, unless somebody else has changed it since it was read; whether that was so."""
        batch = self._db.batch()
        self.write_change(batch, event, fields)
        return await _committed(batch)

    def write_change(self, batch: "AsyncWriteBatch", event: StoredEvent, fields: Mapping[str, Any]) -> None:
        """Change an event when ``batch`` commits, which fails with ``FailedPrecondition`` if it has changed."""
        unchanged = self._db.write_option(last_update_time=event.update_time)
        batch.update(self.document(event.task.event_id), dict(fields), option=unchanged)

    async def bury(self, event: StoredEvent, error: str) -> bool:
        """End a pending event as dead, with a letter about it; ``False`` if somebody else has changed it."""
        letter = letter_about(event, error)
        batch = self._db.batch()
        DeadLetters(self._db, self._clock).write(batch, letter)
        self.write_change(batch, event, ended("dead", self._clock(), error))
        if buried := await _committed(batch):
            report(letter)
        return buried


def letter_about(event: StoredEvent, error: str) -> DeadLetter:
    """The letter that there is about an event once it has died."""
    return DeadLetter(
        key=f"{event.task.event_id}/{event.series}",
        queue=SUPPLY_CHAIN_SYNC.name,
        function=SUPPLY_CHAIN_SYNC.function,
        payload=event.task.model_dump(),
        error=error,
        attempts=event.attempts,
        event=event.task.event_id,
    )


async def _events(query: Any) -> AsyncIterator[StoredEvent]:
    async for snapshot in query.stream():
        if event := stored_event(snapshot):
            yield event


async def _committed(batch: "AsyncWriteBatch") -> bool:
    try:
        await batch.commit()
    except (AlreadyExists, FailedPrecondition, NotFound):
        return False
    return True


async def enqueue(queues: TaskQueues, task: ProductEvent) -> None:
    """Put an event's task on its queue: once a series, however often it is done.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
    """
    await queues.enqueue(SUPPLY_CHAIN_SYNC, task, key=f"{task.event_id}/{task.series}")


async def publish(queues: TaskQueues, task: ProductEvent) -> None:
    """Put an event's task on its queue at once, if that can be done: the sweeper makes good what fails here."""
    try:
        async with asyncio.timeout(_PUBLISH_SECONDS):
            await enqueue(queues, task)
    except Exception as error:
        _log.warning("outbox.unpublished", extra={"event": task.event_id, "error": repr(error)})
