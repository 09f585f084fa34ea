"""Objects that no image knows any more: what was written by somebody who was killed before he could delete it.

Names of objects are walked in order, for some minutes a day; where a walk ends, the next one begins.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from functions.images.buckets import Listed
from shared.clock import Clock
from shared.images import Images, StoredImage, image_of

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

FUNCTION = "image-orphan-sweeper"
COLLECTION = "image_walks"
_PAGE = 500
# In each bucket a day. A page is a listing, a write and a read for each image that it has objects of, and takes about a
# third of a second: some 200,000 objects.
_WALKED_FOR = timedelta(minutes=2)
# Younger ones may belong to somebody who is still at it: Eventarc delivers an event for a day.
OLD = timedelta(days=2)


class Bucket(Protocol):
    """What this needs of a bucket."""

    async def page(self, after: str, limit: int) -> Sequence[Listed]:
        """Up to ``limit`` objects whose names come after ``after``, in order."""

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        """Delete objects, unless they have been overwritten since they were listed."""


Known = Callable[[Listed, StoredImage | None], bool]


def is_original(listed: Listed, image: StoredImage | None) -> bool:
    """Whether an object of the uploads bucket belongs to an image."""
    return image is not None


def is_rendition(listed: Listed, image: StoredImage | None) -> bool:
    """Whether an object of the images bucket belongs to an image, as it is now."""
    return image is not None and listed.name in image.renditions


def image_id_of(name: str) -> str | None:
    """The image that an object of either bucket is of; ``None`` for one of somebody else's, which is left alone."""
    ids = image_of("/".join(name.split("/")[:3]))
    return ids[1] if ids else None


@dataclass(frozen=True)
class Walk:
    """A bucket to walk.

    Args:
        name: under which the place of the walk is kept.
        known: whether an object belongs to somebody.
    """

    name: str
    bucket: Bucket
    known: Known


@dataclass(frozen=True)
class OrphanSweeper:
    """Deletes orphans: a listing and up to 500 reads a page."""

    db: "AsyncClient"
    images: Images
    walks: Sequence[Walk]
    clock: Clock

    async def sweep(self) -> dict[str, int]:
        """Walk on in each bucket; how many objects were deleted in each."""
        return {walk.name: await self._walk(walk) for walk in self.walks}

    async def _walk(self, walk: Walk) -> int:
        place = self.db.collection(COLLECTION).document(walk.name)
        after = ((await place.get()).to_dict() or {}).get("after", "")
        deleted = 0
        until = self.clock() + _WALKED_FOR
        while True:
            page = await walk.bucket.page(after, _PAGE)
            orphans = await self._orphans(page, walk.known)
            await walk.bucket.delete_listed(orphans)
            deleted += len(orphans)
            # At the end, the next walk begins from the start.
            after = page[-1].name if len(page) == _PAGE else ""
            await place.set({"after": after, "walked_at": self.clock()})
            if not after or self.clock() >= until:
                break
        if deleted:
            _log.warning("images.orphans_deleted", extra={"bucket": walk.name, "objects": deleted})
        return deleted

    async def _orphans(self, page: Sequence[Listed], known: Known) -> list[Listed]:
        ids = {listed.name: image_id_of(listed.name) for listed in page if _is_old(listed, self.clock())}
        images = await self.images.several(sorted({image_id for image_id in ids.values() if image_id}))
        return [listed for listed in page if _is_orphan(listed, ids, images, known)]


def _is_old(listed: Listed, now: datetime) -> bool:
    return listed.updated < now - OLD


def _is_orphan(
    listed: Listed, ids: Mapping[str, str | None], images: Mapping[str, StoredImage], known: Known
) -> bool:
    image_id = ids.get(listed.name)
    return image_id is not None and not known(listed, images.get(image_id))
