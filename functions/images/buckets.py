"""The two buckets: originals, which only the platform reads, and renditions, which everybody does.

Google's client blocks, so each call runs in a thread.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound, PreconditionFailed

from shared.buckets import RETRY_SECONDS, BucketCalls, out_of_reach
from shared.images import original_name

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

# A rendition's name says what is in it, so it never changes.
CACHE_CONTROL = "public, max-age=31536000, immutable"
_SUFFIXES = {
    "image/webp": "webp",
    "image/jpeg": "jpg",
    "image/avif": "avif",
    "image/png": "png",
    "image/gif": "gif",
}
_LISTED = "name,generation,updated"
# A stream goes to the bucket in requests of this size.
_CHUNK_BYTES = 4 * 1024 * 1024

# Deletions that are under way at once: as many as Google's client keeps connections.
_AT_ONCE = 10


@dataclass(frozen=True)
class Original:
    """An original that is there; ``series`` is that of the task which brought it, None for an upload."""

    generation: int
    series: int | None


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it."""

    name: str
    generation: int
    updated: datetime


class Objects:
    """What the two have in common.

    Args:
        retry_seconds: for how long a request is repeated while the bucket is out of reach. Then it is a
            :class:`TransientError`.
    """

    def __init__(self, bucket: "Bucket", retry_seconds: float = RETRY_SECONDS) -> None:
        self._bucket = bucket
        self._calls = BucketCalls(bucket, retry_seconds)

    async def page(self, after: str, limit: int) -> Sequence[Listed]:
        """Up to ``limit`` objects whose names come after ``after``, in order."""
        # The bound is inclusive, so one more is asked for.
        blobs = await self._calls.objects(_LISTED, start_offset=after, max_results=limit + 1)
        return [listed for listed in map(_listed, blobs) if listed.name != after][:limit]

    async def below(self, prefix: str) -> Sequence[Listed]:
        """All objects whose names begin with ``prefix``, in order."""
        return [_listed(blob) for blob in await self._calls.objects(_LISTED, prefix=prefix)]

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        """Delete objects, unless they have been overwritten since they were listed."""
        await self._each((each.name, each.generation) for each in listed)

    async def _each(self, objects: Iterable[tuple[str, int | None]]) -> None:
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str, generation: int | None) -> None:
            async with several:
                await self._delete(name, generation)

        await asyncio.gather(*(one(name, generation) for name, generation in objects))

    async def _delete(self, name: str, generation: int | None) -> None:
        try:
            await self._calls.call(self._bucket.blob(name, generation=generation).delete)
        except NotFound:
            return


class Originals(Objects):
    """The uploads bucket."""

    async def find(self, name: str) -> Original | None:
        """The original of that name, if there is one."""
        blob = await self._calls.call(self._bucket.get_blob, name)
        if blob is None:
            return None
        series = (blob.metadata or {}).get("series", "")
        return Original(int(blob.generation), int(series) if series.isdecimal() else None)

    async def read(self, name: str, generation: int) -> bytes | None:
        """The bytes of one generation; ``None`` if it has been overwritten or deleted."""
        try:
            # As it is stored: what unpacks itself on its way would be as large as its sender likes.
            blob = self._bucket.blob(name, generation=generation)
            data: bytes = await self._calls.call(blob.download_as_bytes, raw_download=True)
        except NotFound:
            return None
        return data

    async def write(self, name: str, media_type: str, chunks: AsyncIterator[bytes], series: int) -> None:
        """Stream an original to the bucket. Nothing of it is kept if ``chunks`` breaks off."""
        blob = self._bucket.blob(name)
        blob.metadata = {"series": str(series)}
        writer: Any = await self._calls.call(
            blob.open, "wb", chunk_size=_CHUNK_BYTES, content_type=media_type
        )
        try:
            async for chunk in chunks:
                with out_of_reach():
                    await asyncio.to_thread(writer.write, chunk)
            with out_of_reach():
                await asyncio.to_thread(writer.close)
        except BaseException:
            # Or the writer would end the upload when it is forgotten. Google forgets what never ends after a week.
            await asyncio.to_thread(writer.terminate)
            raise

    async def rewrite(self, name: str, original: Original, series: int) -> None:
        """Write an original onto itself, as brought in ``series``: a new generation, which is announced anew.

        One that has been overwritten or deleted meanwhile is left alone: that has been announced itself.
        """
        source = self._bucket.blob(name, generation=original.generation)
        target = self._bucket.blob(name)
        target.metadata = {"series": str(series)}
        try:
            await self._calls.call(source.reload)
            target.content_type = source.content_type
            await self._calls.call(target.rewrite, source, if_generation_match=original.generation)
        except (NotFound, PreconditionFailed):
            return

    async def delete(self, name: str, generation: int | None = None) -> None:
        """Delete an original, or one generation of it alone; it may be gone already."""
        await self._delete(name, generation)


class Renditions(Objects):
    """The images bucket, whose objects are at ``url`` for everybody."""

    def __init__(self, bucket: "Bucket", url: str, retry_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(bucket, retry_seconds)
        self._url = url

    def url(self, name: str) -> str:
        """Where everybody finds an object."""
        return f"{self._url}/{name}"

    async def write(self, name: str, media_type: str, data: bytes) -> None:
        """Add a rendition; one of that name that is there already has the same bytes."""
        blob = self._bucket.blob(name)
        blob.cache_control = CACHE_CONTROL
        try:
            await self._calls.call(
                blob.upload_from_string,
                data,
                content_type=media_type,
                if_generation_match=0,
                checksum="crc32c",
            )
        except PreconditionFailed:
            return

    async def delete(self, names: Iterable[str]) -> None:
        """Delete renditions; some may be gone already."""
        await self._each((name, None) for name in names)

    async def of_image(self, product_id: str, image_id: str) -> list[str]:
        """The names of all renditions of an image, of whatever generation."""
        prefix = f"{original_name(product_id, image_id)}/"
        return [blob.name for blob in await self._calls.objects("name", prefix=prefix)]


def _listed(blob: "Blob") -> Listed:
    return Listed(blob.name, int(blob.generation), blob.updated)


def rendition_name(product_id: str, image_id: str, generation: int, media_type: str, data: bytes) -> str:
    """The name of a rendition: below its original's, by the generation it was made of and by its content.

    With the generation in it, who works on an old one never touches what was made of a newer one.
    """
    digest = hashlib.sha256(data).hexdigest()[:32]
    return f"{original_name(product_id, image_id)}/{generation}-{digest}.{_SUFFIXES[media_type]}"
