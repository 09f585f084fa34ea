"""``/ops/console/images``: what has become of a product's images."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from functions.ops.console.door import Door
from functions.ops.console.panels import Panel, panel
from functions.ops.console.rendering import Pages, Visit
from functions.ops.console.store_acts import product_id_in
from functions.ops.stores import ProductImages

_SECONDS = 11.0


@dataclass(frozen=True)
class Saving:
    """The bytes of a product's originals, and of the most important rendition of each."""

    before: int
    after: int

    @property
    def share(self) -> float:
        return 1 - self.after / self.before if self.before else 0.0


@dataclass(frozen=True)
class ImagePages:
    """Images of products."""

    door: Door
    pages: Pages
    images: ProductImages

    def routes(self) -> list[Route]:
        return [Route("/console/images", self.door.page(self.show), methods=["GET"])]

    async def show(self, visit: Visit) -> Response:
        """A form that asks for a product, and below it its images."""
        if not visit.query.get("product"):
            nothing: Panel[Any] = Panel(None)
            return self.pages.shown(
                visit, "images.html", product_id="", product=nothing, coming=nothing, saving=None
            )
        product_id = product_id_in(visit.query)
        product, states = await asyncio.gather(
            panel(self.images.product(product_id, visit.token), _SECONDS),
            panel(self.images.states(product_id, visit.token), _SECONDS),
        )
        return self.pages.shown(
            visit,
            "images.html",
            product_id=product_id,
            product=product,
            coming=_coming(states),
            saving=saving(product.value) if product.value else None,
        )


def saving(product: Mapping[str, Any]) -> Saving:
    """What the renditions of a product save, of those images that have any."""
    rendered = [image for image in product.get("images", []) if image["original"] and image["renditions"]]
    before = sum(image["original"]["bytes"] for image in rendered)
    return Saving(before, sum(image["renditions"][0]["bytes"] for image in rendered))


def _coming(states: Panel[Mapping[str, Any]]) -> Panel[list[Any]]:
    """Images that the product does not show: uploads on their way, those that failed, those that are to go."""
    if states.value is None:
        return Panel(None, states.error)
    return Panel([image for image in states.value["images"] if image["position"] is None])
