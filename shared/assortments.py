"""Assortments: what each store sells, at which price, in pages of hundreds of items.

A store has one document of ``assortments``, which names its pages and says which feed had the last word on each item.
The pages are documents of ``assortment_pages``. An item is on the page whose prefix begins the bits of its SKU's
hash, and a page that grows too large is split in two (extendible hashing), so that an item is found without an index
and a store of 50,000 items is read in about a hundred documents.

Price updates write assortments and storefronts read them; they meet here.
"""

import hashlib
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import orjson
from pydantic import StringConstraints

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

COLLECTION = "assortments"
PAGES = "assortment_pages"
# 800 items of ordinary names are about 80 KB, a twelfth of what a document holds; of the longest names, half of it.
MAX_PAGE_ITEMS = 800
_HASH_BITS = 32

_ID = r"[A-Za-z0-9_-]{1,64}"
ID_PATTERN = rf"^{_ID}$"
# It begins names of documents, and those that begin with two underscores may be Firestore's own ("__x__").
STORE_PATTERN = r"^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$"
SKU_PATTERN = r"^[A-Za-z0-9._:/#+@*()&%$!=~-]{1,64}$"
PRODUCT_ID_PATTERN = r"^[A-Za-z0-9]{1,64}$"
# Control characters, and what breaks lines.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_EDGE = rf"[^ \u00a0{_CONTROLS}]"
NAME_PATTERN = rf"^{_EDGE}([^{_CONTROLS}]{{0,198}}{_EDGE})?$"

StoreId = Annotated[str, StringConstraints(pattern=STORE_PATTERN)]
RetailerId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
CategoryId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Sku = Annotated[str, StringConstraints(pattern=SKU_PATTERN)]
ProductId = Annotated[str, StringConstraints(pattern=PRODUCT_ID_PATTERN)]
ItemName = Annotated[str, StringConstraints(strip_whitespace=True, pattern=NAME_PATTERN)]


class Page(NamedTuple):
    """Items as columns of equal length, in the order of their SKUs.

    Prices are in minor units of the currency beside them; a ``product_ids`` entry is empty when the item is not linked
    to the catalog.
    """

    skus: Sequence[str]
    prices: Sequence[int]
    currencies: Sequence[str]
    available: Sequence[bool]
    category_ids: Sequence[str]
    product_ids: Sequence[str]
    names: Sequence[str]


EMPTY_PAGE = Page((), (), (), (), (), (), ())


def encode_page(page: Page) -> bytes:
    """A page as its document holds it: JSON, since that is read a hundred times faster than a map of Firestore's."""
    return orjson.dumps(tuple(page))


def decode_page(content: bytes) -> Page:
    """The way back from :func:`encode_page`."""
    return Page(*orjson.loads(content))


def sku_hash(sku: str) -> int:
    """32 bits, evenly spread."""
    return int.from_bytes(hashlib.blake2b(sku.encode(), digest_size=_HASH_BITS // 8).digest())


def page_of(prefixes: Collection[str], hashed: int) -> str:
    """The prefix of the page that an item is on.

    Args:
        prefixes: of all pages of the store, such as ``{"0", "10", "11"}``; none begins another, and together they cover
            all hashes. A lookup in it should not take long: a set, or a mapping.
        hashed: the SKU's :func:`sku_hash`.

    Raises:
        LookupError: the prefixes do not cover it.
    """
    bits = f"{hashed:0{_HASH_BITS}b}"
    for depth in range(_HASH_BITS + 1):
        if bits[:depth] in prefixes:
            return bits[:depth]
    raise LookupError(f"No page for {bits} among {sorted(prefixes)}.")


@dataclass(frozen=True)
class Ledger:
    """Which feed had the last word on each item of each page.

    It is apart from the pages, so that a feed which repeats what is known writes no page, and still counts as the last
    word when an older feed comes in late.

    Args:
        feeds: the stamps of the feeds that are referred to.
        pages: by prefix, for each item of the page, in the page's order, an index into ``feeds``.
    """

    feeds: Sequence[str]
    pages: Mapping[str, Sequence[int]]

    def encode(self) -> bytes:
        """As the store's document holds it; runs of equal numbers take next to no room."""
        return zlib.compress(orjson.dumps([self.feeds, self.pages]), level=1)

    @classmethod
    def decode(cls, content: bytes) -> "Ledger":
        """The way back from :meth:`encode`."""
        return cls(*orjson.loads(zlib.decompress(content)))


@dataclass(frozen=True)
class StoredAssortment:
    """The document of a store's assortment as it was read.

    Args:
        retailer: whose store it is: of the first feed that had it.
        pages: the prefixes of its pages.
        items: how many there are.
        ledger: an encoded :class:`Ledger`.
        changed_at: when an item was last changed.
        update_time: for the precondition of a change to it.
    """

    retailer: str
    pages: Sequence[str]
    items: int
    ledger: bytes
    changed_at: datetime | None
    update_time: Any = None


def stored_assortment(snapshot: "DocumentSnapshot[Any]") -> StoredAssortment | None:
    """The assortment in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known: dict[str, Any] = {name: fields.get(name) for name in StoredAssortment.__dataclass_fields__}
    return StoredAssortment(**known | {"update_time": snapshot.update_time})


def assortment_document(db: "AsyncClient", store_id: str) -> Any:
    """The reference of a store's assortment."""
    return db.collection(COLLECTION).document(store_id)


def page_document(db: "AsyncClient", store_id: str, prefix: str) -> Any:
    """The reference of one page; its one field, ``content``, is what :func:`encode_page` made."""
    return db.collection(PAGES).document(f"{store_id}:{prefix}")


async def owner_of(db: "AsyncClient", store_id: str) -> str | None:
    """The retailer whose store it is; ``None`` for a store that no feed has had yet. One read."""
    snapshot = await assortment_document(db, store_id).get(["retailer"])
    return snapshot.get("retailer") if snapshot.exists else None
