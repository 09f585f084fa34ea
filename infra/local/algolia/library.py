"""The inverted indices in memory: built from the store at the start or when first searched, then kept up to date."""

import asyncio
from collections.abc import Iterable, Sequence
from time import thread_time
from typing import Any

import orjson

from .inverted import InvertedIndex
from .order import SortBy
from .schema import Schema
from .store import Store

Change = tuple[str, dict[str, Any] | None]
"""An objectID and its new record, or None when it is gone."""

_TURN_SECONDS = 0.005
_MOST = 1_000


class _Pace:
    """How many records to index per turn of the event loop, so that each takes about ``_TURN_SECONDS`` of CPU."""

    def __init__(self) -> None:
        self.size = 50

    def apply(self, index: InvertedIndex, changes: Sequence[Change]) -> None:
        """Index the changes of one turn, and learn how long it took."""
        started = thread_time()
        index.apply(changes)
        elapsed = thread_time() - started
        fitting = int(len(changes) * _TURN_SECONDS / max(elapsed, 1e-6))
        self.size = max(1, min(fitting, 2 * self.size, _MOST))


class _Loaded:
    """One inverted index, with the changes that it has still to take in."""

    def __init__(self, schema: Schema) -> None:
        self.index = InvertedIndex(schema)
        self.pending: list[Change] = []
        self.built = False
        self.lock = asyncio.Lock()
        self._pace = _Pace()
        self._after = ""

    async def build(self, store: Store, index_id: int) -> None:
        """Read all records, some per turn of the event loop. Changes made meanwhile wait in ``pending``."""
        while rows := store.records_after(index_id, self._after, self._pace.size):
            self._pace.apply(self.index, [(object_id, orjson.loads(data)) for object_id, data in rows])
            self._after = rows[-1][0]
            await asyncio.sleep(0)
        await self.index.prepare_facets()
        self.built = True

    async def catch_up(self) -> None:
        """Take in what is pending, some per turn of the event loop."""
        while self.pending:
            size = self._pace.size
            changes, self.pending = self.pending[:size], self.pending[size:]
            self._pace.apply(self.index, changes)
            await asyncio.sleep(0)


class Library:
    """Inverted indices by the id of the index that owns the records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[int, _Loaded] = {}

    async def get(
        self, index_id: int, schema: Schema, orders: Iterable[tuple[SortBy, ...]] = ()
    ) -> InvertedIndex:
        """The index with every change up to now; built anew if it is not there, or for another schema.

        Args:
            orders: the orders of documents that will be asked of it.
        """
        loaded = self._loaded.get(index_id)
        if loaded is None or loaded.index.schema != schema or loaded.index.wasteful:
            loaded = self._loaded[index_id] = _Loaded(schema)
        async with loaded.lock:
            if not loaded.built:
                await loaded.build(self._store, index_id)
            await loaded.catch_up()
            for chain in orders:
                await loaded.index.prepare_order(chain)
        return loaded.index

    def note(self, index_id: int, changes: Iterable[Change]) -> None:
        """The store has changed."""
        loaded = self._loaded.get(index_id)
        if loaded is not None:
            loaded.pending.extend(changes)

    async def catch_up(self, index_id: int) -> None:
        """Index what was noted, unless a search is about to do so anyway."""
        loaded = self._loaded.get(index_id)
        if loaded is not None and loaded.built:
            async with loaded.lock:
                await loaded.catch_up()

    def forget(self, index_id: int) -> None:
        """All records changed, or the index is gone."""
        self._loaded.pop(index_id, None)
