"""Writing products: what a seller says becomes a new version, with the state of its images beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.products.images import AllowedSources, Arrangement, arranged
from functions.products.model import ProductContent, content_of, stored_fields
from functions.products.reading import ProductReader
from shared.clock import Clock
from shared.errors import TransientError
from shared.images import IMAGE_FETCH, IMAGE_REMOVAL, MAX_IMAGES, Images, ImageTask
from shared.images import publish as publish_images
from shared.outbox import ProductEvent, publish
from shared.problems import Problem
from shared.products import Fields, ProductWrites, StoredProduct
from shared.tasks import TaskQueues
from shared.turns import turns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncWriteBatch

Precondition = Callable[[int], None]

# Well below what one commit takes. What is beyond has failed, and is forgotten in time.
_MAX_REMOVED = 10 * MAX_IMAGES


@dataclass(frozen=True)
class Written:
    """A product after a write, as it is stored."""

    product_id: str
    fields: Fields


@dataclass(frozen=True)
class Catalog:
    """The writes to ``products``: a read, and a commit of two writes (product and event) and one for each image that
    comes or goes."""

    writes: ProductWrites
    images: Images
    sources: AllowedSources
    queues: TaskQueues
    reader: ProductReader
    clock: Clock

    def new_id(self) -> str:
        """An id that nobody has: 20 random letters and digits."""
        return self.writes.new_id()

    async def create(
        self,
        product_id: str,
        user_id: str,
        content: ProductContent,
        also: Callable[["AsyncWriteBatch", Written], None],
    ) -> Written:
        """Add a product of ``user_id``.

        Args:
            product_id: an id that nobody has.
            also: adds what is to be committed with it.

        Raises:
            Problem: 422, an image's URL is not of a kind that may be fetched.
            TransientError: what ``also`` added forbids it.
        """
        now = self.clock()
        images = self._arranged([], content)
        fields = stored_fields(content) | images.fields
        fields |= {"user_id": user_id, "version": 1, "created_at": now, "updated_at": now}
        written = Written(product_id, fields)

        def with_product(batch: "AsyncWriteBatch") -> None:
            self._write_images(batch, product_id, images)
            also(batch, written)

        task = await self.writes.create(product_id, fields, with_product)
        if task is None:
            raise TransientError("Another request has taken this one over; try again.")
        await self._tell(task, written.fields, images)
        return written

    async def replace(
        self, product_id: str, owner: str | None, content: ProductContent, precondition: Precondition
    ) -> Written:
        """Put ``content`` in the place of what there is.

        Args:
            owner: whose product it must be; ``None`` for anybody's.
            precondition: raises for a version that the caller does not mean.

        Raises:
            Problem: 404 there is no such product of the owner's; 422 as :meth:`create`; what ``precondition`` raises.
            TransientError: others kept writing it.
        """
        return await self.patch(product_id, owner, lambda _: content, precondition)

    async def patch(
        self,
        product_id: str,
        owner: str | None,
        change: Callable[[Fields], ProductContent],
        precondition: Precondition,
    ) -> Written:
        """Put what ``change`` makes of the stored fields in their place. Arguments and errors as :meth:`replace`."""
        async for _ in turns():
            stored = await self.get(product_id, owner)
            precondition(stored.version)
            content = change(stored.fields)
            images = self._arranged(stored.fields.get("images", []), content)
            fields = stored.fields | stored_fields(content) | images.fields | stored.next(self.clock())
            if await self._put(stored, fields, images):
                return Written(product_id, fields)
        raise _contended()

    async def adopt_images(self, product_id: str, owner: str | None) -> None:
        """Give the images of a product from before there was any state of them one. Errors as :meth:`replace`."""
        await self.patch(product_id, owner, _as_it_is, lambda version: None)

    async def delete(self, product_id: str, owner: str | None, precondition: Precondition) -> None:
        """Remove a product and its images, with a read for each. Arguments and errors as :meth:`replace`."""
        async for _ in turns():
            stored = await self.get(product_id, owner)
            precondition(stored.version)
            if await self._remove(stored):
                return
        raise _contended()

    async def get(self, product_id: str, owner: str | None) -> StoredProduct:
        """A product as it is stored. Arguments and errors as :meth:`replace`."""
        stored = await self.writes.get(product_id)
        if stored is None or owner not in (None, stored.fields["user_id"]):
            raise no_product(product_id)
        return stored

    def _arranged(self, before: Sequence[Fields], content: ProductContent) -> Arrangement:
        images = arranged(before, content.product_images, self.images.new_id)
        self.sources.require(images, content.product_images)
        return images

    async def _put(self, stored: StoredProduct, fields: Fields, images: Arrangement) -> bool:
        task = await self.writes.update(
            stored, fields, lambda batch: self._write_images(batch, stored.id, images)
        )
        if task is None:
            return False
        await self._tell(task, fields, images)
        return True

    async def _remove(self, stored: StoredProduct) -> bool:
        images = await self._all_removed(stored)
        task = await self.writes.delete(stored, lambda batch: self._write_images(batch, stored.id, images))
        if task is None:
            return False
        await self._tell(task, None, images)
        return True

    async def _all_removed(self, stored: StoredProduct) -> Arrangement:
        """All images gone, also those that the product does not show: uploads that have failed, or not come yet."""
        shown = arranged(stored.fields.get("images", []), [], self.images.new_id)
        found = await self.images.of_product(stored.id, _MAX_REMOVED)
        return replace(shown, removed=list(dict.fromkeys([*shown.removed, *(image.id for image in found)])))

    def _write_images(self, batch: "AsyncWriteBatch", product_id: str, images: Arrangement) -> None:
        for entry in images.added:
            self.images.write_new(batch, _task(product_id, entry["id"]), entry["source"])
        for image_id in images.removed:
            self.images.write_removed(batch, _task(product_id, image_id))

    async def _tell(self, task: ProductEvent, fields: Fields | None, images: Arrangement) -> None:
        """After a commit: tell the cache, and the queues."""
        if fields is None:
            await self.reader.forget(task.product_id, task.version)
        else:
            await self.reader.remember(task.product_id, fields)
        await publish(self.queues, task)
        added = [_task(task.product_id, entry["id"]) for entry in images.added]
        await publish_images(self.queues, IMAGE_FETCH, added)
        removed = [_task(task.product_id, image_id) for image_id in images.removed]
        await publish_images(self.queues, IMAGE_REMOVAL, removed)


def _as_it_is(stored: Fields) -> ProductContent:
    return ProductContent.model_validate(content_of(stored))


def _task(product_id: str, image_id: str) -> ImageTask:
    return ImageTask(product_id=product_id, image_id=image_id)


def _contended() -> TransientError:
    return TransientError("Others keep writing this product; try again.")


def no_product(product_id: str) -> Problem:
    """The answer where there is no product, or none of the caller's."""
    return Problem(404, "not-found", f"There is no product {product_id}.")
