"""``/ops/console/actions``: who did what, and when."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.actions import Actions
from functions.ops.console.door import Door
from functions.ops.console.rendering import Pages, Visit

_PAGE = 50


@dataclass(frozen=True)
class ActionPages:
    """The audit log."""

    door: Door
    pages: Pages
    actions: Actions

    def routes(self) -> list[Route]:
        return [Route("/console/actions", self.door.page(self.list), methods=["GET"])]

    async def list(self, visit: Visit) -> Response:
        """The acts of operators, the newest first."""
        page = await self.actions.page(_PAGE, visit.query.get("cursor") or None)
        return self.pages.shown(visit, "actions.html", page=page)
