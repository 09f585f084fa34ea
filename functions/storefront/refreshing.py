"""A walk through all storefronts that asks for a rebuild of those that need one, a page of them a task.

A page can be walked any number of times: a store that waits for a build already gets no further ticket, only the task
of the one that it has, whose name makes that harmless.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING, Any

from functions.storefront.events import EventBatches
from functions.storefront.fan_outs import FanOuts
from shared.clock import Clock
from shared.storefronts import COLLECTION, RebuildRequests, RebuildTask, RefreshTask, ticket_of
from shared.tasks import Attempt

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

_log = logging.getLogger(__name__)

PAGE = 100
_AT_ONCE = 40
# A day, less what the walk of a night and the builds that it asks for can take: what was built last night is stale.
STALE_AFTER = timedelta(hours=20)
_FIELDS = (
    "requested",
    "built",
    "claim",
    "current",
    "last_generation",
    "categories_version",
    "built_at",
)


@dataclass(frozen=True)
class Standing:
    """What decides whether a storefront needs a rebuild: some of the state that ``generations.py`` explains.

    Args:
        claimed: the ticket of the claim; ``None`` without one.
        categories_version: of the generation that is served; 0 without one.
        built_at: when that was built.
    """

    store_id: str
    requested: int = 0
    built: int = 0
    claimed: int | None = None
    current: int | None = None
    last_generation: int = 0
    categories_version: int = 0
    built_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether a build is asked for already that has not begun to read.

        One that was claimed has, even if its time is over: until somebody else claims, it may yet come to its end.
        """
        return self.requested > max(self.built, self.claimed or 0)

    @property
    def settled(self) -> bool:
        """Whether nothing is asked for and nobody builds."""
        return self.requested <= self.built and self.claimed is None

    @property
    def is_held(self) -> bool:
        """Whether an operator went back to an earlier generation, and nobody has asked for a rebuild since.

        Otherwise, the generation that was claimed last is served as soon as all is settled.
        """
        return self.settled and self.current is not None and self.current < self.last_generation


def standing(snapshot: "DocumentSnapshot[Any]") -> Standing:
    """The standing of a store, by the document of its storefront."""
    fields = snapshot.to_dict() or {}
    claim = fields.pop("claim", None)
    known = {name: value for name, value in fields.items() if name in Standing.__dataclass_fields__}
    return Standing(**known | {"store_id": snapshot.id, "claimed": claim["ticket"] if claim else None})


def is_stale(store: Standing, version: int, now: datetime) -> bool:
    """Whether a storefront is out of date by its standing, and no operator holds it where it is.

    Args:
        version: of the categories.
    """
    aged = store.built_at is not None and store.built_at < now - STALE_AFTER
    behind = store.requested > store.built or store.categories_version < version
    return (behind or aged) and not store.is_held


@dataclass(frozen=True)
class Refreshing:
    """Walks: a read a store, at night two, and a write and a task for each that needs a rebuild."""

    db: "AsyncClient"
    requests: RebuildRequests
    batches: EventBatches
    fan_outs: FanOuts
    clock: Clock

    async def run(self, task: RefreshTask, attempt: Attempt) -> None:
        """Walk one page, and hand on to the next."""
        progress = await self.fan_outs.progress()
        if task.which == "categories" and not task.after and progress.done >= progress.version:
            return
        version = task.version or progress.version
        page = await self._page(task.after)
        needy = await self._needy(task, version, page)
        await self._request(needy)
        _log.info(
            "storefronts.refreshed", extra={"which": task.which, "page": len(page), "stores": len(needy)}
        )
        await self._go_on(task, version, page)

    async def _page(self, after: str | None) -> list[Standing]:
        stores = self.db.collection(COLLECTION)
        query = stores.order_by("__name__").select(_FIELDS).limit(PAGE)
        if after:
            query = query.start_after({"__name__": stores.document(after)})
        return [standing(snapshot) async for snapshot in query.stream()]

    async def _needy(self, task: RefreshTask, version: int, page: Sequence[Standing]) -> list[Standing]:
        if task.which == "categories":
            return [store for store in page if store.categories_version < version]
        now = self.clock()
        found = [store for store in page if is_stale(store, version, now)]
        others = [store for store in page if not store.is_held and store not in found]
        return [*found, *await self._with_events(others)]

    async def _with_events(self, stores: Sequence[Standing]) -> list[Standing]:
        """Those for which there are events that no build has counted: a read each."""
        several = asyncio.Semaphore(_AT_ONCE)

        async def pending(store: Standing) -> bool:
            async with several:
                return bool(await self.batches.pending(store.store_id, limit=1).get())

        found = await asyncio.gather(*(pending(store) for store in stores))
        return list(compress(stores, found))

    async def _request(self, needy: Sequence[Standing]) -> None:
        waiting = [RebuildTask(store_id=each.store_id, ticket=each.requested) for each in needy if each.waits]
        drawn = await self._draw([each.store_id for each in needy if not each.waits])
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(task: RebuildTask) -> None:
            async with several:
                await self.requests.enqueue(task)

        await asyncio.gather(*(one(task) for task in [*waiting, *drawn]))

    async def _draw(self, store_ids: Sequence[str]) -> list[RebuildTask]:
        """A ticket for each store, in one commit."""
        if not store_ids:
            return []
        batch = self.db.batch()
        for store_id in store_ids:
            self.requests.write(batch, store_id)
        tickets = [ticket_of(written) for written in await batch.commit()]
        return [
            RebuildTask(store_id=store_id, ticket=ticket)
            for store_id, ticket in zip(store_ids, tickets, strict=True)
        ]

    async def _go_on(self, task: RefreshTask, version: int, page: Sequence[Standing]) -> None:
        if len(page) == PAGE:
            rest = {"version": version, "after": page[-1].store_id}
            await self.fan_outs.enqueue(task.model_copy(update=rest))
        if task.which == "categories":
            # Only after the next page is on the queue: what is lost before shows.
            await (self.fan_outs.went_on() if len(page) == PAGE else self.fan_outs.ended(version))
