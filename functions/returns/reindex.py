"""Re-indexing without downtime: a new index beside the live one, which takes its place all at once.

Nothing that is live is written before that. Why no change is lost, and why a step that comes late or twice does no
harm, is in docs/decisions/0021-reindex-beside-the-live-index.md.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.returns.index_settings import primary_settings
from functions.returns.reindex_claim import Claim, temporary_indexes
from functions.returns.reindex_lock import SyncLock
from functions.returns.reindex_progress import Progress, temporary_name
from functions.returns.reindex_stages import Stages
from functions.returns.reindex_writing import Tally, Writer
from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.jobs.joining import counted
from shared.jobs.records import Job
from shared.jobs.running import Step
from shared.return_sync.runs import SyncRuns
from shared.return_sync.walk import COLLECTION
from shared.search import RefusedError, SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reindex:
    """Makes the steps of jobs of the kind ``reindex``."""

    db: "AsyncClient"
    runs: SyncRuns
    index: SearchIndex
    clock: Clock
    max_record_bytes: int

    async def step(self, job: Job) -> Step:
        """Make a step.

        Raises:
            PermanentError: there is nothing to index, or so little that somebody has to say that it is meant.
            TransientError: the index or the database is not to be had, or another delivery is at work.
        """
        if not job.state:
            return await _Beginning(self, job).step()
        progress = Progress.model_validate(job.state)
        claim = Claim(self.db, progress.index, job.step, self.clock)
        if not await claim.look() and progress.stage != "publish":
            # The job had been given up, and somebody has resumed it.
            return Step({}, "beginning anew")
        try:
            step = await self._stages(job, claim).step(progress)
        except (RefusedError, PermanentError) as error:
            await claim.release()
            raise PermanentError(str(error)) from error
        # Whoever fails otherwise keeps the claim: a request may be on its way yet.
        await claim.release()
        return step

    def _stages(self, job: Job, claim: Claim) -> Stages:
        tally = Tally()
        temporary = self.index.sibling(claim.name)
        return Stages(
            db=self.db,
            index=self.index,
            lock=SyncLock(self.db, self.runs, job.id, self.clock),
            claim=claim,
            writer=Writer(self.index, temporary, claim, self.max_record_bytes, tally),
            options=job.options,
            tally=tally,
            clock=self.clock,
        )

    async def abandon(self, job: Job) -> None:
        """Drop what was built, and give the sync's lock back: the live index stays as it is.

        Raises:
            TransientError: a step is at work, or was when it died; try again.
        """
        for name, owner in (await temporary_indexes(self.db, self.index.name)).items():
            if owner == job.id:
                await self.drop(name, job.step)
        await SyncLock(self.db, self.runs, job.id, self.clock).release()

    async def drop(self, name: str, step: int) -> None:
        """Drop a temporary index once nobody writes it any more.

        Raises:
            TransientError: a step is at work, or was when it died; try again.
        """
        claim = Claim(self.db, name, step, self.clock)
        await claim.close()
        await self.index.sibling(name).drop()
        await claim.forget()
        _log.info("reindex.dropped", extra={"index": name})


@dataclass(frozen=True)
class _Beginning:
    """The first step: an index of its own, with settings and without records."""

    work: Reindex
    job: Job

    async def step(self) -> Step:
        # Beside what is counted: the claim's document.
        uses = Counter({"firestore_reads": 1})
        total = await counted(self.work.db.collection(COLLECTION), uses)
        if total == 0 and not self.job.options.get("forced"):
            raise PermanentError(
                "There are no returns: the new index would be empty. Force it if that is meant."
            )
        name = temporary_name(self.work.index.name, self.job.id, self.job.step)
        dropped = await self._clear(name)
        claim = Claim(self.work.db, name, self.job.step, self.work.clock)
        await claim.register(self.work.index.name, self.job.id)
        if not await claim.look():
            raise TransientError("This step was made before.")
        await self._set_up(claim)
        progress = Progress(stage="walk", index=name, as_of=claim.read_at)
        return Step(
            state=progress.model_dump(mode="json"),
            phase="reading all returns",
            # What was done for an index that the job has given up is no part of this one.
            done=-self.job.done,
            total=total,
            counts={name: -count for name, count in self.job.counts.items()},
            uses=uses + Counter({"index_requests": 2 + dropped}),
        )

    async def _clear(self, name: str) -> int:
        """Drop what jobs have left behind that died, and this one when it was given up; how many there were."""
        left = set(await temporary_indexes(self.work.db, self.work.index.name)) - {name}
        for each in left:
            await self.work.drop(each, self.job.step)
        return len(left)

    async def _set_up(self, claim: Claim) -> None:
        """The live index's settings, rules and synonyms, and those of ours that it may not have yet."""
        await claim.hold()
        try:
            await self.work.index.copy_settings_to(claim.name)
            await claim.hold()
            await self.work.index.sibling(claim.name).set_settings(primary_settings())
        except RefusedError as error:
            await claim.release()
            raise PermanentError(f"The index refuses its settings: {error}") from error
        await claim.release()
