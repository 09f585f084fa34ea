"""``/ops/console/stores``: a storefront's tree, and its generations."""

import asyncio
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.panels import Panel, panel
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.store_acts import store_id_in
from functions.ops.stores import Stores

# The function that is asked may have to start first.
_SECONDS = 11.0


@dataclass(frozen=True)
class StorePages:
    """Storefronts."""

    door: Door
    pages: Pages
    stores: Stores

    def routes(self) -> list[Route]:
        return [Route("/console/stores", self.door.page(self.show), methods=["GET"])]

    async def show(self, visit: Visit) -> Response:
        """A form that asks for a store, and below it the store."""
        if not visit.query.get("store"):
            return self.pages.shown(visit, "stores.html", store="", status=Panel(None), tree=Panel(None))
        store = store_id_in(visit.query)
        status, tree = await asyncio.gather(
            panel(self.stores.status(store, visit.token), _SECONDS),
            panel(self.stores.tree(store, visit.token), _SECONDS),
        )
        return self.pages.shown(visit, "stores.html", store=store, status=status, tree=tree)
