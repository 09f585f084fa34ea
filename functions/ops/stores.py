"""Stores and images of products as operators see and mend them, through the functions that have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.ops.actions import Actions
from functions.ops.siblings import Siblings, segment


@dataclass(frozen=True)
class Stores:
    """Storefronts, as ``/storefront`` answers. All methods raise what :meth:`Siblings.get` does."""

    siblings: Siblings
    actions: Actions

    async def status(self, store_id: str, token: str) -> Mapping[str, Any]:
        """Which generation is served, and which are kept (``storefront/answers.py: StorefrontState``)."""
        return await self.siblings.get(f"storefront/{segment(store_id)}:status", token)

    async def tree(self, store_id: str, token: str) -> Mapping[str, Any]:
        """All categories that have products, as a tree (``WholeTree``)."""
        return await self.siblings.get(f"storefront/{segment(store_id)}/tree", token)

    async def rollback(
        self, store_id: str, generation: int | None, operator: str, token: str
    ) -> Mapping[str, Any]:
        """Serve an earlier generation again: the one that was served before, if none is named."""
        details = {"generation": str(generation or "the one before")}
        async with self.actions.recorded(operator, "store.rollback", store_id, details):
            body = {} if generation is None else {"generation": generation}
            return await self.siblings.post(f"storefront/{segment(store_id)}:rollback", token, body)

    async def rebuild(self, store_id: str, operator: str, token: str) -> Mapping[str, Any]:
        """Ask for a rebuild (``RebuildRequested``)."""
        async with self.actions.recorded(operator, "store.rebuild", store_id):
            return await self.siblings.post(f"storefront/{segment(store_id)}:rebuild", token)


@dataclass(frozen=True)
class ProductImages:
    """Images of a product. All methods raise what :meth:`Siblings.get` does."""

    siblings: Siblings
    actions: Actions

    async def product(self, product_id: str, token: str) -> Mapping[str, Any]:
        """The product as shoppers' pages have it, with ``compressed_product_images``."""
        return await self.siblings.get(f"products/{segment(product_id)}", token)

    async def states(self, product_id: str, token: str) -> Mapping[str, Any]:
        """How far each image is (``products/images_api.py: ImageStates``)."""
        return await self.siblings.get(f"products/{segment(product_id)}/images", token)

    async def render(self, product_id: str, operator: str, token: str) -> Mapping[str, Any]:
        """Render all images of a product again (``BackfillBegun``)."""
        async with self.actions.recorded(operator, "image.render", product_id):
            body = {"product_ids": [product_id], "outdated": False}
            return await self.siblings.post("image-backfill", token, body)
