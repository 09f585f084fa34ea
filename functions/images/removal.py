"""Removing the files of an image that is no longer of its product, or whose product is no more."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from shared.errors import TransientError
from shared.images import Images, ImageTask, original_name
from shared.tasks import Attempt


class OriginalsBucket(Protocol):
    """What this needs of the bucket of originals."""

    async def delete(self, name: str, generation: int | None = None) -> None:
        """Delete an original; it may be gone already."""


class RenditionsBucket(Protocol):
    """What this needs of the bucket of renditions."""

    async def of_image(self, product_id: str, image_id: str) -> list[str]:
        """The names of all renditions of an image."""

    async def delete(self, names: Iterable[str]) -> None:
        """Delete renditions; some may be gone already."""


@dataclass(frozen=True)
class Removal:
    """Works on tasks of ``imageRemoval``: a read and a delete, and a request an object.

    Ids are never used twice, so whatever is below an image's name is of that image. Who is compressing it meanwhile
    finds its document gone and deletes what it wrote.
    """

    images: Images
    originals: OriginalsBucket
    renditions: RenditionsBucket

    async def run(self, task: ImageTask, _attempt: Attempt) -> None:
        """Delete original, renditions and document of an image that is marked as removed."""
        image = await self.images.get(task.image_id)
        if image is None or image.status != "removed":
            return
        await self.originals.delete(original_name(image.product_id, image.id))
        await self.renditions.delete(await self.renditions.of_image(image.product_id, image.id))
        if not await self.images.forget(image):
            raise TransientError("Somebody else is changing this image.")
