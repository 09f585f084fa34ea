"""Repairing what an audit has found: each of its findings is mended, and then looked at again until it is well.

Both take one page of findings a step, so that a repair of very much is no larger than one of little.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock
from shared.errors import PermanentError
from shared.http import TRANSIENT
from shared.jobs.findings import Finding, FindingPage, Findings
from shared.jobs.records import JOB_ID, Job
from shared.jobs.running import Step
from shared.jobs.store import Jobs

_log = logging.getLogger(__name__)

REPAIRED = "repaired"
HEALED = "healed already"
# What these begin says why a finding is not repaired yet, or will not be.
PENDING = "pending: "
FAILED = "failed: "
# What a check found to be as wrong as before: it is mended again, as long as there is patience.
STILL = f"{FAILED}it is still "

# From the last finding that was mended until the first that is given up; what takes longer is left to its own retries.
PATIENCE = timedelta(minutes=20)
_PAUSE = timedelta(seconds=10)
_AT_ONCE = 20
_JUST_NOW = f"{PENDING}it has changed just now"

Outcome = Callable[[int], Awaitable[str]]


class Mending(Protocol):
    """What a room knows of its findings. Each gives an outcome, and may be done again."""

    async def mend(self, job: Job, finding: Finding, uses: Counter[str]) -> str:
        """Set right what is wrong for certain, or have it set right; then it is pending."""

    async def check(self, finding: Finding, uses: Counter[str]) -> str:
        """What has become of a finding that was pending: :data:`STILL` begins what can be mended again."""


@dataclass(frozen=True)
class Repair:
    """Works on repairs of a subject: a read and a write a page of findings, twice, and what mending takes."""

    jobs: Jobs
    findings: Findings
    mending: Mending
    clock: Clock

    async def step(self, job: Job) -> Step:
        """Mend a page of findings, or see what has become of one.

        Raises:
            PermanentError: there is no such audit.
            TransientError: something is out of reach.
        """
        if not job.state:
            audit = await audit_of(self.jobs, job)
            state = {"at": "mending", "audit": audit.id, "after": ""}
            return Step(state, "mending", total=audit.drift, uses={"firestore_reads": 1})
        page = await anext(self.findings.pages(job.state["audit"], job.state["after"], limit=1), None)
        if job.state["at"] == "mending":
            return await self._mend(job, page) if page else self._to_checks(job)
        return await self._check(job, page) if page else Step(job.state, "done", is_last=True)

    async def abandon(self, job: Job) -> None:
        """Nothing is under way but work of other queues, which comes to its own end."""

    async def _mend(self, job: Job, page: FindingPage) -> Step:
        uses = Counter({"firestore_reads": 1})
        outcomes = await _each(
            len(page.findings), lambda place: self.mending.mend(job, page.findings[place], uses)
        )
        state = {**job.state, "after": page.name}
        return Step(state, "mending", uses=uses, outcomes=[(page, outcomes)])

    def _to_checks(self, job: Job) -> Step:
        until = (self.clock() + PATIENCE).isoformat()
        return Step({**job.state, "at": "checking", "after": "", "until": until}, "checking")

    async def _check(self, job: Job, page: FindingPage) -> Step:
        uses = Counter({"firestore_reads": 1})
        is_patient = self.clock() < datetime.fromisoformat(job.state["until"])

        async def checked(place: int) -> str:
            finding, before = page.findings[place], page.outcomes[place]
            if not is_pending(before):
                return before
            said = await self.mending.check(finding, uses)
            return await self._mend_again(job, finding, uses) if is_patient and _is_still(said) else said

        outcomes = await _each(len(page.findings), checked)
        done = [(page, outcomes)]
        if is_patient and any(map(is_pending, outcomes)):
            return Step(job.state, "checking", uses=uses, outcomes=done, pause=_PAUSE)
        state, counts = {**job.state, "after": page.name}, Counter(map(kind_of, outcomes))
        return Step(state, "checking", done=len(outcomes), counts=counts, uses=uses, outcomes=done)

    async def _mend_again(self, job: Job, finding: Finding, uses: Counter[str]) -> str:
        """Mend what was wrong a moment ago; what is well by now may be so since it was mended: the next check says."""
        said = await self.mending.mend(job, finding, uses)
        return _JUST_NOW if said == HEALED else said


def is_pending(outcome: str) -> bool:
    """Whether it is too early to say what becomes of a finding."""
    return outcome.startswith(PENDING)


def _is_still(outcome: str) -> bool:
    return outcome.startswith(STILL)


def kind_of(outcome: str) -> str:
    """As which an outcome is counted."""
    if is_pending(outcome):
        return "pending"
    return {REPAIRED: "repaired", HEALED: "healed"}.get(outcome, "failed")


async def audit_of(jobs: Jobs, repair: Job) -> Job:
    """The audit whose findings a repair is of: one read.

    Raises:
        PermanentError: its subject has no such audit.
    """
    wanted = str(repair.options.get("audit"))
    audit = await jobs.get(wanted) if JOB_ID.fullmatch(wanted) else None
    if audit is None or (audit.kind, audit.subject) != ("audit", repair.subject):
        raise PermanentError(f"There is no audit of {repair.subject} called {wanted!r}.")
    return audit


async def _each(number: int, outcome: Outcome) -> Sequence[str]:
    """The outcomes of a page, some of them made at a time."""
    several = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int) -> str:
        async with several:
            return await _surely(outcome(place))

    return await asyncio.gather(*(one(place) for place in range(number)))


async def _surely(outcome: Awaitable[str]) -> str:
    """An outcome; what cannot be mended, since nobody thought of it, does not keep the others from it."""
    try:
        return await outcome
    except TRANSIENT:
        raise
    except Exception as error:
        _log.exception("finding.not_repaired", extra={"error": repr(error)})
        return f"{FAILED}the fault is ours: {error!r}"
