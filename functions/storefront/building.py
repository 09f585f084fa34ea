"""Rebuilding a storefront: claim the next generation, read, compute, write its documents, move the pointer to it.

Whoever has built also removes what was replaced long ago, so that the sweeper (``upkeep.py``) has the rest alone.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING

from functions.storefront import counters as counting
from functions.storefront.counters import Counters
from functions.storefront.documents import Packed, packed, view_document
from functions.storefront.events import Batch, EventBatches
from functions.storefront.generations import (
    Claim,
    Generation,
    Storefront,
    Verdict,
    claimed,
    flipped,
    removable,
)
from functions.storefront.removal import Removal
from functions.storefront.shards import stored_tree
from functions.storefront.snapshots import Snapshot, Snapshots
from functions.storefront.states import States
from functions.storefront.views import Shown, build_views
from shared.assortments import Page, decode_page
from shared.clock import Clock
from shared.errors import TransientError
from shared.storefronts import RebuildRequests, RebuildTask
from shared.tasks import Attempt

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_log = logging.getLogger(__name__)

# Well below the 10 MiB that a request may have, and several of them are on their way at once.
_MAX_BATCH_BYTES = 4_000_000
# Most builds are done by then, and nobody minds the wait.
_SOON = timedelta(seconds=2)


@dataclass(frozen=True)
class Build:
    """What was made of a snapshot.

    Args:
        folded: the batches of events that are in the counters now: all, or none where the counters would outgrow a
            commit.
        counters: the contents of the counters' documents.
    """

    packed: Packed
    categories_version: int
    folded: Sequence[Batch]
    counters: Sequence[bytes]
    shown: Shown


def build(snapshot: Snapshot) -> Build:
    """Compute a generation. No service is asked."""
    with _uncollected():
        pages = [decode_page(content) for content in snapshot.pages]
        stored = stored_tree(snapshot.categories)
        counts, folded, contents = _counted(snapshot, pages)
        views = build_views(stored.tree, pages, counts)
        return Build(packed(views), stored.version, folded, contents, views.shown)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look through all that is made here time and again, and find nothing.

    Of two builds at once the one that ends first switches it on for both, which does no harm.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _counted(
    snapshot: Snapshot, pages: Sequence[Page]
) -> tuple[counting.Counts, Sequence[Batch], Sequence[bytes]]:
    """The counts with the pending events in them, these events, and the counters' documents."""
    before = counting.decode(snapshot.counters)
    if not snapshot.batches:
        return before, (), snapshot.counters
    sold = {sku for page in pages for sku in page.skus}
    events = (event for batch in snapshot.batches for event in batch.events)
    counts = counting.fold(before, events, sold)
    contents = counting.encode(counts)
    if sum(map(len, contents)) > counting.MAX_BYTES:
        return before, (), snapshot.counters
    return counts, snapshot.batches, contents


@dataclass(frozen=True)
class Rebuild:
    """Serves the tasks that ask for a rebuild, one store a task."""

    db: "AsyncClient"
    states: States
    snapshots: Snapshots
    counters: Counters
    batches: EventBatches
    requests: RebuildRequests
    removal: Removal
    clock: Clock

    async def run(self, task: RebuildTask, _attempt: Attempt) -> None:
        """Rebuild a store, unless what is asked for is built already, or being built.

        Raises:
            TransientError: an older request is still being built; or others keep writing the storefront.
        """
        started = time.perf_counter()
        mine = await self.states.step(task.store_id, lambda state, now: claimed(state, task, now))
        if isinstance(mine, Claim):
            await self._come_after(task, mine)
        elif isinstance(mine, Storefront):
            await self._build(task, mine, started)

    async def _come_after(self, task: RebuildTask, other: Claim) -> None:
        """Have the store built after somebody who builds it for an older request.

        One task does for all that come too early, whatever their tickets: it is not covered by that build, so another
        has to claim, and that one will see the tickets that were drawn before.
        """
        if task.after == other.generation:
            raise TransientError("Somebody still builds this store for an older request.")
        waiting = RebuildTask(store_id=task.store_id, ticket=task.ticket, after=other.generation)
        await self.requests.enqueue(waiting, not_before=self.clock() + _SOON)

    async def _build(self, task: RebuildTask, mine: Storefront, started: float) -> None:
        snapshot = await self.snapshots.read(task.store_id)
        made = await asyncio.to_thread(build, snapshot)
        await self._write(mine, made.packed.contents)
        after = await self._flip(mine, snapshot, made)
        if after == "overtaken":
            # Somebody has claimed a newer generation, or rolled back; what was written here is known to lead nowhere.
            _log.info("storefront.overtaken", extra=_of(mine))
            return
        _log.info(
            "storefront.built", extra={**_of(mine), **_cost(snapshot, made), "seconds": _since(started)}
        )
        if snapshot.batches and not made.folded:
            _log.error("storefront.events_left", extra=_of(mine))
        if self._leaves_some(made) and isinstance(after, Storefront):
            await self.requests.publish([RebuildTask(store_id=task.store_id, ticket=after.requested)])
        if isinstance(after, Storefront) and removable(after, self.clock()):
            await self.removal.run(task.store_id)

    async def _write(self, mine: Storefront, contents: Mapping[str, bytes]) -> None:
        await asyncio.gather(*(self._commit(mine, names, contents) for names in _batches(contents)))

    async def _commit(self, mine: Storefront, names: Sequence[str], contents: Mapping[str, bytes]) -> None:
        batch = self.db.batch()
        for name in names:
            document = view_document(self.db, mine.store_id, mine.last_generation, name)
            batch.set(document, {"content": contents[name]})
        await batch.commit()

    async def _flip(self, mine: Storefront, snapshot: Snapshot, made: Build) -> Storefront | Verdict:
        """Move the pointer, and fold the events with it, if that is still for us to do."""
        generation = Generation(
            number=mine.last_generation,
            built_at=self.clock(),
            directory=made.packed.directory,
            categories_version=made.categories_version,
            stats=asdict(made.shown),
        )

        def also(batch: "AsyncWriteBatch") -> None:
            self.counters.write(batch, mine.store_id, snapshot.counters, made.counters)
            self.batches.write_folded(batch, made.folded)

        return await self.states.step(
            mine.store_id,
            lambda state, now: flipped(state, generation, now, again=self._leaves_some(made)),
            seen=mine,
            also=also,
        )

    def _leaves_some(self, made: Build) -> bool:
        """Whether there may be more events than were read."""
        return len(made.folded) == self.batches.at_once


def _batches(contents: Mapping[str, bytes]) -> Iterator[list[str]]:
    """The names of documents, as many together as one commit may have."""
    names: list[str] = []
    size = 0
    for name, content in contents.items():
        if names and size + len(content) > _MAX_BATCH_BYTES:
            yield names
            names, size = [], 0
        names.append(name)
        size += len(content)
    yield names


def _of(mine: Storefront) -> dict[str, object]:
    return {"store": mine.store_id, "generation": mine.last_generation}


def _cost(snapshot: Snapshot, made: Build) -> dict[str, int]:
    """Reads and writes of a rebuild that nobody came in the way of."""
    changed = sum(before != after for before, after in zip_longest(snapshot.counters, made.counters))
    # The state is read once and written twice: the claim, and the flip.
    writes = 2 + len(made.packed.contents) + changed + len(made.folded)
    return {"reads": 1 + snapshot.reads, "writes": writes}


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)
