"""What the newest jobs say of the subjects that they are about: drift that was found, and work that failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from functions.ops.health import Check, quoted
from functions.ops.spans import spoken
from shared.clock import Clock
from shared.jobs.records import Job, Subject
from shared.jobs.store import Jobs

# An audit begins every night: with two nights missed, nothing proves any more that all is as it should be.
OUTDATED = timedelta(hours=50)
# The newest jobs of a subject: one that is active, an audit and what was made of it. Where that is not enough, since
# many were cancelled or failed, so many.
_USUALLY_READ = 4
_MOST_READ = 50
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


def judged_jobs(subject: Subject, jobs: Sequence[Job], now: datetime) -> Check:
    """What the newest jobs of a subject, the newest first, say of it; the value is the drift that is known of."""
    name = f"audit of {subject}"
    ended = [job for job in jobs if not job.is_active and job.status != "cancelled"]
    if ended and ended[0].status == "failed":
        detail = f"The last {ended[0].kind} of {subject} failed."
        advice = f"Mend what was wrong, then resume {ended[0].id}."
        return Check(name, "degraded", detail, None, advice, quoted(ended[0].error))
    look = last_look(ended)
    if look is None:
        return Check(name, "ok", f"The {subject} have not been audited yet.", 0)
    repair = _repair_of(look, ended)
    return _left_by(repair, name) if repair and _left(repair) else _found_by(look, repair, name, now)


def last_look(jobs: Sequence[Job]) -> Job | None:
    """The job that knows best: an audit has looked at everything, and a re-index has written everything anew."""
    return next((job for job in jobs if job.status == "done" and job.kind != "repair"), None)


def _repair_of(audit: Job, jobs: Sequence[Job]) -> Job | None:
    """The last repair of what this audit has found. One of another audit's findings leaves these as they are."""
    repairs = (job for job in jobs if job.status == "done" and job.kind == "repair")
    return next((job for job in repairs if job.options.get("audit") == audit.id), None)


def _left(repair: Job) -> int:
    """Of how many findings it is not known that they are well now."""
    return repair.counts.get("failed", 0) + repair.counts.get("pending", 0)


def _left_by(repair: Job, name: str) -> Check:
    detail = f"The repair of {repair.subject} left {_left(repair):,} open."
    advice = f"See what {repair.options['audit']} lists of each, then audit again."
    return Check(name, "degraded", detail, _left(repair), advice)


def _found_by(look: Job, repair: Job | None, name: str, now: datetime) -> Check:
    at = look.finished_at or look.created_at
    ago = spoken(now - at)
    if look.drift and repair is None:
        found = "1 difference" if look.drift == 1 else f"{look.drift:,} differences"
        detail = f"The {look.kind} of {look.subject} found {found} {ago} ago."
        advice = f"Look at what {look.id} lists, then have it repaired."
        return Check(name, "degraded", detail, look.drift, advice)
    if now - at > OUTDATED:
        detail = f"The last {look.kind} of {look.subject} is {ago} old."
        return Check(name, "degraded", detail, 0, "See whether nightlyAudits is paused or fails.")
    last = repair or look
    ago = spoken(now - (last.finished_at or last.created_at))
    return Check(name, "ok", f"The last {last.kind} of {last.subject} ended well, {ago} ago.", 0)


@dataclass(frozen=True)
class JobsHealth:
    """Reads the newest jobs of a subject: usually four, a read each."""

    jobs: Jobs
    clock: Clock

    async def of(self, subject: Subject) -> list[Check]:
        """What they say of it."""
        newest = await self.jobs.of_subject(subject, _USUALLY_READ)
        if len(newest) == _USUALLY_READ and last_look(newest) is None:
            newest = await self.jobs.of_subject(subject, _MOST_READ)
        return [judged_jobs(subject, newest, self.clock())]
