"""Reading one product through the cache: no database read while the cache holds it, one otherwise."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from functions.products.model import view
from shared.cache import Entry, VersionedCache
from shared.products import COLLECTION

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_OWNER_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Rendered:
    """A product as JSON, ready to be sent, and what decides who may have it."""

    version: int
    owner: bytes
    body: bytes

    def belongs_to(self, user_id: str) -> bool:
        return self.owner == _owner(user_id)


def render(product_id: str, stored: dict[str, Any]) -> bytes:
    """A product's document as the JSON of :class:`functions.products.model.Product`."""
    return orjson.dumps(view(product_id, stored), default=_as_text)


class ProductReader:
    """Products by id."""

    def __init__(self, db: "AsyncClient", cache: VersionedCache) -> None:
        self._products = db.collection(COLLECTION)
        self._cache = cache

    async def get(self, product_id: str) -> Rendered | None:
        """The product, never older than one that this cache has seen."""
        entry = await self._cache.get(product_id, lambda: self._load(product_id))
        if entry is None:
            return None
        return Rendered(entry.version, entry.value[:_OWNER_BYTES], entry.value[_OWNER_BYTES:])

    async def remember(self, product_id: str, stored: dict[str, Any]) -> None:
        """After a product was written."""
        await self._cache.put(product_id, _entry(product_id, stored))

    async def forget(self, product_id: str, version: int) -> None:
        """After a product was deleted, as its ``version``."""
        await self._cache.remove(product_id, version)

    async def _load(self, product_id: str) -> Entry | None:
        snapshot = await self._products.document(product_id).get()
        stored = snapshot.to_dict()
        return None if stored is None else _entry(product_id, stored)


def _entry(product_id: str, stored: dict[str, Any]) -> Entry:
    # A digest, since a user's id can hold any character and so no separator is safe.
    return Entry(int(stored["version"]), _owner(stored["user_id"]) + render(product_id, stored))


def _owner(user_id: str) -> bytes:
    return hashlib.sha256(user_id.encode()).digest()


def _as_text(value: Any) -> str:
    # Firestore's times are of a subclass, which orjson does not take for a datetime.
    return str(value.isoformat())
