"""Writing products: each write makes a new version, and commits together with the event that tells of it.

No read-write transaction: a commit carries the precondition that the product is as it was read, so that of two
concurrent writers one writes and the other reads again.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from functions.products.model import ProductContent, stored_fields
from functions.products.reading import ProductReader
from shared.clock import Clock
from shared.errors import TransientError
from shared.outbox import EventType, Outbox, ProductEvent, publish
from shared.problems import Problem
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch

COLLECTION = "products"
# Other writers of the same product can make a commit fail; each turn reads again what they wrote.
_MAX_TURNS = 12
# The longest pause before the second turn; it grows with each, so that many writers at once come apart.
_PAUSE_SECONDS = 0.02

Fields = dict[str, Any]
Precondition = Callable[[int], None]


@dataclass(frozen=True)
class Written:
    """A product after a write, as it is stored."""

    product_id: str
    fields: Fields


@dataclass(frozen=True)
class _Stored:
    """A product as it was read."""

    fields: Fields
    update_time: Any

    @property
    def version(self) -> int:
        return int(self.fields["version"])


class Catalog:
    """The writes to ``products``: a read and a commit of two writes each (product and event)."""

    def __init__(
        self, db: "AsyncClient", outbox: Outbox, queues: TaskQueues, reader: ProductReader, clock: Clock
    ) -> None:
        self._db = db
        self._outbox = outbox
        self._queues = queues
        self._reader = reader
        self._clock = clock

    def new_id(self) -> str:
        """An id that nobody has: 20 random letters and digits."""
        return str(self._db.collection(COLLECTION).document().id)

    async def create(
        self,
        product_id: str,
        user_id: str,
        content: ProductContent,
        also: Callable[["AsyncWriteBatch", Written], None],
    ) -> Written:
        """Add a product of ``user_id``.

        Args:
            product_id: of :meth:`new_id`.
            also: adds what is to be committed with it.

        Raises:
            TransientError: what ``also`` added forbids it.
        """
        now = self._clock()
        fields = stored_fields(content) | {
            "user_id": user_id,
            "compressed_product_images": [],
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        written = Written(product_id, fields)
        write = _Write(ProductEvent(product_id=product_id, version=1), "product:created", user_id)
        batch = self._db.batch()
        batch.create(self._document(product_id), fields)
        also(batch, written)
        if not await self._commit(batch, write, fields):
            raise TransientError("Another request has taken this one over; try again.")
        return written

    async def replace(
        self, product_id: str, owner: str | None, content: ProductContent, precondition: Precondition
    ) -> Written:
        """Put ``content`` in the place of what there is.

        Args:
            owner: whose product it must be; ``None`` for anybody's.
            precondition: raises for a version that the caller does not mean.

        Raises:
            Problem: 404 there is no such product of the owner's; what ``precondition`` raises.
            TransientError: others kept writing it.
        """
        return await self.patch(product_id, owner, lambda _: content, precondition)

    async def patch(
        self,
        product_id: str,
        owner: str | None,
        change: Callable[[Fields], ProductContent],
        precondition: Precondition,
    ) -> Written:
        """Put what ``change`` makes of the stored fields in their place. Arguments and errors as :meth:`replace`."""
        async for _ in _turns():
            stored = await self._read(product_id, owner)
            precondition(stored.version)
            fields = stored.fields | stored_fields(change(stored.fields)) | self._next(stored)
            if await self._put(product_id, stored, fields):
                return Written(product_id, fields)
        raise TransientError("Others keep writing this product; try again.")

    async def delete(self, product_id: str, owner: str | None, precondition: Precondition) -> None:
        """Remove a product. Arguments and errors as :meth:`replace`."""
        async for _ in _turns():
            stored = await self._read(product_id, owner)
            precondition(stored.version)
            if await self._remove(product_id, stored):
                return
        raise TransientError("Others keep writing this product; try again.")

    async def _put(self, product_id: str, stored: _Stored, fields: Fields) -> bool:
        task = ProductEvent(product_id=product_id, version=fields["version"])
        batch = self._db.batch()
        unchanged = self._db.write_option(last_update_time=stored.update_time)
        batch.update(self._document(product_id), fields, option=unchanged)
        return await self._commit(batch, _Write(task, "product:updated", fields["user_id"]), fields)

    async def _remove(self, product_id: str, stored: _Stored) -> bool:
        task = ProductEvent(product_id=product_id, version=stored.version + 1)
        batch = self._db.batch()
        unchanged = self._db.write_option(last_update_time=stored.update_time)
        batch.delete(self._document(product_id), option=unchanged)
        return await self._commit(batch, _Write(task, "product:deleted", stored.fields["user_id"]), None)

    async def _commit(self, batch: "AsyncWriteBatch", write: "_Write", fields: Fields | None) -> bool:
        """Commit a write with its event, and tell cache and queue. ``False`` if something is not as it was read."""
        task, write_id = write.task, secrets.token_hex(8)
        self._outbox.write(batch, task, write.kind, write.user_id, write_id)
        await self._reader.expect(task.product_id, task.version)
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound, Aborted):
            # The client repeats a commit whose answer was lost, and then finds its own work in the way.
            event = await self._outbox.get(task.event_id)
            if event is None or event.write_id != write_id:
                return False
        if fields is None:
            await self._reader.forget(task.product_id, task.version)
        else:
            await self._reader.remember(task.product_id, fields)
        await publish(self._queues, task)
        return True

    async def _read(self, product_id: str, owner: str | None) -> _Stored:
        snapshot = await self._document(product_id).get()
        fields = snapshot.to_dict()
        if fields is None or owner not in (None, fields["user_id"]):
            raise no_product(product_id)
        return _Stored(fields, snapshot.update_time)

    def _next(self, stored: _Stored) -> Fields:
        # Two machines' clocks differ, but a product is not to look as if it went back in time.
        updated_at: datetime = max(self._clock(), stored.fields["updated_at"])
        return {"version": stored.version + 1, "updated_at": updated_at}

    def _document(self, product_id: str) -> "AsyncDocumentReference":
        return self._db.collection(COLLECTION).document(product_id)


@dataclass(frozen=True)
class _Write:
    """What the event of a write tells."""

    task: ProductEvent
    kind: EventType
    user_id: str


async def _turns() -> AsyncIterator[int]:
    """Turns at a write that others may be in the way of, with pauses of random length in between."""
    for turn in range(_MAX_TURNS):
        await asyncio.sleep(turn * random.uniform(0, _PAUSE_SECONDS))
        yield turn


def no_product(product_id: str) -> Problem:
    """The answer where there is no product, or none of the caller's."""
    return Problem(404, "not-found", f"There is no product {product_id}.")
