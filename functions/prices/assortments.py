"""Assortments as price updates read and write them: the store's one document, which has the ledger, and its pages.

Every commit has the document's ``last_update_time`` as its precondition. So writers of a store take turns, and what one
of them read of a page holds for as long as the ledger says the same of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from functions.prices.merging import EMPTY_LEDGER, PageChange, deciding, entered
from shared.assortments import (
    EMPTY_PAGE,
    MAX_PAGE_ITEMS,
    Ledger,
    Page,
    assortment_document,
    decode_page,
    encode_page,
    page_document,
    stored_assortment,
)
from shared.clock import Clock
from shared.errors import PermanentError

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

# A request takes 10 MiB; what is around the pages' content is small.
_COMMIT_BYTES = 8 * 1024 * 1024
_COMMIT_PAGES = 64
# A document takes 1 MiB, and there is more in it.
_LEDGER_BYTES = 900_000


@dataclass(frozen=True)
class Assortment:
    """What a store sells, but for the content of its pages.

    Args:
        retailer: whose store it is.
        update_time: for the precondition of a change to it; ``None`` if there is no document yet.
    """

    store_id: str
    retailer: str
    ledger: Ledger
    update_time: Any = None


class Assortments:
    """Reads assortments and writes changes of their pages.

    Args:
        max_page_items: a page with more is split.
    """

    def __init__(self, db: "AsyncClient", clock: Clock, max_page_items: int = MAX_PAGE_ITEMS) -> None:
        self._db = db
        self._clock = clock
        self.max_page_items = max_page_items

    async def get(self, store_id: str, retailer: str) -> Assortment:
        """The assortment of a store: one read. If there is none, it is empty and belongs to ``retailer``."""
        stored = stored_assortment(await assortment_document(self._db, store_id).get())
        if stored is None:
            return Assortment(store_id, retailer, EMPTY_LEDGER)
        return Assortment(store_id, stored.retailer, Ledger.decode(stored.ledger), stored.update_time)

    async def pages(self, store_id: str, prefixes: Collection[str]) -> dict[str, Page]:
        """Those of some pages that there are: a read each."""
        by_name = {page_document(self._db, store_id, prefix): prefix for prefix in prefixes}
        return {
            by_name[snapshot.reference]: decode_page(snapshot.get("content"))
            async for snapshot in self._db.get_all(list(by_name))
            if snapshot.exists
        }

    def write(
        self, batch: "AsyncWriteBatch", before: Assortment, changes: "Sequence[EncodedChange]"
    ) -> Assortment:
        """Write changes when ``batch`` commits, which fails if the assortment is not as it was read any more.

        The assortment's own document is the first write.

        Returns:
            The assortment as it will be, but for its ``update_time``.

        Raises:
            PermanentError: so many feeds decide about so many items that the ledger does not fit into a document.
        """
        ledger = entered(before.ledger, (each.change for each in changes))
        self._write_ledger(batch, before, ledger, any(each.contents for each in changes))
        for each in changes:
            for prefix, content in each.contents.items():
                batch.set(page_document(self._db, before.store_id, prefix), {"content": content})
            if each.change.is_split:
                batch.delete(page_document(self._db, before.store_id, each.change.prefix))
        return replace(before, ledger=ledger)

    def _write_ledger(
        self, batch: "AsyncWriteBatch", before: Assortment, ledger: Ledger, pages_change: bool
    ) -> None:
        encoded = ledger.encode()
        if len(encoded) > _LEDGER_BYTES:
            raise PermanentError(
                f"Store {before.store_id} has too many items that come from too many feeds. One feed with all of its "
                "items mends that."
            )
        fields: dict[str, Any] = {"ledger": encoded}
        if pages_change:
            fields |= {
                "pages": sorted(ledger.pages),
                "items": sum(len(page) for page in ledger.pages.values()),
                "changed_at": self._clock(),
            }
        document = assortment_document(self._db, before.store_id)
        if before.update_time is None:
            batch.create(document, {**fields, "retailer": before.retailer})
        else:
            batch.update(document, fields, option=self._db.write_option(last_update_time=before.update_time))


@dataclass(frozen=True)
class EncodedChange:
    """A change, and the content of the pages that it writes."""

    change: PageChange
    contents: Mapping[str, bytes]

    @property
    def pages(self) -> int:
        """How many pages it writes."""
        return len(self.contents)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(map(len, self.contents.values()))

    @classmethod
    def of(cls, change: PageChange) -> "EncodedChange":
        """A change, encoded."""
        pages = {prefix: filled.page for prefix, filled in change.becomes.items()}
        return cls(change, {prefix: encode_page(page) for prefix, page in pages.items() if page is not None})


def commits(changes: Iterable[PageChange]) -> Iterator[list[EncodedChange]]:
    """As many changes as a commit takes at a time; what a page is split into stays together.

    Yields:
        At least one time, perhaps without any change.
    """
    some: list[EncodedChange] = []
    pages = size = 0
    for change in map(EncodedChange.of, changes):
        if some and (pages + change.pages > _COMMIT_PAGES or size + change.size > _COMMIT_BYTES):
            yield some
            some, pages, size = [], 0, 0
        some.append(change)
        pages += change.pages
        size += change.size
    yield some


class SeenPages:
    """Remembers pages, which hold for as long as the ledger says the same of them.

    Whoever changes an item changes who decides about it.
    """

    def __init__(self, assortments: Assortments) -> None:
        self._assortments = assortments
        self._seen: dict[str, tuple[Sequence[str], Page]] = {}
        self._read = 0

    def take_read(self) -> int:
        """How many pages were read since this was asked last."""
        read, self._read = self._read, 0
        return read

    async def get(self, assortment: Assortment, prefixes: Collection[str]) -> dict[str, Page] | None:
        """Pages of an assortment: a read for each that is not known. ``None`` if somebody is just changing it."""
        if assortment.update_time is None:
            return dict.fromkeys(prefixes, EMPTY_PAGE)
        stamps = {prefix: deciding(assortment.ledger, prefix) for prefix in prefixes}
        wanted = [p for p in prefixes if p not in self._seen or self._seen[p][0] != stamps[p]]
        found = await self._assortments.pages(assortment.store_id, wanted) if wanted else {}
        self._read += len(wanted)
        for prefix in wanted:
            if prefix not in found or len(found[prefix].skus) != len(stamps[prefix]):
                return None
            self._seen[prefix] = stamps[prefix], found[prefix]
        return {prefix: self._seen[prefix][1] for prefix in prefixes}
