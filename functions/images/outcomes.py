"""How an image ends: its state, its product, the product's event and a dead letter, in one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound

from shared.clock import Clock
from shared.dead_letters import DeadLetter, DeadLetters, report
from shared.errors import BackstockError, PermanentError, TransientError
from shared.images import (
    IMAGE_FETCH,
    MAX_IMAGES,
    Entry,
    Images,
    ImageTask,
    StoredImage,
    error_text,
    is_shown,
    new_entry,
    reopened,
    shown,
)
from shared.outbox import publish
from shared.products import ProductWrites, StoredProduct
from shared.tasks import TaskQueues
from shared.turns import turns

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

# How long an upload that failed is kept for whoever asks what became of it.
_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Finished:
    """What was made of one generation of an original.

    Args:
        original: what is said of it in the product.
        renditions: what is said of them in the product, the most important first.
        objects: the names of their objects.
        policy: the revision by which they were made.
    """

    original: Mapping[str, Any]
    renditions: Sequence[Mapping[str, Any]]
    objects: Sequence[str]
    policy: str


@dataclass(frozen=True)
class Ending:
    """What became of an attempt to end an image.

    Args:
        kind: ``settled``; ``repeated``, another attempt has ended it; ``overtaken`` by a newer generation; ``gone``
            from its product, or with it.
        stale: the objects that were its renditions before, and are no more.
    """

    kind: Literal["settled", "repeated", "overtaken", "gone"]
    stale: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Outcomes:
    """Ends images: two reads, and a commit of three writes (image, product and event), four with a letter."""

    db: "AsyncClient"
    writes: ProductWrites
    images: Images
    queues: TaskQueues
    clock: Clock

    async def done(self, image_id: str, generation: int, finished: Finished) -> Ending:
        """``generation`` of an image is rendered; an upload joins its product.

        Raises:
            PermanentError: the product has as many images as it may have.
            TransientError: others keep writing the product.
        """
        fields = {
            **_SETTLED,
            "status": "done",
            "error": "",
            "renditions": list(finished.objects),
            "policy": finished.policy,
            "expire_at": None,
        }
        said = {
            "original": dict(finished.original),
            "renditions": [dict(each) for each in finished.renditions],
        }
        async for _ in turns():
            image = await self.images.get(image_id)
            if image is None or image.status == "removed":
                return Ending("gone")
            if image.generation > generation:
                return Ending("overtaken")
            if image.status != "pending":
                return Ending("repeated")
            product = await self.writes.get(image.product_id)
            if product is None:
                return await self._abandon(image)
            entry = {"status": "done", "attempts": image.attempts, "error": "", **said}
            if await self._commit(product, _entries(product, image, entry), image, fields):
                return Ending("settled", sorted(set(image.renditions) - set(finished.objects)))
        raise TransientError("Others keep writing this product.")

    async def killed(self, image: StoredImage, function: str) -> Ending:
        """Whoever made the last attempt at an image did not live to say how it ended. As :meth:`failed`."""
        text = f"Killed in its last attempt. {image.error}".strip()
        return await self.failed(image, function, PermanentError(text))

    async def failed(self, image: StoredImage, function: str, error: Exception) -> Ending:
        """An image as it is in ``image`` will never be done: one dead letter. Renditions of before stay.

        An upload that failed before it was in its product does not join it.

        Args:
            function: who gave up.
            error: why. Sellers read it if we raised it on purpose; operators, in the letter, in any case.

        Raises:
            TransientError: others keep writing the product.
        """
        outcome = {"status": "failed", "attempts": image.attempts, "error": told(error)}
        fields, entry = {**_SETTLED, **outcome}, outcome
        letter = _letter(image, function, str(error) or repr(error))
        async for _ in turns():
            now = await self.images.get(image.id)
            if now is None or now.status == "removed":
                return Ending("gone")
            if (now.series, now.generation) != (image.series, image.generation):
                return Ending("overtaken")
            if now.status not in ("pending", "awaiting"):
                return Ending("repeated")
            product = await self.writes.get(image.product_id)
            if product is None:
                return await self._abandon(now)
            if await self._commit_failure(product, now, fields, entry, letter):
                report(letter)
                return Ending("settled")
        raise TransientError("Others keep writing this product.")

    async def _abandon(self, image: StoredImage) -> Ending:
        """An upload that its product has not lived to see: the sweeper has its files removed."""
        await self.images.change(image, {"status": "removed", **reopened(image.series, self.clock())})
        return Ending("gone")

    async def _commit_failure(
        self,
        product: StoredProduct,
        image: StoredImage,
        fields: Mapping[str, Any],
        entry: Entry,
        letter: DeadLetter,
    ) -> bool:
        if is_shown(product.fields["images"], image.id):
            return await self._commit(product, _entries(product, image, entry), image, fields, letter)
        batch = self.db.batch()
        self._write(batch, image, {**fields, "expire_at": self.clock() + _KEPT}, letter)
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound):
            return False
        return True

    async def _commit(
        self,
        product: StoredProduct,
        entries: Sequence[Entry],
        image: StoredImage,
        fields: Mapping[str, Any],
        letter: DeadLetter | None = None,
    ) -> bool:
        changed = shown(entries) | product.next(self.clock())
        task = await self.writes.update(
            product, changed, lambda batch: self._write(batch, image, fields, letter)
        )
        if task is None:
            return False
        await publish(self.queues, task)
        return True

    def _write(
        self,
        batch: "AsyncWriteBatch",
        image: StoredImage,
        fields: Mapping[str, Any],
        letter: DeadLetter | None,
    ) -> None:
        self.images.write_change(batch, image, fields)
        if letter:
            DeadLetters(self.db, self.clock).write(batch, letter)


_SETTLED: Mapping[str, Any] = {"deadline": None, "claimed_until": None}


def told(error: Exception) -> str:
    """What sellers are told of an error: nothing of the inside of our cloud, which other people's errors may name."""
    return error_text(str(error)) if isinstance(error, BackstockError) else "The fault is ours."


def _entries(product: StoredProduct, image: StoredImage, changes: Entry) -> list[Entry]:
    """The product's images with ``changes`` to one of them, which joins them if it is not there."""
    entries: list[Entry] = product.fields["images"]
    if is_shown(entries, image.id):
        return [entry | changes if entry["id"] == image.id else entry for entry in entries]
    if len(entries) >= MAX_IMAGES:
        raise PermanentError(f"The product has {MAX_IMAGES} images already.")
    return [*entries, new_entry(image.id, image.source) | changes]


def _letter(image: StoredImage, function: str, error: str) -> DeadLetter:
    # What would try it again is the next series: stragglers of this one are ignored from now on.
    again = ImageTask(product_id=image.product_id, image_id=image.id, series=image.series + 1)
    return DeadLetter(
        key=f"{image.id}/{image.series}/{image.generation}",
        queue=IMAGE_FETCH.name,
        function=function,
        payload=again.model_dump(),
        error=error,
        attempts=image.attempts,
    )
