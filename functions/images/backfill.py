"""Rendering images again, after the policy has changed: so many products at a time, in the order of their ids.

Nothing goes on by itself. Each call does so much and answers where the next one may begin.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.images import IMAGE_FETCH, Images, ImageTask, StoredImage
from shared.products import COLLECTION
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

# With 20 images each, 2,000 renderings at most come of one call.
MAX_PRODUCTS = 100
_AT_ONCE = 40


@dataclass(frozen=True)
class Chosen:
    """Which products: those of ``ids``, or ``limit`` of all that come ``after`` an id.

    ``outdated`` chooses of their images those alone that were made by another policy.
    """

    ids: Sequence[str]
    after: str
    limit: int
    outdated: bool


@dataclass(frozen=True)
class Begun:
    """What a call has begun; ``next`` is where the next one may begin, None at the end."""

    products: int
    images: int
    next: str | None


@dataclass(frozen=True)
class Backfill:
    """Renders images again: a read for each product and image, and a task for each image that is chosen."""

    db: "AsyncClient"
    images: Images
    queues: TaskQueues
    policy: str

    async def begin(self, chosen: Chosen) -> Begun:
        """Have the chosen images rendered again."""
        page = await self._page(chosen)
        ids = dict.fromkeys(entry["id"] for product in page for entry in _entries(product))
        images = await self.images.several(ids)
        again = [image for image in images.values() if self._is_due(image, chosen.outdated)]
        await self._enqueue(again)
        full = not chosen.ids and len(page) == chosen.limit
        return Begun(len(page), len(again), page[-1].id if full else None)

    async def _page(self, chosen: Chosen) -> "list[DocumentSnapshot[Any]]":
        products = self.db.collection(COLLECTION)
        if chosen.ids:
            documents = [products.document(product_id) for product_id in dict.fromkeys(chosen.ids)]
            return [product async for product in self.db.get_all(documents, ["images"]) if product.exists]
        query = products.order_by("__name__").select(["images"]).limit(chosen.limit)
        if chosen.after:
            query = query.start_after({"__name__": products.document(chosen.after)})
        return list(await query.get())

    def _is_due(self, image: StoredImage, outdated: bool) -> bool:
        return image.status == "done" and not (outdated and image.policy == self.policy)

    async def _enqueue(self, images: Sequence[StoredImage]) -> None:
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(image: StoredImage) -> None:
            # By its name, the same image is begun once, however often this is called meanwhile.
            again = ImageTask(product_id=image.product_id, image_id=image.id, series=image.series + 1)
            async with several:
                await self.queues.enqueue(IMAGE_FETCH, again, key=again.key)

        await asyncio.gather(*(one(image) for image in images))


def _entries(product: "DocumentSnapshot[Any]") -> list[dict[str, Any]]:
    return (product.to_dict() or {}).get("images") or []
