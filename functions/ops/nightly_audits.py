"""An audit of each subject, once a night."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from functions.ops.jobs_health import SUBJECTS
from shared.clock import Clock
from shared.jobs.records import Job, Subject
from shared.jobs.store import Jobs
from shared.problems import Problem

_log = logging.getLogger(__name__)

NIGHTLY = "nightly-audits"
# A schedule that is called again, since its answer was lost, means the same night.
_NIGHT = timedelta(hours=12)
# As many jobs of a subject as there may have been since.
_JOBS_READ = 20


@dataclass(frozen=True)
class NightlyAudits:
    """Begins the audits of a night: some reads and two writes for each subject."""

    jobs: Jobs
    clock: Clock

    async def begin(self) -> dict[str, str]:
        """Begin an audit of each subject, unless one was begun this night; what became of each, by subject.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: the database is out of reach; those begun stay begun.
        """
        return {subject: await self._begin(subject) for subject in SUBJECTS}

    async def _begin(self, subject: Subject) -> str:
        newest = await self.jobs.of_subject(subject, _JOBS_READ)
        if tonight := next((job for job in newest if self._is_of_this_night(job)), None):
            return tonight.id
        try:
            return (await self.jobs.start("audit", subject, NIGHTLY)).id
        except Problem as problem:
            # Whoever is at it does what is needed, or an operator audits afterwards.
            _log.warning("audit.not_begun", extra={"subject": subject, "error": problem.detail})
            return problem.detail

    def _is_of_this_night(self, job: Job) -> bool:
        return job.created_by == NIGHTLY and self.clock() - job.created_at < _NIGHT
