"""What can be done with objects, whatever API asks for it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from sqlite3 import Connection
from typing import Any, BinaryIO

from infra.local.clock import Clock
from infra.local.database import transaction

from .blobs import Blobs
from .errors import invalid, no_bucket, no_object
from .events import EventLog
from .metadata import patched, replaced, require_name
from .preconditions import ALWAYS, Preconditions
from .resources import Contents, Metadata, StoredObject
from .store import Store

_MAX_SOURCES = 32


@dataclass(frozen=True)
class Source:
    """An object to copy or compose from: its live generation, or exactly this one."""

    bucket: str
    name: str
    generation: int | None = None
    preconditions: Preconditions = ALWAYS


class Objects:
    """The objects of all buckets, and the events of what happens to them.

    Whatever is done to an object happens whole or not at all, and so that readers of the former bytes end well.
    Every method raises ``StorageError`` for what is not there, a precondition that does not hold, and what is
    malformed.
    """

    def __init__(
        self, database: Connection, store: Store, blobs: Blobs, events: EventLog, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._blobs = blobs
        self._events = events
        self._clock = clock

    @asynccontextmanager
    async def received(self, body: AsyncIterator[bytes]) -> AsyncIterator[Contents]:
        """The bytes of ``body``, on disk and with checksums, to be ``put`` in the block; lost if they are not.

        An exception that ``body`` raises ends it and nothing stays.
        """
        blob = self._blobs.create()
        try:
            await self._blobs.append(blob, body)
            yield await self._blobs.contents(blob)
        finally:
            self.drop_unused(blob)

    def put(
        self,
        bucket: str,
        name: str,
        contents: Contents,
        metadata: Metadata,
        preconditions: Preconditions = ALWAYS,
        also: Callable[[StoredObject], None] = lambda stored: None,
    ) -> StoredObject:
        """Make a new generation of an object.

        Args:
            metadata: what ``given_metadata`` answers.
            also: writes what must be kept together with the object.
        """
        require_name(name)
        self.require_bucket(bucket)
        with transaction(self._database):
            former = self._store.object(bucket, name)
            preconditions.check_write(former)
            now = self._clock.now()
            generation = self._store.next_generation(now)
            stored = StoredObject(bucket, name, generation, 1, now, now, contents, metadata)
            self._store.save_object(stored)
            self._events.add("finalized", stored, now)
            if former:
                self._events.add("deleted", former, now)
            also(stored)
        self._changed(former)
        return stored

    def get(
        self, bucket: str, name: str, generation: int | None = None, preconditions: Preconditions = ALWAYS
    ) -> StoredObject:
        """The live object; ``generation`` asks for exactly this one."""
        self.require_bucket(bucket)
        stored = self._live(bucket, name, generation)
        preconditions.check_read(stored)
        return stored

    def open(self, stored: StoredObject) -> BinaryIO:
        """Its bytes, to be closed by the caller. Do not ``await`` between ``get`` and this: they may be gone then."""
        return self._blobs.open(stored.contents.blob)

    def patch(
        self,
        bucket: str,
        name: str,
        patch: Mapping[str, Any],
        generation: int | None = None,
        preconditions: Preconditions = ALWAYS,
    ) -> StoredObject:
        """Change the fields that ``patch`` has; see ``patched``."""
        current = self._to_change(bucket, name, generation, preconditions)
        return self._update(current, patched(current.metadata, patch))

    def replace(
        self,
        bucket: str,
        name: str,
        resource: Mapping[str, Any],
        generation: int | None = None,
        preconditions: Preconditions = ALWAYS,
    ) -> StoredObject:
        """Set all fields anew; see ``replaced``."""
        current = self._to_change(bucket, name, generation, preconditions)
        return self._update(current, replaced(current.metadata, resource))

    def delete(
        self, bucket: str, name: str, generation: int | None = None, preconditions: Preconditions = ALWAYS
    ) -> None:
        """Remove an object."""
        current = self._to_change(bucket, name, generation, preconditions)
        with transaction(self._database):
            self._store.delete_object(bucket, name)
            self._events.add("deleted", current, self._clock.now())
        self._changed(current)

    def copy(
        self,
        source: Source,
        bucket: str,
        name: str,
        metadata: Metadata,
        preconditions: Preconditions = ALWAYS,
    ) -> StoredObject:
        """A new generation with the bytes of another object, or of this very one.

        Args:
            metadata: the new object's fields; empty takes the source's.
        """
        original = self.get(source.bucket, source.name, source.generation, source.preconditions)
        return self.put(bucket, name, original.contents, metadata or original.metadata, preconditions)

    async def compose(
        self,
        sources: Sequence[Source],
        bucket: str,
        name: str,
        metadata: Metadata,
        preconditions: Preconditions = ALWAYS,
    ) -> StoredObject:
        """Join 1 to 32 objects of one bucket."""
        if not 1 <= len(sources) <= _MAX_SOURCES:
            raise invalid(f"The number of source components must be 1 to {_MAX_SOURCES}, not {len(sources)}.")
        parts = [
            self.get(source.bucket, source.name, source.generation, source.preconditions).contents
            for source in sources
        ]
        components = sum(part.components or 1 for part in parts)
        blob = self._blobs.create()
        try:
            await self._blobs.concatenate(blob, [part.blob for part in parts])
            joined = replace(await self._blobs.contents(blob), md5=None, components=components)
            return self.put(bucket, name, joined, metadata, preconditions)
        finally:
            self.drop_unused(blob)

    def require_bucket(self, bucket: str) -> None:
        """Refuse to go on without it."""
        if self._store.bucket(bucket) is None:
            raise no_bucket()

    def drop_unused(self, blob: str) -> None:
        """Remove a file that has become no object's."""
        if not self._store.names(blob):
            self._blobs.remove(blob)

    def check_write(self, bucket: str, name: str, preconditions: Preconditions) -> None:
        """Refuse early what ``put`` would refuse now."""
        require_name(name)
        self.require_bucket(bucket)
        preconditions.check_write(self._store.object(bucket, name))

    def _live(self, bucket: str, name: str, generation: int | None) -> StoredObject:
        stored = self._store.object(bucket, name)
        if stored is None or generation not in (None, stored.generation):
            raise no_object(bucket, name)
        return stored

    def _to_change(
        self, bucket: str, name: str, generation: int | None, preconditions: Preconditions
    ) -> StoredObject:
        self.require_bucket(bucket)
        current = self._live(bucket, name, generation)
        preconditions.check_write(current)
        return current

    def _update(self, current: StoredObject, metadata: Metadata) -> StoredObject:
        now = self._clock.now()
        updated = replace(current, metageneration=current.metageneration + 1, updated=now, metadata=metadata)
        with transaction(self._database):
            self._store.save_object(updated)
            self._events.add("metadataUpdated", updated, now)
        self._changed(None)
        return updated

    def _changed(self, former: StoredObject | None) -> None:
        if former:
            self.drop_unused(former.contents.blob)
        self._events.announce()
