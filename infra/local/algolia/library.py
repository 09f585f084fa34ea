"""The inverted indices in memory: built from the store when first searched, then kept up to date."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson

from .inverted import InvertedIndex
from .schema import Schema
from .store import Store

Change = tuple[str, dict[str, Any] | None]
"""An objectID and its new record, or None when it is gone."""

_CHUNK = 100


class _Loaded:
    """One inverted index, with the changes that it has still to take in."""

    def __init__(self, schema: Schema) -> None:
        self.index = InvertedIndex(schema)
        self.pending: list[Change] = []
        self.built = False
        self.lock = asyncio.Lock()

    async def build(self, store: Store, index_id: int) -> None:
        """Read all records, a chunk per turn of the event loop. Changes made meanwhile wait in ``pending``."""
        after = ""
        while rows := store.records_after(index_id, after, _CHUNK):
            self.index.apply([(object_id, orjson.loads(data)) for object_id, data in rows])
            after = rows[-1][0]
            await asyncio.sleep(0)
        self.built = True

    async def catch_up(self) -> None:
        """Take in what is pending, a chunk per turn of the event loop."""
        while self.pending:
            chunk, self.pending = self.pending[:_CHUNK], self.pending[_CHUNK:]
            self.index.apply(chunk)
            await asyncio.sleep(0)


class Library:
    """Inverted indices by the id of the index that owns the records."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[int, _Loaded] = {}

    async def get(self, index_id: int, schema: Schema) -> InvertedIndex:
        """The index with every change up to now; built anew if it is not there, or for another schema."""
        loaded = self._loaded.get(index_id)
        if loaded is None or loaded.index.schema != schema or loaded.index.wasteful:
            loaded = self._loaded[index_id] = _Loaded(schema)
        async with loaded.lock:
            if not loaded.built:
                await loaded.build(self._store, index_id)
            await loaded.catch_up()
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
