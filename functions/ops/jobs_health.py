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
# The newest jobs of a subject: one that is active, and what was before.
_JOBS_READ = 4
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


def judged_jobs(subject: Subject, jobs: Sequence[Job], now: datetime) -> Check:
    """What the newest jobs of a subject, the newest first, say of it; the value is the drift that is known of."""
    name = f"audit of {subject}"
    last = next((job for job in jobs if not job.is_active and job.status != "cancelled"), None)
    if last is None:
        return Check(name, "ok", f"The {subject} have not been audited yet.", 0)
    if last.status == "failed":
        detail, advice = f"The last {last.kind} of {subject} failed.", "Mend what was wrong, then resume it."
        return Check(name, "degraded", detail, None, advice, quoted(last.error))
    ended = last.finished_at or last.created_at
    ago = spoken(now - ended)
    match last.kind:
        case "audit" if drift := last.drift:
            found = "1 difference" if drift == 1 else f"{drift:,} differences"
            detail = f"The audit of {subject} found {found} {ago} ago."
            return Check(name, "degraded", detail, drift, "Look at them, then have them repaired.")
        case "repair" if left := last.counts.get("failed", 0):
            detail = f"The repair of {subject} left {left:,} as they were."
            return Check(name, "degraded", detail, left, "See what it says of each, then audit again.")
        case "audit" if now - ended > OUTDATED:
            detail = f"The last audit of {subject} is {ago} old."
            return Check(name, "degraded", detail, 0, "See whether nightlyAudits is paused or fails.")
    return Check(name, "ok", f"The last {last.kind} of {subject} ended well, {ago} ago.", 0)


@dataclass(frozen=True)
class JobsHealth:
    """Reads the newest jobs of a subject: four reads at most."""

    jobs: Jobs
    clock: Clock

    async def of(self, subject: Subject) -> list[Check]:
        """What they say of it."""
        newest = await self.jobs.of_subject(subject, _JOBS_READ)
        return [judged_jobs(subject, newest, self.clock())]
