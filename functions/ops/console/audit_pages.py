"""``/ops/console/audits``: what was found that is not as it should be, and what was done about it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic import ValidationError
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.rendering import Pages, Visit
from functions.ops.finding_lists import FindingLists, FindingQuery
from functions.ops.runs import Run, Runs
from shared.jobs.records import FindingKind, Subject
from shared.problems import validation_problem

SUBJECTS: tuple[Subject, ...] = get_args(Subject)
_SHOWN = 5


@dataclass(frozen=True)
class Maintenance:
    """The latest jobs about a subject, the newest first, with the active one among them."""

    subject: Subject
    runs: Sequence[Run]

    @property
    def active(self) -> Run | None:
        return next((run for run in self.runs if run.is_active), None)


@dataclass(frozen=True)
class AuditPages:
    """Audits, repairs and re-indexing."""

    door: Door
    pages: Pages
    runs: Runs
    lists: FindingLists

    def routes(self) -> list[Route]:
        return [
            Route("/console/audits", self.door.page(self.list), methods=["GET"]),
            Route("/console/audits/{audit}", self.door.page(self.show), methods=["GET"]),
        ]

    async def list(self, visit: Visit) -> Response:
        """Of each subject what was done lately, and what may be."""
        runs = await asyncio.gather(*(self.runs.jobs_of(subject, _SHOWN) for subject in SUBJECTS))
        found = [Maintenance(*each) for each in zip(SUBJECTS, runs, strict=True)]
        return self.pages.shown(visit, "audits.html", maintenance=found)

    async def show(self, visit: Visit) -> Response:
        """An audit with its findings, those of an account or a kind alone if that is asked for."""
        audit_id, wanted = visit.request.path_params["audit"], _query(visit)
        # Not at once: the findings of what is no audit are nobody's business.
        run = await self.runs.get("audit", audit_id, visit.token)
        findings = await self.lists.page(run.id, wanted)
        return self.pages.shown(
            visit,
            "audit.html",
            run=run,
            wanted=wanted,
            findings=findings,
            kinds=get_args(FindingKind),
        )


def _query(visit: Visit) -> FindingQuery:
    """Which findings are wanted.

    Raises:
        Problem: 422, there is no such kind.
    """
    given = {name: value for name in ("account", "kind", "cursor") if (value := visit.query.get(name))}
    try:
        return FindingQuery.model_validate(given)
    except ValidationError as error:
        raise validation_problem(error) from error
