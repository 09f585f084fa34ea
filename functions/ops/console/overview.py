"""``/ops``: whether all is well, and what is going on, on one page."""

import asyncio
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.charts import MAX_RUNS, timeline
from functions.ops.console.door import Door
from functions.ops.console.panels import panel
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.whereabouts import of_check
from functions.ops.control import QueueControl, Schedules
from functions.ops.dead_letters import LetterQuery, Letters
from functions.ops.health import HealthChecks
from functions.ops.runs import Run, RunKind, Runs

_LETTERS = 5
_JOBS_OF_A_KIND = 4
_JOBS = 6
# Price runs are asked of another function: their own page does that, not one that is looked at all the time.
_KINDS: tuple[RunKind, ...] = ("audit", "repair", "reindex")


@dataclass(frozen=True)
class Overview:
    """The first page."""

    door: Door
    pages: Pages
    health: HealthChecks
    runs: Runs
    letters: Letters
    queues: QueueControl
    schedules: Schedules

    def routes(self) -> list[Route]:
        return [Route("/", self.door.page(self.show), methods=["GET"])]

    async def show(self, visit: Visit) -> Response:
        """Everything at once; what cannot be had says so."""
        health, sync, jobs, letters, queues, schedules = await asyncio.gather(
            panel(self.health.look()),
            panel(self.runs.page("sync", MAX_RUNS, None, visit.token)),
            panel(self._jobs(visit)),
            panel(self.letters.page(LetterQuery(status="open", limit=_LETTERS))),
            panel(self.queues.all()),
            panel(self.schedules.all()),
        )
        return self.pages.shown(
            visit,
            "overview.html",
            health=health,
            sync=sync,
            chart=timeline(sync.value.runs, visit.now) if sync.value else None,
            jobs=jobs,
            letters=letters,
            queues=queues,
            schedules=schedules,
            whereabouts=of_check,
        )

    async def _jobs(self, visit: Visit) -> list[Run]:
        """The latest jobs, those that are active first."""
        found = await asyncio.gather(
            *(self.runs.page(kind, _JOBS_OF_A_KIND, None, visit.token) for kind in _KINDS)
        )
        newest_first = sorted(
            (run for page in found for run in page.runs), key=lambda run: run.created_at, reverse=True
        )
        return sorted(newest_first, key=lambda run: not run.is_active)[:_JOBS]
