"""``return-updated-task-queue``: cuts a run's window into batches, a page of the walk at a time.

Only positions are read and handed on, never the records, so memory stays constant however much has changed. What a
page was cut into is stored before any of it is enqueued: a page that is delivered again, perhaps to find other
returns in the window by then, hands on the very same batches, and none is missed or done twice under one number.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists
from pydantic import BaseModel, ConfigDict

from functions.returns.index_settings import IndexSettings
from shared.clock import Clock
from shared.return_sync.queues import (
    RETURN_SYNC,
    RETURN_SYNC_PROCESSING,
    BatchTask,
    ProcessingTask,
    SyncRecord,
)
from shared.return_sync.runs import Superseded, SyncRuns
from shared.return_sync.walk import WALKS, Position, Walk, Window, cursor, window_query
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

PAGES = "return_sync_pages"
# One Algolia request takes up to 1,000 records, so a batch has no more.
BATCH_SIZE = 1_000
# A page is a few seconds' work: it fits a function's timeout many times over.
BATCHES_PER_PAGE = 10
_PAGE_KEPT = timedelta(days=7)


class Cut(BaseModel):
    """One batch of a page: a stretch of a walk."""

    model_config = ConfigDict(frozen=True)

    walk: Walk
    after: Position | None
    upto: Position


class Page(BaseModel):
    """What one page of the walk was cut into, and where the next one goes on.

    ``first`` is the number of its first batch in the run; without ``next_walk`` this was the last page.
    """

    model_config = ConfigDict(frozen=True)

    first: int
    cuts: tuple[Cut, ...]
    next_walk: Walk | None
    next_after: Position | None


@dataclass(frozen=True)
class Planner:
    """Plans runs of the returns sync."""

    db: "AsyncClient"
    runs: SyncRuns
    queues: TaskQueues
    settings: IndexSettings
    clock: Clock

    async def run(self, record: SyncRecord) -> None:
        """Do one page: cut it, enqueue its batches, and enqueue the next page or close the plan.

        Raises:
            TransientError: others were at the same records; the queue tries again.
        """
        try:
            window = await self.runs.begin(record)
            if record.page == 0:
                await self.settings.apply()
            page = await self._page(record, window)
            await self._hand_on(record, window, page)
        except Superseded:
            _log.info("sync.superseded", extra={"run_id": record.run_id})

    async def _page(self, record: SyncRecord, window: Window) -> Page:
        if stored := await self._stored(record.run_id, record.page):
            return stored
        before = await self._stored(record.run_id, record.page - 1) if record.page else None
        page = await self._cut(window, before)
        expiry = self.clock() + _PAGE_KEPT
        try:
            await self._document(record.run_id, record.page).create(page.model_dump() | {"expire_at": expiry})
        except AlreadyExists:
            return await self._stored(record.run_id, record.page) or page
        return page

    def _document(self, run_id: str, number: int) -> Any:
        return self.db.collection(PAGES).document(f"{run_id}-{number}")

    async def _stored(self, run_id: str, number: int) -> Page | None:
        fields = (await self._document(run_id, number).get()).to_dict()
        return Page.model_validate(fields) if fields else None

    async def _cut(self, window: Window, before: Page | None) -> Page:
        """Walk on from the previous page until this one is full or the walks are done."""
        cuts: list[Cut] = []
        walk, after = (before.next_walk, before.next_after) if before else (WALKS[0], None)
        while walk and len(cuts) < BATCHES_PER_PAGE:
            if upto := await self._boundary(walk, window, after):
                cuts.append(Cut(walk=walk, after=after, upto=upto))
                after = upto
            else:
                walk, after = _following(walk), None
        first = before.first + len(before.cuts) if before else 0
        return Page(first=first, cuts=tuple(cuts), next_walk=walk, next_after=after)

    async def _boundary(self, walk: Walk, window: Window, after: Position | None) -> Position | None:
        """Where the batch after a position ends: ``BATCH_SIZE`` returns on, or at the last one; ``None`` at the end.

        The offset costs as many reads as walking there, and nothing of what lies between has to come here.
        """
        onward = window_query(self.db, walk, window).select([walk])
        back = window_query(self.db, walk, window, "DESCENDING").select([walk])
        if after:
            onward = onward.start_after(cursor(self.db, walk, after))
            back = back.end_before(cursor(self.db, walk, after))
        found = await onward.offset(BATCH_SIZE - 1).limit(1).get() or await back.limit(1).get()
        return Position(at=found[0].get(walk), return_id=found[0].id) if found else None

    async def _hand_on(self, record: SyncRecord, window: Window, page: Page) -> None:
        await asyncio.gather(
            *(self._enqueue(record, window, page.first + i, cut) for i, cut in enumerate(page.cuts))
        )
        total = page.first + len(page.cuts)
        if page.next_walk:
            following = record.model_copy(update={"page": record.page + 1})
            await self.queues.enqueue(RETURN_SYNC, following, key=f"{record.run_id}/page/{following.page}")
            return
        await self.runs.seal(record.run_id, total)
        _log.info("sync.planned", extra={"run_id": record.run_id, "batches": total})
        # The last batch may have arrived before the latch knew that it was the last, and there may be none.
        await self.runs.finish(record.record_id, record.run_id)

    async def _enqueue(self, record: SyncRecord, window: Window, number: int, cut: Cut) -> None:
        task = BatchTask(
            record_id=record.record_id,
            run_id=record.run_id,
            number=number,
            window=window,
            walk=cut.walk,
            after=cut.after,
            upto=cut.upto,
        )
        await self.queues.enqueue(
            RETURN_SYNC_PROCESSING, ProcessingTask(task), key=f"{record.run_id}/batch/{number}"
        )


def _following(walk: Walk) -> Walk | None:
    position = WALKS.index(walk) + 1
    return WALKS[position] if position < len(WALKS) else None
