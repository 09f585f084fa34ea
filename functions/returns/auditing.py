"""The audit of the search index: what it lacks, what it has too much, and what is not as it should be.

Algolia gives records by their ids, or all of them in an order of its own, so the two sides cannot be walked side by
side. Instead there are three passes, and none holds more than a page:

- *documents* walks ``order_returns`` by id, and asks the index for the records of just those ids.
- *index* walks the ids of the index. Whether it has any that the first pass has not met, a digest of both sets tells.
- *strangers* walks them once more, if the digests differ, and looks up whatever is in the buckets that do.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from functions.returns.auditing_judgement import Drift, Pending, Unprojectable
from functions.returns.auditing_sides import PAGE_SIZE, Compared, Sides
from functions.returns.set_digest import SetDigest
from shared.clock import Clock
from shared.errors import PermanentError
from shared.jobs.findings import Finding
from shared.jobs.records import Job
from shared.jobs.running import Step
from shared.search import BrowsedPage, RefusedError

# A step is some seconds' work. It ends early where the index or the database is slow, since it has to fit the
# function's timeout (infra/topology.yaml), with room for one page whose every request takes as long as it may.
PAGES_A_STEP = 10
_STEP_TIME = timedelta(seconds=60)
# It ends early, too, when it has found as much: all is kept in one commit, which takes 10 MiB
# (https://firebase.google.com/docs/firestore/quotas), and an id may have 1,500 bytes.
FINDINGS_A_STEP = 2_000

_START = {"pass": "documents", "after": "", "met": ""}
_PHASES = {
    "documents": "comparing returns with their records",
    "index": "counting the index through",
    "strangers": "looking for records without a return",
    "end": "done",
}


@dataclass
class _Progress:
    """What a step has come to so far; ``state`` is where the audit goes on."""

    state: dict[str, Any]
    done: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.findings) >= FINDINGS_A_STEP

    def judged(self, compared: Compared) -> None:
        match compared.verdict:
            case Drift() as drift:
                self.findings.append(drift.finding(compared.return_id))
                self.counts[drift.kind] += 1
            case Pending():
                self.counts["pending"] += 1
            case Unprojectable():
                self.counts["unprojectable"] += 1


class Audit:
    """Compares the index with ``order_returns``, and changes neither.

    Args:
        sides: gives both sides anew, for each step.
    """

    def __init__(self, sides: Callable[[], Sides], clock: Clock) -> None:
        self._sides = sides
        self._clock = clock

    async def step(self, job: Job) -> Step:
        """Go on for up to ten pages of the pass that the job is at.

        Raises:
            TransientError: the index is not to be had.
            PermanentError: the index does not go on with a walk that it began.
        """
        sides, progress = self._sides(), _Progress(dict(job.state or _START))
        await sides.look()
        total = None if job.state else await sides.count() + (await sides.index_size() or 0)
        current, until = progress.state["pass"], self._clock() + _STEP_TIME
        for _ in range(PAGES_A_STEP):
            await self._page(job.id, sides, progress)
            if progress.state["pass"] != current or progress.is_full or self._clock() >= until:
                break
        return Step(
            state=progress.state,
            phase=_PHASES[progress.state["pass"]],
            is_last=progress.state["pass"] == "end",
            done=progress.done,
            total=total,
            counts=progress.counts,
            uses=sides.uses,
            findings=progress.findings,
        )

    async def abandon(self, job: Job) -> None:
        """Nothing is under way that could be undone."""

    async def _page(self, job_id: str, sides: Sides, progress: _Progress) -> None:
        match progress.state["pass"]:
            case "documents":
                await self._compare(job_id, sides, progress)
            case "index":
                await self._count_through(job_id, sides, progress)
            case "strangers":
                await self._look_for_strangers(job_id, sides, progress)

    async def _compare(self, job_id: str, sides: Sides, progress: _Progress) -> None:
        documents = await sides.documents(progress.state["after"])
        compared = await sides.compare(documents) if documents else []
        for each in compared:
            progress.judged(each)
        progress.counts["checked"] += len(compared)
        progress.done += len(compared)
        met = SetDigest(job_id, progress.state["met"]).add(each.return_id for each in compared if each.held)
        if len(documents) < PAGE_SIZE:
            progress.state = {"pass": "index", "cursor": "", "met": met.dump(), "seen": ""}
        else:
            progress.state |= {"after": documents[-1].return_id, "met": met.dump()}

    async def _count_through(self, job_id: str, sides: Sides, progress: _Progress) -> None:
        state = progress.state
        page = await _browse(sides, state["cursor"])
        seen = SetDigest(job_id, state["seen"]).add(hit["objectID"] for hit in page.hits)
        progress.done += len(page.hits)
        if page.cursor:
            progress.state |= {"cursor": page.cursor, "seen": seen.dump()}
        elif buckets := seen.differing(SetDigest(job_id, state["met"])):
            progress.state = {"pass": "strangers", "cursor": "", "buckets": buckets}
        else:
            progress.state = {"pass": "end"}

    async def _look_for_strangers(self, job_id: str, sides: Sides, progress: _Progress) -> None:
        page = await _browse(sides, progress.state["cursor"])
        digest, buckets = SetDigest(job_id), set(progress.state["buckets"])
        suspects = [hit["objectID"] for hit in page.hits if digest.bucket(hit["objectID"]) in buckets]
        strangers = await sides.without_document(suspects) if suspects else []
        for each in await sides.compare_anew(strangers) if strangers else []:
            progress.judged(each)
        progress.state = progress.state | {"cursor": page.cursor} if page.cursor else {"pass": "end"}


async def _browse(sides: Sides, cursor: str) -> BrowsedPage:
    try:
        return await sides.browse(cursor)
    except RefusedError as error:
        reason = f"The index does not go on with its walk; begin another audit. It says: {error}"
        raise PermanentError(reason) from error
