"""All that a storefront is built from, as it was at one moment: one read-only transaction, which locks nobody out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import InvalidArgument

from functions.storefront.counters import Counters
from functions.storefront.events import Batch, EventBatches, pending_batch
from functions.storefront.shards import tree_documents
from shared.assortments import COLLECTION as ASSORTMENTS
from shared.assortments import assortment_document, page_document, stored_assortment
from shared.errors import TransientError

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncTransaction, DocumentSnapshot


@dataclass(frozen=True)
class Snapshot:
    """What was read, much of it still encoded: decoding takes a thread's time, not the event loop's.

    Args:
        pages: contents of the assortment's pages; none if the store sells nothing yet.
        categories: the documents of the tree, for :func:`functions.storefront.shards.stored_tree`.
        counters: contents of the counters' documents, in their order.
        batches: of events that are pending, as many as can be folded at once.
        reads: how many documents that was.
    """

    pages: Sequence[bytes]
    categories: "Sequence[DocumentSnapshot[Any]]"
    counters: Sequence[bytes]
    batches: Sequence[Batch]
    reads: int


class Snapshots:
    """Snapshots of stores: a read for each page of the assortment, and some 20 beside them."""

    def __init__(self, db: "AsyncClient", counters: Counters, batches: EventBatches) -> None:
        self._db = db
        self._counters = counters
        self._batches = batches

    async def read(self, store_id: str) -> Snapshot:
        """A store as it is now.

        Raises:
            TransientError: the transaction could not begin, or has expired after a minute without a read; or a page is
                missing, which is so only while somebody repairs the store by hand.
        """
        from google.cloud.firestore import async_transactional

        async def read(transaction: "AsyncTransaction") -> Snapshot:
            return await self._read(transaction, store_id)

        try:
            snapshot: Snapshot = await async_transactional(read)(self._db.transaction(read_only=True))
        except (InvalidArgument, ValueError) as error:
            # The client tries to roll back what has not begun, and tells of that alone: by a ValueError.
            raise TransientError(f"The snapshot was lost: {error}") from error
        return snapshot

    async def _read(self, transaction: "AsyncTransaction", store_id: str) -> Snapshot:
        documents = [assortment_document(self._db, store_id), *tree_documents(self._db)]
        first, counters, batches = await asyncio.gather(
            self._all(transaction, documents),
            _listed(self._counters.query(store_id), transaction),
            _listed(self._batches.pending(store_id), transaction),
        )
        of_assortment = (each for each in first if each.reference.parent.id == ASSORTMENTS)
        assortment = stored_assortment(next(of_assortment))
        prefixes = assortment.pages if assortment else ()
        pages = await self._all(transaction, [page_document(self._db, store_id, each) for each in prefixes])
        if missing := [page.id for page in pages if not page.exists]:
            raise TransientError(f"Pages are missing: {missing[:5]}")
        return Snapshot(
            pages=[page.get("content") for page in pages],
            categories=[each for each in first if each.reference.parent.id != ASSORTMENTS],
            counters=[each.get("content") for each in counters],
            batches=[pending_batch(each) for each in batches],
            # A query that finds nothing is billed as one read.
            reads=len(first) + len(pages) + max(len(counters), 1) + max(len(batches), 1),
        )

    async def _all(
        self, transaction: "AsyncTransaction", documents: list[Any]
    ) -> "list[DocumentSnapshot[Any]]":
        if not documents:
            return []
        return [each async for each in self._db.get_all(documents, transaction=transaction)]


async def _listed(query: Any, transaction: "AsyncTransaction") -> "list[DocumentSnapshot[Any]]":
    return [each async for each in query.stream(transaction=transaction)]
