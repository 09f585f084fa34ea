"""The sync's own lock, in the hands of a re-index: while it is held, no run begins, so nobody writes the live index."""

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.clock import Clock
from shared.return_sync.runs import IDLE, RUNS, NewRun, State, Superseded, SyncRuns, say_dead

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient


class SyncLock:
    """The lock, for one job. A run that is there for nothing else holds it: it ends without a batch.

    That run is a historic one, so it leaves the watermark where it is. If its job dies, its lease lapses and the next
    cron takes over, as it does of any run.
    """

    def __init__(self, db: "AsyncClient", runs: SyncRuns, job_id: str, clock: Clock) -> None:
        # Documents that were read.
        self.reads = 0
        self._db = db
        self._runs = runs
        self._job_id = job_id
        self._clock = clock

    async def take(self) -> str | None:
        """The run that holds the lock from now on, or ``None`` while another is active."""
        if held := await self.held():
            return held.run_id
        await self._end_the_dead()
        new = NewRun(is_historic=True, purpose="reindex", by=self._job_id)
        record = await self._runs.start(new)
        return record.run_id if record else None

    async def _end_the_dead(self) -> None:
        """End a run without a sign of life, or one would wait for it for as long as the cron that takes over is paused.

        The next run does its window again. What a re-sync has left undone the new index has, once it is moved; should
        the job not come to that, the re-sync has to be asked for again.
        """
        self.reads += 1
        state = await self._runs.newest()
        if state is None or state.status == IDLE or state.alive(self._clock()):
            return
        if await self._runs.cancel(state.run_id):
            say_dead(state)

    async def held(self) -> State | None:
        """The state of the sync, if this job has the lock: also if it died before it could note that."""
        self.reads += 2
        state = await self._runs.newest()
        if state is None or state.status == IDLE or state.purpose != "reindex":
            return None
        run = (await self._db.collection(RUNS).document(state.run_id).get(["by"])).to_dict() or {}
        return state if run.get("by") == self._job_id else None

    async def keep(self, run_id: str, at_least: timedelta) -> State:
        """See to it that the lock is held for so long; the state as it was read then.

        Raises:
            Superseded: it is lost.
            TransientError: the record is being written by many; try again.
        """
        held = await self.held()
        if held is None or held.run_id != run_id:
            raise Superseded(run_id)
        self.reads += 2
        await self._runs.keep_alive(held.record_id, run_id, at_least)
        return await self._runs.current(held.record_id, run_id)

    async def release(self) -> None:
        """Give the lock back, if this job has it."""
        if held := await self.held():
            await self._runs.seal(held.run_id, 0)
            try:
                await self._runs.finish(held.record_id, held.run_id)
            except Superseded:
                return
