"""``update-prices``: brings a chunk of a store's lines into its assortment.

The merge can be repeated without harm (:mod:`functions.prices.merging`), so an attempt that dies is made again from its
beginning. Pages, ledger and, with the last of them, the chunk's arrival are commits on the condition that nobody else
has written the assortment meanwhile; who loses merges again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from functions.prices.assortments import Assortment, Assortments, EncodedChange, SeenPages, commits
from functions.prices.endings import Endings
from functions.prices.lines_of_parts import Line, read_lines
from functions.prices.merging import by_page, last_lines, merge
from functions.prices.planning import chunk_of
from functions.prices.queues import UpdateTask
from functions.prices.runs import CONFLICTS
from functions.prices.stores import Range, RunStore, RunStores, Work
from shared.errors import PermanentError, TransientError
from shared.tasks import Attempt

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

# How often a chunk is merged again at once, after another one of the same store was quicker: one of them always is.
_MAX_TURNS = 20


class Parts(Protocol):
    """What this needs of the workspace."""

    async def lines(self, run_id: str, where: Range) -> bytes:
        """Lines of a store, as :func:`functions.prices.lines_of_parts.read_lines` takes them."""


@dataclass(frozen=True)
class Updating:
    """Works on tasks: reads the store's part in the run, its assortment and those pages that the chunk has lines of;
    writes pages that change, the ledger, the counts and the arrival, in one commit unless it is large."""

    db: "AsyncClient"
    stores: RunStores
    assortments: Assortments
    parts: Parts
    endings: Endings
    # Lines take ten times the memory of their text, so that one text at a time becomes lines.
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, task: UpdateTask, attempt: Attempt) -> None:
        """Bring in a chunk, and end its store if it was the last one.

        Raises:
            PermanentError: its run or its lines are not kept any more.
            TransientError: others keep writing the assortment, or something is out of reach.
        """
        store = await self.stores.get(task.run_id, task.store_id)
        if store is None:
            raise PermanentError(f"The run {task.run_id} is not kept any more. Send the feed again.")
        if store.series != task.series or store.is_left_out:
            # It is run anew, by other tasks, or is not wanted any more.
            return
        if not store.is_settled:
            await self._update(store, task.chunk)
        await self.endings.came_in(task.run_id, task.store_id, task.series)

    async def _update(self, store: RunStore, number: int) -> None:
        chunk = _Chunk(store, number, await self._lines(store, number), SeenPages(self.assortments))
        for _ in range(_MAX_TURNS):
            assortment = await self.assortments.get(store.store_id, store.retailer)
            if assortment.retailer != store.retailer:
                await self.endings.refuse(store, "The store belongs to another retailer.")
                return
            if await self._merge(chunk, assortment):
                return
        raise TransientError("Others keep writing this assortment.")

    async def _lines(self, store: RunStore, chunk: int) -> Mapping[str, Line]:
        lines: dict[str, Line] = {}
        for where in store.ranges:
            content = await self.parts.lines(store.run_id, where)
            async with self._reading:
                lines |= await asyncio.to_thread(_of_chunk, content, chunk, store.chunks)
        return lines

    async def _merge(self, chunk: "_Chunk", assortment: Assortment) -> bool:
        """Merge lines into an assortment as it was read; ``False`` if it is not like that any more."""
        said = by_page(assortment.ledger.pages, chunk.lines)
        pages = await chunk.seen.get(assortment, said.keys())
        if pages is None:
            return False
        changes = merge(assortment.ledger, pages, said, chunk.store.stamp, self.assortments.max_page_items)
        *first, last = commits(changes)
        try:
            for some in first:
                assortment = await self._commit(chunk, assortment, some, lambda _: None)
            latch = self.stores.latch(chunk.store.run_id, chunk.store.store_id, chunk.store.series)
            await self._commit(chunk, assortment, last, partial(latch.arrive, member=chunk.number))
        except CONFLICTS:
            return False
        return True

    async def _commit(
        self,
        chunk: "_Chunk",
        assortment: Assortment,
        changes: Sequence[EncodedChange],
        more: Callable[["AsyncWriteBatch"], None],
    ) -> Assortment:
        """Write some changes; the assortment as it is then."""
        batch = self.db.batch()
        after = self.assortments.write(batch, assortment, changes) if changes else assortment
        self.stores.write_work(batch, chunk.store, _work(chunk, changes))
        more(batch)
        results = await batch.commit()
        return replace(after, update_time=results[0].update_time) if changes else after


@dataclass(frozen=True)
class _Chunk:
    """A chunk on its way into an assortment."""

    store: RunStore
    number: int
    lines: Mapping[str, Line]
    seen: SeenPages


def _work(chunk: _Chunk, changes: Sequence[EncodedChange]) -> Work:
    return Work(
        pages_read=chunk.seen.take_read(),
        pages_written=sum(len(each.contents) for each in changes),
        items_changed=sum(each.change.items for each in changes),
    )


def _of_chunk(content: bytes, chunk: int, chunks: int) -> dict[str, Line]:
    lines = read_lines(content)
    if chunks == 1:
        return last_lines(lines)
    return last_lines(line for line in lines if chunk_of(line.sku, chunks) == chunk)
