"""The bytes of objects: files that are written once, each under a name of its own.

A file becomes an object's by the commit of a row that names it, so a process that dies leaves the old object or the
new one, and at most a file that nobody names; the next start removes that.
"""

import asyncio
import base64
import hashlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from .resources import Contents

_CHUNK = 1024 * 1024


class Blobs:
    """A folder of such files; ``folder`` None is a temporary one, which goes when they are closed."""

    def __init__(self, folder: Path | None) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="storage-") if folder is None else None
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._folder.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Remove what is temporary."""
        if self._temporary:
            self._temporary.cleanup()

    def create(self) -> str:
        """The name of a new, empty file."""
        blob = uuid.uuid4().hex
        self._path(blob).touch(exist_ok=False)
        return blob

    def open(self, blob: str) -> BinaryIO:
        """For reading; what is open can be read to its end though the file is removed meanwhile."""
        return self._path(blob).open("rb")

    def size(self, blob: str) -> int:
        """Bytes so far."""
        return self._path(blob).stat().st_size

    async def append(self, blob: str, content: AsyncIterator[bytes]) -> None:
        """Add ``content``; what has come before it breaks off stays."""
        with self._path(blob).open("ab", buffering=0) as file:
            async for chunk in content:
                file.write(chunk)

    async def concatenate(self, blob: str, sources: Iterable[str]) -> None:
        """Add the bytes of other files; they may be removed meanwhile."""
        opened = [self.open(source) for source in sources]
        try:
            await asyncio.to_thread(_pour, opened, self._path(blob))
        finally:
            for file in opened:
                file.close()

    def truncate(self, blob: str, size: int) -> None:
        """Keep the first ``size`` bytes."""
        with self._path(blob).open("r+b") as file:
            file.truncate(size)

    async def contents(self, blob: str) -> Contents:
        """Size and checksums of a file to which nothing will be added."""
        return await asyncio.to_thread(_digest, blob, self._path(blob))

    def remove(self, blob: str) -> None:
        """Forget a file; it may be gone already."""
        self._path(blob).unlink(missing_ok=True)

    def keep_only(self, blobs: Collection[str]) -> None:
        """Remove all others."""
        for path in self._folder.iterdir():
            if path.name not in blobs:
                path.unlink()

    def _path(self, blob: str) -> Path:
        return self._folder / blob


def _pour(sources: Iterable[BinaryIO], path: Path) -> None:
    with path.open("ab", buffering=0) as target:
        for source in sources:
            while chunk := source.read(_CHUNK):
                target.write(chunk)


def _digest(blob: str, path: Path) -> Contents:
    """Read it once more, mostly from the page cache, off the event loop: hashing 25 MB takes tens of milliseconds."""
    md5, crc32c, size = hashlib.md5(usedforsecurity=False), 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            crc32c = google_crc32c.extend(crc32c, chunk)
            size += len(chunk)
    return Contents(
        blob,
        size,
        base64.b64encode(crc32c.to_bytes(4, "big")).decode(),
        base64.b64encode(md5.digest()).decode(),
    )
