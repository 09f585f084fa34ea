"""How often each item of a store was seen and ordered, in documents of thousands of items.

Batches of events (``events.py``) are folded into them when the storefront is rebuilt, in the commit that moves its
pointer: of several builders one moves it, so that each batch counts once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

COLLECTION = "storefront_counters"
# Of ordinary SKUs about 200 KB, of the longest 700 KB; a document may have 1 MiB.
MAX_ITEMS = 8_000
# All of a store, since they may all change in one commit, which takes 10 MiB: 300,000 items of ordinary SKUs.
MAX_BYTES = 8_000_000

# Views and orders, by SKU.
Counts = Mapping[str, tuple[int, int]]
# An item was seen and ordered so often: SKU, views, orders.
Event = tuple[str, int, int]


def decode(contents: Iterable[bytes]) -> Counts:
    """The counts in the documents of a store."""
    columns = (orjson.loads(content) for content in contents)
    return {sku: (views, orders) for each in columns for sku, views, orders in zip(*each, strict=True)}


def encode(counts: Counts) -> list[bytes]:
    """The contents of a store's documents, in their order: columns of SKUs, views and orders, by SKU."""
    skus = sorted(counts)
    cuts = range(0, len(skus), MAX_ITEMS)
    return [_columns(counts, skus[start : start + MAX_ITEMS]) for start in cuts]


def _columns(counts: Counts, skus: Sequence[str]) -> bytes:
    return orjson.dumps([skus, *([counts[sku][column] for sku in skus] for column in (0, 1))])


def fold(counts: Counts, events: Iterable[Event], sold: Collection[str]) -> Counts:
    """The counts with some events in them.

    Args:
        sold: the SKUs of the store; what is said of others counts for nothing, or anybody who may send events could
            make the counts grow without end.
    """
    folded = dict(counts)
    for sku, views, orders in events:
        if sku in sold:
            seen, ordered = folded.get(sku, (0, 0))
            folded[sku] = (seen + views, ordered + orders)
    return folded


class Counters:
    """The ``storefront_counters`` collection: documents ``{store_id}:{number}``."""

    def __init__(self, db: "AsyncClient") -> None:
        self._db = db

    def query(self, store_id: str) -> Any:
        """All documents of a store, in their order: a read each, one if there are none."""
        from google.cloud.firestore import FieldFilter

        first, end = self._collection.document(f"{store_id}:"), self._collection.document(f"{store_id};")
        named = self._collection.where(filter=FieldFilter("__name__", ">=", first))
        return named.where(filter=FieldFilter("__name__", "<", end))

    def write(
        self, batch: "AsyncWriteBatch", store_id: str, before: Sequence[bytes], after: Sequence[bytes]
    ) -> None:
        """Replace the contents of a store's documents when ``batch`` commits; those that are as they were stay."""
        for number, content in enumerate(after):
            if before[number : number + 1] != [content]:
                batch.set(self._document(store_id, number), {"content": content})

    @property
    def _collection(self) -> Any:
        return self._db.collection(COLLECTION)

    def _document(self, store_id: str, number: int) -> Any:
        # Names are in the order of their numbers.
        return self._collection.document(f"{store_id}:{number:04d}")
