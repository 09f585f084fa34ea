"""The sweeper of jobs: makes good what died between two steps of one, and says every five minutes whether all is well.

A job without a sign of life has lost its task: it was never enqueued, or its last attempt was killed. It goes on from
the step that it is at, in a new series of tasks, until it has been begun anew so often that it is the job's own fault.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from functions.ops.health import FRESHNESS, Health, HealthChecks
from functions.ops.heartbeat import Heartbeat
from shared.errors import TransientError
from shared.jobs.records import MAX_RESTARTS, Job
from shared.jobs.store import Jobs

_log = logging.getLogger(__name__)

# There are few subjects, and of each one job is active.
_MAX_JOBS = 100

Remedy = Literal["restart", "fail"]
Result = Literal["restarted", "failed", "changed", "unmended"]


def remedy(job: Job) -> Remedy:
    """What becomes of an overdue job."""
    return "fail" if job.restarts >= MAX_RESTARTS else "restart"


@dataclass(frozen=True)
class JobSweeper:
    """Looks into overdue jobs: one read each, and a write for what is mended."""

    jobs: Jobs

    async def sweep(self) -> dict[str, int]:
        """Mend what is overdue; how many jobs had which :data:`Result`."""
        counts: dict[str, int] = Counter(
            [await self._mend(job) for job in await self.jobs.overdue(_MAX_JOBS)]
        )
        if counts:
            _log.warning("jobs.swept", extra=counts)
        return counts

    async def _mend(self, job: Job) -> Result:
        """One job; a failure leaves it to the next sweep and the others alone."""
        try:
            match remedy(job):
                case "restart":
                    await self.jobs.restart(job)
                    return "restarted"
                case "fail":
                    # What its room has under way is left to the next job of its kind, or to its lease.
                    lost = (
                        f"Begun anew {MAX_RESTARTS} times, it did not get beyond step {job.step}. {job.error}"
                    )
                    ended = await self.jobs.end(job, {"status": "failed", "error": lost.strip()})
                    return "failed" if ended else "changed"
        except TransientError:
            return "changed"
        except Exception as error:
            _log.exception("jobs.sweep_failed", extra={"job": job.id, "error": repr(error)})
            return "unmended"


@dataclass(frozen=True)
class Lookout:
    """Writes down whether all is well: charts and alerts are cut from the line."""

    checks: HealthChecks
    heartbeat: Heartbeat

    async def report(self) -> Health:
        """Leave a sign of life, look, and log ``health.checked``. Never fails."""
        await self.heartbeat.beat()
        health = await self.checks.look()
        level = logging.INFO if health.status == "ok" else logging.WARNING
        _log.log(level, "health.checked", extra=summary(health))
        return health


# The names of the checks whose values are ages of what waits.
_WAITING = ("deliveries", "images", "storefronts", "price runs", "jobs")


def summary(health: Health) -> dict[str, object]:
    """The health in a line; times in seconds, and None where nothing can be told."""
    waits = [check.value for check in health.checks if check.name in _WAITING and check.value is not None]
    fresh, letters = health.check(FRESHNESS), health.check("dead letters")
    return {
        "status": health.status,
        "sentence": health.sentence,
        "lag_seconds": fresh.value if fresh else None,
        "oldest_pending_seconds": max(waits, default=None),
        "dead_letters": letters.value if letters else None,
    }
