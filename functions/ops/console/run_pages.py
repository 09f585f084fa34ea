"""``/ops/console/runs``: runs of every kind, and one of them."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.formatting import bounded
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.run_acts import KINDS
from functions.ops.runs import RunKind, Runs
from shared.problems import Problem

_PAGE = 25
_MAX_ACCOUNTS = 50


@dataclass(frozen=True)
class RunPages:
    """Lists of runs, and runs."""

    door: Door
    pages: Pages
    runs: Runs

    def routes(self) -> list[Route]:
        return [
            Route("/console/runs", self.door.page(self.list), methods=["GET"]),
            Route("/console/runs/{kind}/{run_id}", self.door.page(self.show), methods=["GET"]),
        ]

    async def list(self, visit: Visit) -> Response:
        """The runs of a kind, the newest first."""
        kind = _kind(visit.query.get("kind") or "sync")
        page = await self.runs.page(kind, _PAGE, visit.query.get("cursor") or None, visit.token)
        return self.pages.shown(visit, "runs.html", kind=kind, kinds=KINDS, page=page)

    async def show(self, visit: Visit) -> Response:
        """One run."""
        kind = _kind(visit.request.path_params["kind"])
        run = await self.runs.get(kind, visit.request.path_params["run_id"], visit.token)
        accounts = sorted(run.by_account.items(), key=lambda item: -sum(item[1].values()))
        return self.pages.shown(
            visit, "run.html", run=run, accounts=accounts[:_MAX_ACCOUNTS], more=len(accounts) - _MAX_ACCOUNTS
        )


def _kind(text: str) -> RunKind:
    if text not in KINDS:
        raise Problem(404, "not-found", f"There are no runs of the kind {bounded(text, 40)}.")
    return text
