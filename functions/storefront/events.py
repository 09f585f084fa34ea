"""Batches of events: how often items of a store were seen and ordered, from whoever serves its shoppers.

A batch is a document of ``storefront_events``, named by its sender, so that sending it again does no harm. It is
*pending* until a rebuild has folded it into the counters (``counters.py``); what is left of it then only says that
it has been there.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from google.api_core.exceptions import AlreadyExists

from functions.storefront.counters import Event
from shared.clock import Clock
from shared.problems import Problem

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

COLLECTION = "storefront_events"
# With counters and pointer they are one commit, which has 500 writes at most.
_MAX_FOLDED = 400
# How long it is known that a batch has been there, so that it may be sent again without counting twice.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Batch:
    """A batch that is pending."""

    id: str
    events: Sequence[Event]


class EventBatches:
    """The ``storefront_events`` collection: documents ``{store_id}:{batch_id}``.

    Args:
        at_once: how many batches one rebuild folds at most.
    """

    def __init__(self, db: "AsyncClient", clock: Clock, at_once: int = _MAX_FOLDED) -> None:
        self.at_once = at_once
        self._db = db
        self._clock = clock

    async def add(self, store_id: str, batch_id: str, events: Sequence[Event]) -> None:
        """Take a batch in, once however often it is sent. One write, and a read if it is not the first time.

        Raises:
            Problem: 409, another batch of this name has been there.
        """
        content = orjson.dumps(events)
        digest = hashlib.sha256(content).hexdigest()
        document = self._document(f"{store_id}:{batch_id}")
        pending = {"pending": store_id, "content": content, "digest": digest, "created_at": self._clock()}
        try:
            await document.create({**pending, "expire_at": None})
        except AlreadyExists:
            known = await document.get(["digest"])
            if known.get("digest") != digest:
                detail = f"Batch {batch_id!r} was other events when it came first; give each batch a name of its own."
                raise Problem(409, "batch-differs", detail) from None

    def pending(self, store_id: str, limit: int | None = None) -> Any:
        """The query of batches that are not folded yet: a read each, one if there are none.

        Args:
            limit: how many of them; as many as are folded at once, if it is not given.
        """
        from google.cloud.firestore import FieldFilter

        of_store = FieldFilter("pending", "==", store_id)
        return self._db.collection(COLLECTION).where(filter=of_store).limit(limit or self.at_once)

    def write_folded(self, batch: "AsyncWriteBatch", folded: Iterable[Batch]) -> None:
        """Have these batches folded when ``batch`` commits: a write each."""
        done = {"pending": None, "content": None, "expire_at": self._clock() + KEPT}
        for each in folded:
            batch.update(self._document(each.id), done)

    def _document(self, name: str) -> Any:
        return self._db.collection(COLLECTION).document(name)


def pending_batch(snapshot: "DocumentSnapshot[Any]") -> Batch:
    """The batch in a document that :meth:`EventBatches.pending` found."""
    return Batch(snapshot.id, orjson.loads(snapshot.get("content")))
