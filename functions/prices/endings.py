"""How stores of a run end, and the run with the last of them: the semaphore between prices and storefronts.

What a store comes to, that its storefront is to be rebuilt, and its arrival at the run's latch are one commit; so is
the run's end with the release of that latch. What follows such a commit, the rebuild's task or the end of the run, is
done again by whoever comes to a store that has ended already, so it happens though its author died.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.prices.runs import CONFLICTS, MAX_TURNS, Run, Runs
from functions.prices.stores import RunStore, RunStores, StoreStatus, Work
from shared.clock import Clock
from shared.errors import TransientError
from shared.storefronts import RebuildRequests, RebuildTask

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_log = logging.getLogger(__name__)

MAX_NAMED = 1_000
"""Stores that a run names as missing or failed; there may be more."""

_Write = Callable[["AsyncWriteBatch"], None]


@dataclass
class Tally:
    """What the stores of a run have come to."""

    work: Work = field(default_factory=Work)
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, store: RunStore) -> None:
        """Take a store into account."""
        self.work = Work(*(sum(both) for both in zip(self.work, store.work, strict=True)))
        if store.status in ("pending", "cancelled"):
            self.missing.append(store.store_id)
        elif not store.is_settled or store.status == "refused":
            self.failed.append(store.store_id)

    def fields(self) -> dict[str, Any]:
        """As the run's document has it."""
        return {
            "status": "partial" if self.missing or self.failed else "done",
            "totals": self.work._asdict(),
            "missing": self.missing[:MAX_NAMED],
            "missing_count": len(self.missing),
            "failed": self.failed[:MAX_NAMED],
            "failed_count": len(self.failed),
        }


@dataclass(frozen=True)
class Endings:
    """Ends stores and runs."""

    db: "AsyncClient"
    runs: Runs
    stores: RunStores
    requests: RebuildRequests
    clock: Clock

    async def came_in(self, run_id: str, store_id: str, series: int) -> None:
        """End a store if all of its chunks have come in.

        Raises:
            TransientError: others keep writing the store.
        """
        for _ in range(MAX_TURNS):
            store = await self.stores.get(run_id, store_id)
            if store is None or store.series != series:
                return
            if store.is_settled:
                await self.follow_up(store)
                return
            latch = self.stores.latch(run_id, store_id, series)
            seen = await latch.state()
            if not seen.complete:
                if store.status in ("failed", "cancelled") or seen.overdue(self.clock()):
                    # Its other chunks are shown as they come in: nobody waits for the last one any more.
                    await self.show(store)
                return
            status: StoreStatus = "updated" if store.work.pages_written else "unchanged"
            # Released since the store was read: the next look finds it settled.
            if seen.released or not await self.settle(store, status, "", partial(latch.release, seen=seen)):
                continue
            await self.follow_up(store)
            return
        raise TransientError("Others keep writing the store.")

    async def refuse(self, store: RunStore, reason: str) -> None:
        """End a store that its retailer may not change. The caller goes on with :meth:`came_in`.

        Raises:
            TransientError: others keep writing the store.
        """
        for _ in range(MAX_TURNS):
            now = await self.stores.get(store.run_id, store.store_id)
            if now is None or now.series != store.series or now.is_settled:
                return
            await self.settle(now, "refused", reason, lambda _: None)
        raise TransientError("Others keep writing the store.")

    async def settle(self, store: RunStore, status: StoreStatus, reason: str, more: _Write) -> bool:
        """End a store as it was read: with a request to rebuild it if pages of it were written, and its arrival.

        Args:
            reason: for its retailer, unless it ended well.
            more: writes that belong into the same commit.

        Returns:
            Whether it was still as it was read. The caller goes on with :meth:`follow_up`.
        """
        batch = self.db.batch()
        self._write_request(batch, store, {"status": status, "reason": reason})
        self.runs.latch(store.run_id, store.series).arrive(batch, store.number)
        more(batch)
        return await _committed(batch)

    async def follow_up(self, store: RunStore) -> None:
        """What is to be done once a store has ended: the rebuild's task, unless a build covers it, and the run's end.

        Raises:
            TransientError: others keep writing the run.
            google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
        """
        await self._enqueue_rebuild(store.store_id)
        await self.end(store.run_id, store.series)

    async def show(self, store: RunStore) -> None:
        """Have the storefront of a store rebuilt that has come in in part, and will not soon in whole."""
        if not store.is_dirty:
            return
        batch = self.db.batch()
        self._write_request(batch, store, {})
        if await _committed(batch):
            await self._enqueue_rebuild(store.store_id)

    def _write_request(self, batch: "AsyncWriteBatch", store: RunStore, fields: Mapping[str, Any]) -> None:
        if store.is_dirty:
            self.requests.write(batch, store.store_id)
        self.stores.write_change(batch, store, {**fields, "is_dirty": False})

    async def _enqueue_rebuild(self, store_id: str) -> None:
        """Enqueue the latest request that there is: it covers those before it."""
        snapshot = await self.requests.document(store_id).get(["requested", "built"])
        fields = snapshot.to_dict() or {}
        requested = fields.get("requested", 0)
        if requested > fields.get("built", 0):
            await self.requests.enqueue(RebuildTask(store_id=store_id, ticket=requested))

    async def end(self, run_id: str, series: int) -> bool:
        """End a run if all stores of its series have arrived; whether this call ended it.

        A read a store if it ends, and two if it does not, however many stores there are.

        Raises:
            TransientError: others keep writing the run.
        """
        latch = self.runs.latch(run_id, series)
        for _ in range(MAX_TURNS):
            run = await self.runs.get(run_id)
            if run is None or run.status != "running" or run.series != series:
                return False
            # Each store asks this, so thousands of arrivals are counted only when that may come to an end. When one
            # store is run again, others may be pending from before.
            if run.rerun_of is None and await self.stores.is_any_pending(run_id):
                return False
            seen = await latch.state()
            if seen.released or not seen.complete:
                return False
            if await self._commit_end(run, await self.tally(run_id), partial(latch.release, seen=seen)):
                return True
        raise TransientError("Others keep writing the run.")

    async def end_overdue(self, run: Run) -> bool:
        """End a run that takes too long, and name the stores that did not finish: they go on all the same.

        What has come in of them is shown; whether this call ended the run. Two reads a store.

        Raises:
            TransientError: others keep writing the run.
        """
        await self.show_all(run.id)
        tally = await self.tally(run.id)
        if not tally.missing:
            return await self.end(run.id, run.series)
        return await self._commit_end(run, tally, lambda _: None)

    async def show_all(self, run_id: str) -> None:
        """As :meth:`show`, for all stores of a run: a read each."""
        async for stores in self.stores.walk(run_id):
            await asyncio.gather(*map(self.show, stores))

    async def tally(self, run_id: str) -> Tally:
        """What the stores of a run have come to: a read each."""
        tally = Tally()
        async for stores in self.stores.walk(run_id):
            for store in stores:
                tally.add(store)
        return tally

    async def _commit_end(self, run: Run, tally: Tally, more: _Write) -> bool:
        fields = tally.fields() | {"ended_at": self.clock(), "deadline": None}
        batch = self.db.batch()
        self.runs.write_change(batch, run, fields)
        more(batch)
        if not await _committed(batch):
            return False
        level = logging.INFO if fields["status"] == "done" else logging.WARNING
        counts = {name: fields[name] for name in ("status", "missing_count", "failed_count")}
        _log.log(level, "prices.run_ended", extra={"run": run.id, **counts, **fields["totals"]})
        return True


async def _committed(batch: "AsyncWriteBatch") -> bool:
    try:
        await batch.commit()
    except CONFLICTS:
        return False
    return True
