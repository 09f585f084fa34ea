"""Compressing what has come into the bucket of originals, whoever brought it there.

Events come late, twice and out of order, and attempts die at any line. Each works on the one generation that its event
is about; what counts is the commit at its end, which only the newest generation of an image that still belongs to its
product can make.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from functions.images.buckets import rendition_name
from functions.images.outcomes import Ending, Finished, Outcomes, told
from functions.images.rendering import Rendered, Rendition
from shared.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.events import StoredObject
from shared.images import (
    MAX_ATTEMPTS,
    MAX_ORIGINAL_BYTES,
    Images,
    StoredImage,
    attempted,
    image_of,
)

_log = logging.getLogger(__name__)

FUNCTION = "compress-image"
# An attempt takes a few seconds, an animation half a minute. Two at once would only be work done twice, so this need
# not cover the longest.
_CLAIMED = timedelta(seconds=60)

Render = Callable[[bytes], Awaitable[Rendered]]


class OriginalsBucket(Protocol):
    """What this needs of the bucket of originals."""

    async def read(self, name: str, generation: int) -> bytes | None:
        """The bytes of one generation; ``None`` if it has been overwritten or deleted."""

    async def delete(self, name: str, generation: int | None = None) -> None:
        """Delete an original, or one generation of it alone; it may be gone already."""


class RenditionsBucket(Protocol):
    """What this needs of the bucket of renditions."""

    def url(self, name: str) -> str:
        """Where everybody finds an object."""

    async def write(self, name: str, media_type: str, data: bytes) -> None:
        """Add a rendition."""

    async def delete(self, names: Iterable[str]) -> None:
        """Delete renditions; some may be gone already."""


Verdict = Literal["compress", "settled", "discard", "busy", "exhausted"]


def judge(image: StoredImage | None, product_id: str, generation: int, now: datetime) -> Verdict:
    """What is to be done about a generation of an original."""
    if image is None or image.product_id != product_id:
        return "discard"
    if image.status == "removed" or generation < image.generation:
        return "settled"
    if generation > image.generation:
        return "compress"
    if image.status != "pending":
        return "settled"
    if image.claimed_until and image.claimed_until > now:
        return "busy"
    return "exhausted" if image.attempts >= MAX_ATTEMPTS else "compress"


@dataclass(frozen=True)
class Compression:
    """Works on events: three reads and four writes for an image, a request for its original and one a rendition.

    Args:
        render: makes renditions of an original, or raises :class:`PermanentError`.
        policy: the revision by which it does.
    """

    images: Images
    originals: OriginalsBucket
    renditions: RenditionsBucket
    outcomes: Outcomes
    render: Render
    policy: str
    clock: Clock

    async def run(self, stored: StoredObject) -> None:
        """Compress an original, or see that there is nothing to be done about it.

        Raises:
            TransientError: somebody else is at it, or something is out of reach.
        """
        ids = image_of(stored.name)
        if ids is None:
            # Somebody else's business, which is left alone.
            _log.warning("image.strange_object", extra={"object": stored.name})
            return
        product_id, image_id = ids
        image = await self.images.get(image_id)
        verdict = judge(image, product_id, stored.generation, self.clock())
        if image is None or verdict == "discard":
            # Nobody waits for it any more, and nobody else would delete it.
            await self.originals.delete(stored.name, stored.generation)
        elif verdict == "busy":
            raise TransientError("Another attempt may be under way.")
        elif verdict == "exhausted":
            await self.outcomes.killed(image, FUNCTION)
        elif verdict == "compress":
            await self._attempt(image, stored)

    async def _attempt(self, image: StoredImage, stored: StoredObject) -> None:
        begun = await self._begin(image, stored.generation)
        try:
            await self._compress(begun, stored)
        except PermanentError as error:
            await self.outcomes.failed(begun, FUNCTION, error)
        except Exception as error:
            if begun.attempts >= MAX_ATTEMPTS:
                await self.outcomes.failed(begun, FUNCTION, error)
                return
            await self.images.change(begun, {"claimed_until": None, "error": told(error)})
            raise

    async def _begin(self, image: StoredImage, generation: int) -> StoredImage:
        now = self.clock()
        number = image.attempts + 1 if generation == image.generation else 1
        claim = {"generation": generation, "claimed_until": now + _CLAIMED, "expire_at": None}
        begun = await self.images.change(image, attempted(number, now) | claim)
        if begun is None:
            raise TransientError("Somebody else is changing this image.")
        return begun

    async def _compress(self, image: StoredImage, stored: StoredObject) -> None:
        if stored.size > MAX_ORIGINAL_BYTES:
            raise PermanentError(
                f"The file has {stored.size:,} bytes; at most {MAX_ORIGINAL_BYTES:,} will do."
            )
        data = await self.originals.read(stored.name, stored.generation)
        if data is None:
            # There is a newer one, which is announced itself, or none: then the sweeper looks into it.
            _log.info("image.original_gone", extra={"image": image.id, "generation": stored.generation})
            return
        finished = await self._write(image, len(data), await self.render(data))
        ending = await self._end(image, finished)
        await self._tidy(finished, ending, stored)
        _log.info("image.compressed", extra={"image": image.id, "outcome": ending.kind})

    async def _write(self, image: StoredImage, size: int, rendered: Rendered) -> Finished:
        names = [
            rendition_name(image.product_id, image.id, image.generation, each.media_type, each.data)
            for each in rendered.renditions
        ]
        # The same bytes under two names of the policy are one object.
        files = dict(zip(names, rendered.renditions, strict=True))
        await asyncio.gather(
            *(self.renditions.write(name, each.media_type, each.data) for name, each in files.items())
        )
        said = [
            _said(each, self.renditions.url(name), size)
            for name, each in zip(names, rendered.renditions, strict=True)
        ]
        return Finished(_original(rendered, size), said, list(files), self.policy)

    async def _end(self, image: StoredImage, finished: Finished) -> Ending:
        try:
            return await self.outcomes.done(image.id, image.generation, finished)
        except PermanentError:
            await self.renditions.delete(finished.objects)
            raise

    async def _tidy(self, finished: Finished, ending: Ending, stored: StoredObject) -> None:
        """Delete what nobody needs after an ending."""
        await self.renditions.delete(ending.stale)
        if ending.kind in ("overtaken", "gone"):
            await self.renditions.delete(finished.objects)
        if ending.kind == "gone":
            await self.originals.delete(stored.name, stored.generation)


def _original(rendered: Rendered, size: int) -> dict[str, Any]:
    return {
        "media_type": rendered.media_type,
        "width": rendered.width,
        "height": rendered.height,
        "bytes": size,
        "frames": rendered.frames,
    }


def _said(rendition: Rendition, url: str, original_bytes: int) -> dict[str, Any]:
    size = len(rendition.data)
    return {
        "name": rendition.name,
        "url": url,
        "media_type": rendition.media_type,
        "width": rendition.width,
        "height": rendition.height,
        "bytes": size,
        "saving": round(1 - size / original_bytes, 3),
    }
