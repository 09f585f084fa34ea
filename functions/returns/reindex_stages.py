"""The stages of a re-index behind its beginning (functions/returns/reindex_progress.py), a step at a time."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from functions.returns.index_settings import SORTS, IndexSettings
from functions.returns.reindex_claim import Claim
from functions.returns.reindex_lock import SyncLock
from functions.returns.reindex_progress import Progress, objection
from functions.returns.reindex_writing import Tally, Writer
from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.jobs.running import Step
from shared.return_sync.runs import CLAIM, LEASE, Superseded
from shared.return_sync.walk import COLLECTION, Position, cursor, window_query
from shared.search import IndexMissingError, SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

_log = logging.getLogger(__name__)

# One request to the index takes as many records.
PAGE_SIZE = 1_000
# A step is some seconds' work, and ends early where the index is slow: it has to fit a function's timeout.
PAGES_PER_STEP = 10
_STEP_TIME = timedelta(minutes=2)
# Between two looks at whether Algolia has done a task, and at whether a run of the sync has ended.
_UNTIL_PUBLISHED = timedelta(seconds=2)
_UNTIL_IDLE = timedelta(seconds=10)

_PHASES = {
    "walk": "reading all returns",
    "catch up": "catching up with changes",
    "compare": "comparing with the live index",
    "lock": "waiting for a run of the sync to end",
    "move": "putting the new index in its place",
    "publish": "waiting until it is in its place",
}

Page = list["DocumentSnapshot[Any]"]


@dataclass(frozen=True)
class Stages:
    """Makes one step of a job.

    Args:
        index: the live one.
        options: of the job.
        tally: what the step has done so far; ``writer`` adds to it.
    """

    db: "AsyncClient"
    index: SearchIndex
    lock: SyncLock
    claim: Claim
    writer: Writer
    options: Mapping[str, Any]
    tally: Tally
    clock: Clock

    async def step(self, progress: Progress) -> Step:
        """Make the step that the job is at.

        Raises:
            PermanentError: the new index is implausibly small.
            RefusedError, TransientError: the index or the database is not to be had, or another delivery is at work.
        """
        match progress.stage:
            case "walk":
                return await self._walk(progress)
            case "compare":
                return await self._compare(progress)
            case "lock":
                return await self._take_lock(progress)
            case "publish":
                return await self._publish(progress)
        if not progress.run_id:
            return await self._catch_up(progress)
        try:
            # For longer than any step takes.
            await self.lock.keep(progress.run_id, at_least=LEASE / 2)
            if progress.stage == "move":
                return await self._move(progress)
        except Superseded:
            return await self._go_back(progress)
        return await self._catch_up(progress)

    # Building

    async def _walk(self, progress: Progress) -> Step:
        until = self.clock() + _STEP_TIME
        for _ in range(PAGES_PER_STEP):
            page = await self._page_by_id(progress.after)
            await self.writer.fill_in(page, progress.as_of)
            self.tally.done += len(page)
            if len(page) < PAGE_SIZE:
                return self._made(progress.in_round(self.claim.read_at))
            progress = progress.model_copy(update={"after": page[-1].id})
            if self.clock() >= until:
                break
        return self._made(progress)

    async def _page_by_id(self, after: str) -> Page:
        returns = self.db.collection(COLLECTION)
        query = returns.order_by("__name__").limit(PAGE_SIZE)
        if after:
            query = query.start_after({"__name__": returns.document(after)})
        return self._counted(await query.get())

    async def _catch_up(self, progress: Progress) -> Step:
        until = self.clock() + _STEP_TIME
        for _ in range(PAGES_PER_STEP):
            assert progress.window is not None
            page = await self._page_of_round(progress)
            await self.writer.bring_up_to_date(page, progress.window.as_of)
            before = progress
            if len(page) < PAGE_SIZE:
                progress = before.after_walk(self.claim.read_at, self.clock())
            else:
                progress = before.past(Position(at=page[-1].get(before.walk), return_id=page[-1].id))
            if self.clock() >= until or progress.window != before.window or progress.stage != "catch up":
                break
        return self._made(progress)

    async def _page_of_round(self, progress: Progress) -> Page:
        query = window_query(self.db, progress.walk, progress.to_be_read()).limit(PAGE_SIZE)
        if progress.position:
            query = query.start_after(cursor(self.db, progress.walk, progress.position))
        return self._counted(await query.get())

    def _counted(self, page: Page) -> Page:
        # A query that finds nothing is billed as one read.
        self.tally.uses["firestore_reads"] += max(1, len(page))
        return page

    # Taking the live index's place

    async def _compare(self, progress: Progress) -> Step:
        if not await self._is_done(progress.task, self.writer.temporary):
            return self._made(progress, pause=_UNTIL_PUBLISHED)
        new, live = await self._size(self.writer.temporary) or 0, await self._size(self.index) or 0
        reason = objection(new, live)
        if reason and not self.options.get("forced"):
            raise PermanentError(f"{reason} Force it if that is meant.")
        return self._made(progress.at("lock"))

    async def _take_lock(self, progress: Progress) -> Step:
        run_id = await self.lock.take()
        if run_id is None:
            return self._made(progress, pause=_UNTIL_IDLE)
        await self._give_back_what_is_over()
        try:
            held = await self.lock.keep(run_id, at_least=LEASE / 2)
        except Superseded:
            return self._made(progress, pause=_UNTIL_IDLE)
        # From here on nobody writes the live index, so one more round finds all that anybody ever wrote there.
        _log.info("reindex.locked", extra={"run_id": run_id, "index": self.claim.name})
        return self._made(progress.in_round(held.read_time).model_copy(update={"run_id": run_id}))

    async def _give_back_what_is_over(self) -> None:
        """Give the lock back if the job was given up just before it was taken: nobody else would."""
        self.tally.uses["firestore_reads"] += 1
        if not await self.claim.look():
            await self.lock.release()
            raise TransientError("The job was given up while it took the lock.")

    async def _go_back(self, progress: Progress) -> Step:
        """The lock is lost, so runs may have written the live index since."""
        _log.warning("reindex.lock_lost", extra={"run_id": progress.run_id, "index": self.claim.name})
        if not self.claim.is_moving:
            return self._made(progress.without_lock())
        if await self._size(self.writer.temporary) is None:
            # It was moved while the lock was held; what runs have written since, they have written to it.
            return self._made(progress.at("publish").model_copy(update={"task": None}))
        # A move may be on its way, so it must not be written any more.
        return Step({}, "beginning anew")

    async def _move(self, progress: Progress) -> Step:
        if self.claim.is_moving and await self._size(self.writer.temporary) is None:
            # It has been moved, and whoever sent it there died before saying so.
            return self._made(progress.at("publish").model_copy(update={"task": None}))
        if not self.claim.is_moving and not await self._is_done(progress.task, self.writer.temporary):
            return self._made(progress, pause=_UNTIL_PUBLISHED)
        await self.claim.hold_for_the_move()
        # Asked again behind the claim: whoever ends the run now lets no other begin before the claim has ended.
        await self.lock.keep(progress.run_id, at_least=2 * CLAIM)
        self.claim.check()
        self.tally.uses["index_requests"] += 1
        task = await self.writer.temporary.move_to(self.index.name)
        _log.info("reindex.moved", extra={"index": self.claim.name, "live": self.index.name})
        return self._made(progress.at("publish").model_copy(update={"task": task}))

    async def _publish(self, progress: Progress) -> Step:
        try:
            await self.lock.keep(progress.run_id, at_least=LEASE / 2)
        except Superseded:
            _log.info("reindex.unlocked", extra={"run_id": progress.run_id})
        if not await self._is_done(progress.task, self.index):
            return self._made(progress, pause=_UNTIL_PUBLISHED)
        # Its replicas may be gone, or have other settings than the next run of the sync believes.
        settings = IndexSettings(self.db, self.index)
        await settings.renew()
        self.tally.uses["index_requests"] += 1 + len(SORTS)
        await self.lock.release()
        await self.claim.forget()
        return self._made(progress, is_last=True)

    async def _is_done(self, task: int | None, index: SearchIndex) -> bool:
        if task is None:
            return True
        self.tally.uses["index_requests"] += 1
        return await index.is_published(task)

    async def _size(self, index: SearchIndex) -> int | None:
        """How many records an index has; ``None`` where there is none."""
        self.tally.uses["index_requests"] += 1
        try:
            return (await index.browse([])).total
        except IndexMissingError:
            return None

    def _made(self, progress: Progress, *, is_last: bool = False, pause: timedelta = timedelta(0)) -> Step:
        if self.tally.task is not None:
            progress = progress.model_copy(update={"task": self.tally.task})
        # With the claim's document.
        self.tally.uses["firestore_reads"] += 1 + self.lock.reads
        return Step(
            state=progress.model_dump(mode="json"),
            phase="done" if is_last else _PHASES[progress.stage],
            is_last=is_last,
            done=self.tally.done,
            counts=dict(self.tally.counts),
            uses=dict(self.tally.uses),
            pause=pause,
        )
