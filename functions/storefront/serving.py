"""Reading a storefront: its pointer each time, and views that never change from memory.

The pointer is read anew for each request, after it has come in. So an answer is of the generation that is served then,
and no later request is answered with an older one, whichever process it comes to, unless it was rolled back.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cachetools import LRUCache

from functions.storefront.documents import Kind, names_of, view_document
from functions.storefront.packing import entry, unpack
from functions.storefront.states import no_storefront
from shared.errors import TransientError
from shared.problems import Problem
from shared.storefronts import COLLECTION

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncDocumentReference

# A view goes ten minutes after its generation is not served any more: whoever misses one has been away for that long.
_MAX_TURNS = 5

# What is served, by key.
Part = Mapping[str, bytes]


@dataclass(frozen=True)
class Pointer:
    """Which generation of a store is served, and where its entries are."""

    generation: int
    directory: bytes


@dataclass(frozen=True)
class Served:
    """What a reader is answered with: JSON, or nothing if it has that generation already."""

    generation: int
    body: bytes | None


class ViewCache:
    """Documents of views, read once and kept, the most recently used ones; concurrent misses share a read.

    Args:
        max_bytes: of all contents that are kept together.
    """

    def __init__(self, db: "AsyncClient", max_bytes: int) -> None:
        self._db = db
        self._parts: LRUCache[str, Part] = LRUCache(max_bytes, getsizeof=_size)
        self._flights: dict[str, asyncio.Task[Part | None]] = {}

    async def part(self, store_id: str, generation: int, name: str) -> Part | None:
        """One document of a generation; ``None`` if it is not there any more."""
        document = view_document(self._db, store_id, generation, name)
        if (kept := self._parts.get(document.id)) is not None:
            return kept
        flight = self._flights.get(document.id)
        if flight is None:
            flight = self._flights[document.id] = asyncio.create_task(self._load(document))
            flight.add_done_callback(lambda _: self._flights.pop(document.id))
        # Shielded: who gives up takes nobody else's answer away.
        return await asyncio.shield(flight)

    async def _load(self, document: "AsyncDocumentReference") -> Part | None:
        snapshot = await document.get()
        if not snapshot.exists:
            return None
        part = self._parts[document.id] = unpack(snapshot.get("content"))
        return part


class Serving:
    """What readers of storefronts get: one read for the pointer, and one for what is not in memory."""

    def __init__(self, db: "AsyncClient", views: ViewCache) -> None:
        self._db = db
        self._views = views

    async def read(self, store_id: str, kind: Kind, key: str, has: Callable[[int], bool]) -> Served:
        """An entry as it is served now.

        Args:
            has: whether the reader has it already, by its generation.

        Raises:
            Problem: 404, there is no such store or category, or nothing in it.
            TransientError: views keep going before they can be read.
        """
        for _ in range(_MAX_TURNS):
            pointer = await self._pointer(store_id)
            if has(pointer.generation):
                return Served(pointer.generation, None)
            parts = await self._parts(store_id, pointer, names_of(pointer.directory, kind, key))
            if parts is not None:
                body = entry(parts, key)
                if body is None:
                    raise Problem(404, "not-found", f"Nothing is sold in {key!r} here.")
                return Served(pointer.generation, _numbered(body, pointer.generation))
        raise TransientError("The views of this storefront keep going.")

    async def _pointer(self, store_id: str) -> Pointer:
        snapshot = await self._db.collection(COLLECTION).document(store_id).get(["current", "directory"])
        fields = snapshot.to_dict()
        if not fields or fields.get("current") is None:
            raise no_storefront(store_id)
        return Pointer(fields["current"], fields["directory"])

    async def _parts(self, store_id: str, pointer: Pointer, names: Sequence[str]) -> Sequence[Part] | None:
        """Documents of the generation that is pointed at, in their order; ``None`` if one is there no more."""
        found = await asyncio.gather(
            *(self._views.part(store_id, pointer.generation, name) for name in names)
        )
        parts = [part for part in found if part is not None]
        return parts if len(parts) == len(names) else None


def _numbered(body: bytes, generation: int) -> bytes:
    """A JSON object that also says of which generation it is."""
    return b'{"generation":%d,%s' % (generation, body[1:])


def _size(part: Part) -> int:
    return sum(map(len, part.values()))
