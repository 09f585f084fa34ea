"""The repair of what an audit has found in the search index, and of nothing else.

It writes no record of a return. One that is written past the sync could come late and put something old over something
new, which the sync's claims exist to prevent. Instead, each return that is still wrong is made to count as changed, and
a run of the sync brings it in under the guarantees that every change has. Then the findings are looked at once more.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from functions.returns.auditing_judgement import Drift, Fits, Pending, Unprojectable, Verdict, is_document_id
from functions.returns.auditing_sides import Compared, Sides
from functions.returns.repairing_touches import Touches
from shared.clock import Clock
from shared.errors import PermanentError
from shared.jobs.findings import FindingPage, Findings
from shared.jobs.records import Job
from shared.jobs.repairing import FAILED, HEALED, PENDING, REPAIRED, audit_of, kind_of
from shared.jobs.running import Step
from shared.jobs.store import Jobs
from shared.return_sync.queues import RETURN_SYNC
from shared.return_sync.runs import NewRun, SyncRuns
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# A page of findings has 500, and Firestore takes 500 writes a second to a collection with an index on a time that only
# grows, as `updated_at` is (https://firebase.google.com/docs/firestore/quotas): so a page a second.
_BETWEEN_PAGES = timedelta(seconds=1)
_PAGES_TO_CHECK = 10
# A run takes a minute for each 60,000 returns, and one that died is taken over after ten.
_POLL = timedelta(seconds=10)
_PATIENCE = timedelta(minutes=30)

_TOUCHING = "making returns count as changed"
_WAITING = "waiting for a run of the sync"
_CHECKING = "looking at the findings once more"

# What becomes of a finding, if it is not well.
CHANGED = f"{PENDING}it has changed, and no run of the sync has ended since"
UNPROJECTABLE = f"{FAILED}its document cannot be indexed; see the dead letters"
NOT_TAKEN = f"{FAILED}the index does not have what the sync gave it; see the dead letters"


class Repair:
    """Repairs what the audit that a job names has found.

    Args:
        sides: gives both sides anew, for each step.
    """

    def __init__(
        self,
        db: "AsyncClient",
        jobs: Jobs,
        runs: SyncRuns,
        queues: TaskQueues,
        sides: Callable[[], Sides],
        clock: Clock,
    ) -> None:
        self._findings = Findings(db)
        self._touches = Touches(db, clock)
        self._jobs = jobs
        self._runs = runs
        self._queues = queues
        self._sides = sides
        self._clock = clock

    async def step(self, job: Job) -> Step:
        """Touch a page of findings, or see whether the sync has brought them in, or look at ten pages once more.

        Raises:
            TransientError: the index or the database is not to be had.
            PermanentError: there is nothing that could be repaired so.
        """
        sides = self._sides()
        match job.state.get("stage"):
            case None:
                return await self._begin(job, sides)
            case "touch":
                return await self._touch(job, sides)
            case "wait":
                return await self._wait(job, sides)
            case _:
                return await self._check(job, sides)

    async def abandon(self, job: Job) -> None:
        """What was touched only counts as changed, and the next run of the sync finds nothing wrong with that."""

    async def _begin(self, job: Job, sides: Sides) -> Step:
        audit = await audit_of(self._jobs, job)
        sides.uses["firestore_reads"] += 1
        if await sides.index_size() is None:
            raise PermanentError("There is no index to repair. A re-index makes one, with its settings.")
        state = {"stage": "touch", "audit": audit.id, "after": "", "covered_by": None}
        return Step(state, _TOUCHING, total=audit.drift, uses=sides.uses)

    async def _touch(self, job: Job, sides: Sides) -> Step:
        state = dict(job.state)
        page = await self._page_after(state, sides)
        if page is None:
            if state["covered_by"] is None:
                return _checking(state, sides)
            state |= {"stage": "wait", "until": (self._clock() + _PATIENCE).isoformat()}
            return Step(state, _WAITING, uses=sides.uses)
        await sides.look()
        compared = await sides.compare_anew([finding.id for finding in page.findings])
        changed_at = [*_pending_since(compared), *await self._make_right(compared, sides)]
        state |= {"after": page.name, "covered_by": _latest(state["covered_by"], changed_at)}
        fits = {each.return_id for each in compared if isinstance(each.verdict, Fits)}
        outcomes = [HEALED if finding.id in fits else _WAITING for finding in page.findings]
        return Step(state, _TOUCHING, uses=sides.uses, outcomes=[(page, outcomes)], pause=_BETWEEN_PAGES)

    async def _make_right(self, compared: Sequence[Compared], sides: Sides) -> list[datetime]:
        """Have the sync bring in, or out, what is wrong; when that came to count as a change."""
        wrong = [each.return_id for each in compared if isinstance(each.verdict, Drift)]
        if strangers := [each for each in wrong if not is_document_id(each)]:
            await sides.remove(strangers)
        returns = [each for each in wrong if is_document_id(each)]
        if not returns:
            return []
        sides.uses.update(firestore_reads=len(returns), firestore_writes=len(returns))
        return [await self._touches.touch(returns)]

    async def _wait(self, job: Job, sides: Sides) -> Step:
        """Have a run that begins after the last touch, and wait for it to end."""
        mark = await sides.look()
        covered = mark is not None and mark >= datetime.fromisoformat(job.state["covered_by"])
        if covered or self._clock() >= datetime.fromisoformat(job.state["until"]):
            return _checking(dict(job.state), sides)
        # None while a run is at work: what it leaves, another run is started for after it.
        if record := await self._runs.start(NewRun(purpose="repair", by=job.created_by)):
            await self._queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")
        return Step(job.state, _WAITING, uses=sides.uses, pause=_POLL)

    async def _check(self, job: Job, sides: Sides) -> Step:
        state, counts = dict(job.state), Counter[str]()
        await sides.look()
        outcomes: list[tuple[FindingPage, Sequence[str]]] = []
        while len(outcomes) < _PAGES_TO_CHECK and (page := await self._page_after(state, sides)):
            settled = await self._look_again(page, sides)
            outcomes.append((page, settled))
            counts.update(map(kind_of, settled))
            state["after"] = page.name
        is_last = len(outcomes) < _PAGES_TO_CHECK
        return Step(
            state,
            "done" if is_last else _CHECKING,
            is_last=is_last,
            done=counts.total(),
            counts=counts,
            uses=sides.uses,
            outcomes=outcomes,
        )

    async def _look_again(self, page: FindingPage, sides: Sides) -> list[str]:
        healed = {
            finding.id for finding, said in zip(page.findings, page.outcomes, strict=True) if said == HEALED
        }
        unsettled = [finding.id for finding in page.findings if finding.id not in healed]
        compared = await sides.compare_anew(unsettled) if unsettled else []
        outcomes = {each.return_id: _outcome(each.verdict) for each in compared}
        return [outcomes.get(finding.id, HEALED) for finding in page.findings]

    async def _page_after(self, state: dict[str, str], sides: Sides) -> FindingPage | None:
        sides.uses["firestore_reads"] += 1
        pages = self._findings.pages(state["audit"], state["after"], limit=1)
        return await anext(pages, None)


def _checking(state: dict[str, str], sides: Sides) -> Step:
    """The step after which the findings are looked at once more, from the first on."""
    return Step(state | {"stage": "check", "after": ""}, _CHECKING, uses=sides.uses)


def _pending_since(compared: Sequence[Compared]) -> list[datetime]:
    """When those changed that a run to come brings in: among them what this step touched before it died."""
    return [
        each.stored["updated_at"] for each in compared if each.stored and isinstance(each.verdict, Pending)
    ]


def _latest(before: str | None, times: Sequence[datetime]) -> str | None:
    known = [datetime.fromisoformat(before)] if before else []
    return max([*known, *times]).isoformat() if known or times else None


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Fits():
            return REPAIRED
        case Drift():
            return NOT_TAKEN
        case Pending():
            return CHANGED
        case Unprojectable():
            return UNPROJECTABLE
