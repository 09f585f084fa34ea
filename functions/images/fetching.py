"""Bringing an original to the bucket, where its arrival sets off its compression.

One that is there already is written onto itself: that is how an image is rendered again, after a failure or by a new
policy, with no second way to do it.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from functions.images.buckets import Original
from shared.clock import Clock
from shared.errors import BackstockError, PermanentError, TransientError
from shared.images import NEXT_ATTEMPT_WITHIN, Images, ImageTask, StoredImage, attempted, original_name
from shared.tasks import Attempt

_log = logging.getLogger(__name__)


class Download(Protocol):
    """An image that is being read from its source."""

    media_type: str

    def chunks(self) -> AsyncIterator[bytes]:
        """All of its bytes."""


class Downloads(Protocol):
    """Other people's servers."""

    def open(self, url: str) -> AbstractAsyncContextManager[Download]:
        """Begin to read an image.

        Raises:
            PermanentError: there is no image to be had.
            TransientError: not now.
        """


class OriginalsBucket(Protocol):
    """What this needs of the bucket of originals."""

    async def find(self, name: str) -> Original | None:
        """The original of that name, if there is one."""

    async def write(self, name: str, media_type: str, chunks: AsyncIterator[bytes], series: int) -> None:
        """Stream an original to the bucket."""

    async def rewrite(self, name: str, original: Original, series: int) -> None:
        """Write an original onto itself."""


class _ContendedError(TransientError):
    """Somebody else has changed the image since it was read."""


@dataclass(frozen=True)
class Fetching:
    """Works on tasks of ``imageFetch``: a read and a write, and two requests to the bucket."""

    images: Images
    originals: OriginalsBucket
    downloads: Downloads
    clock: Clock

    async def run(self, task: ImageTask, attempt: Attempt) -> None:
        """Bring the original of the task's image in the task's series, unless that is done or not wanted any more.

        Raises:
            TransientError: its source or the bucket is not to be had at the moment, or somebody else is at it.
            PermanentError: it never will be.
        """
        try:
            await self._bring(task, attempt)
        except _ContendedError:
            # Whoever is at it, such as this attempt's double, brings it to its end, or else the sweeper does.
            if not attempt.is_last:
                raise
        except BackstockError:
            raise
        except Exception as error:
            # What we did not raise on purpose may tell sellers of the inside of our cloud.
            _log.exception("image.fetch_failed", extra={"image": task.image_id, "error": repr(error)})
            raise TransientError("The fault is ours.") from error

    async def _bring(self, task: ImageTask, attempt: Attempt) -> None:
        image = await self.images.get(task.image_id)
        if image is None or not _wanted(image, task):
            return
        if task.series > image.series:
            image = await self._begin(image, task, attempt)
        name = original_name(image.product_id, image.id)
        original = await self.originals.find(name)
        if original is not None and original.series == task.series:
            return  # its compression has been set off
        if original is None and image.uploaded and image.generation == 0:
            await self._forget(image)
            return
        image = await self._begin(image, task, attempt)
        if original is not None:
            await self.originals.rewrite(name, original, task.series)
        elif image.uploaded:
            raise PermanentError("The upload is gone.")
        else:
            async with self.downloads.open(image.source) as download:
                await self.originals.write(name, download.media_type, download.chunks(), task.series)

    async def _forget(self, image: StoredImage) -> None:
        """Nothing ever came of an upload link."""
        if not await self.images.forget(image):
            raise _ContendedError("Somebody else is changing this image.")

    async def _begin(self, image: StoredImage, task: ImageTask, attempt: Attempt) -> StoredImage:
        # Also after the last attempt: the event about what it brings may take its time.
        deadline = self.clock() + NEXT_ATTEMPT_WITHIN
        begun = {"series": task.series, "claimed_until": None, "expire_at": None, "deadline": deadline}
        changed = await self.images.change(image, attempted(attempt.number, self.clock()) | begun)
        if changed is None:
            raise _ContendedError("Somebody else is changing this image.")
        return changed


def _wanted(image: StoredImage, task: ImageTask) -> bool:
    if image.product_id != task.product_id or image.status == "removed":
        return False
    if task.series == image.series:
        # Stragglers of a series that has come to its end do nothing.
        return image.status in ("pending", "awaiting")
    return task.series > image.series
