"""Writes to ``products``: each makes a new version, and commits together with the event that tells of it.

No read-write transaction: a commit carries the precondition that the product is as it was read, so that of two
concurrent writers one writes and the other reads again.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from shared.cache import VersionedCache
from shared.clock import Clock
from shared.outbox import EventType, Outbox, ProductEvent

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference, AsyncWriteBatch, DocumentSnapshot

COLLECTION = "products"

Fields = dict[str, Any]
# Adds to a batch what is to be committed with a product.
Also = Callable[["AsyncWriteBatch"], None]


@dataclass(frozen=True)
class StoredProduct:
    """A product as it was read; ``update_time`` is for the precondition of a change to it."""

    id: str
    fields: Fields
    update_time: Any

    @property
    def version(self) -> int:
        return int(self.fields["version"])

    def next(self, now: datetime) -> Fields:
        """The fields that each write changes."""
        # Two machines' clocks differ, but a product is not to look as if it went back in time.
        return {"version": self.version + 1, "updated_at": max(now, self.fields["updated_at"])}


def stored_product(snapshot: "DocumentSnapshot[Any]") -> StoredProduct | None:
    """The product in a document, if there is one."""
    fields = snapshot.to_dict()
    return None if fields is None else StoredProduct(snapshot.id, fields, snapshot.update_time)


class ProductWrites:
    """Commits a product, its event and what else belongs to them: two writes, and those of ``also``.

    Each returns the task to publish, or ``None`` if something was not as it had been read; the cache serves nothing
    older from then on, in either case.
    """

    def __init__(self, db: "AsyncClient", outbox: Outbox, cache: VersionedCache, clock: Clock) -> None:
        self._db = db
        self._outbox = outbox
        self._cache = cache
        self._clock = clock

    def new_id(self) -> str:
        """An id that nobody has: 20 random letters and digits."""
        return str(self._db.collection(COLLECTION).document().id)

    def document(self, product_id: str) -> "AsyncDocumentReference":
        """The reference of a product's document."""
        return self._db.collection(COLLECTION).document(product_id)

    async def get(self, product_id: str) -> StoredProduct | None:
        """One product: one read."""
        return stored_product(await self.document(product_id).get())

    async def create(self, product_id: str, fields: Fields, also: Also) -> ProductEvent | None:
        """Add a product, with all of its ``fields``."""
        batch = self._db.batch()
        batch.create(self.document(product_id), fields)
        also(batch)
        task = ProductEvent(product_id=product_id, version=fields["version"])
        return await self._commit(batch, task, "product:created", fields["user_id"])

    async def update(self, stored: StoredProduct, fields: Fields, also: Also) -> ProductEvent | None:
        """Change ``fields``, those of :meth:`StoredProduct.next` among them."""
        batch = self._db.batch()
        batch.update(self.document(stored.id), fields, option=self._unchanged(stored))
        also(batch)
        task = ProductEvent(product_id=stored.id, version=fields["version"])
        return await self._commit(batch, task, "product:updated", stored.fields["user_id"])

    async def delete(self, stored: StoredProduct, also: Also) -> ProductEvent | None:
        """Remove a product."""
        batch = self._db.batch()
        batch.delete(self.document(stored.id), option=self._unchanged(stored))
        also(batch)
        task = ProductEvent(product_id=stored.id, version=stored.version + 1)
        return await self._commit(batch, task, "product:deleted", stored.fields["user_id"])

    def _unchanged(self, stored: StoredProduct) -> Any:
        return self._db.write_option(last_update_time=stored.update_time)

    async def _commit(
        self, batch: "AsyncWriteBatch", task: ProductEvent, kind: EventType, user_id: str
    ) -> ProductEvent | None:
        write_id = secrets.token_hex(8)
        self._outbox.write(batch, task, kind, user_id, write_id)
        await self._cache.fence(task.product_id, task.version)
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound, Aborted):
            # The client repeats a commit whose answer was lost, and then finds its own work in the way.
            event = await self._outbox.get(task.event_id)
            if event is None or event.write_id != write_id:
                return None
        return task
