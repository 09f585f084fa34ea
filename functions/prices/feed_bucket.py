"""The bucket in which retailers drop their feeds, and we our reports beside them."""

import io
from typing import TYPE_CHECKING, BinaryIO

from google.api_core.exceptions import NotFound, PreconditionFailed

from functions.prices.feeds import FeedRefusedError
from shared.buckets import RETRY_SECONDS, BucketCalls
from shared.errors import TransientError
from shared.events import StoredObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from google.cloud.storage import Bucket

# A feed comes in requests of this size; one of them is in memory.
_RANGE_BYTES = 4 * 1024 * 1024


class FeedBucket:
    """Opens feeds and writes reports.

    Args:
        retry_seconds: for how long a request is repeated while the bucket is out of reach. Then it is a
            :class:`~shared.errors.TransientError`.
        range_bytes: how much of a feed a request asks for.
    """

    def __init__(
        self, bucket: "Bucket", retry_seconds: float = RETRY_SECONDS, range_bytes: int = _RANGE_BYTES
    ) -> None:
        self._calls = BucketCalls(bucket, retry_seconds)
        self._range_bytes = range_bytes

    def open(self, stored: StoredObject) -> BinaryIO:
        """One generation of a feed, as its bytes are stored. Asks for nothing yet.

        Reading blocks, so it is to be done in a thread. It raises :class:`FeedRefusedError` once the generation has
        been overwritten or deleted, and :class:`~shared.errors.TransientError` while the bucket is out of reach.
        """
        return io.BufferedReader(_Ranges(self._calls, stored, self._range_bytes))

    async def write_report(self, name: str, content: bytes) -> None:
        """Write a report, unless it is there: a generation of a feed has one."""
        blob = self._calls.bucket.blob(name)
        try:
            await self._calls.call(
                blob.upload_from_string,
                content,
                content_type="application/x-ndjson",
                if_generation_match=0,
                checksum="crc32c",
            )
        except PreconditionFailed:
            return


class _Ranges(io.RawIOBase):
    """The bytes of an object, asked for in ranges from wherever they are wanted.

    They come as they are stored: what says that it is gzip, by its Content-Encoding, would else be decompressed on its
    way, and then it has no ranges and as many bytes as its sender likes. Google keeps no checksums of ranges; that one
    is whole is seen by its length, and TLS sees to the rest.
    """

    def __init__(self, calls: BucketCalls, stored: StoredObject, range_bytes: int) -> None:
        super().__init__()
        self._calls = calls
        self._blob = calls.bucket.blob(stored.name, generation=stored.generation)
        self._size = stored.size
        self._range_bytes = range_bytes
        self._position = 0
        self._loaded, self._loaded_at = memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        if self._position >= self._size or not target:
            return 0
        start = self._position - self._loaded_at
        if not 0 <= start < len(self._loaded):
            self._load()
            start = 0
        found = self._loaded[start : start + len(target)]
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _load(self) -> None:
        # Given up first, or two of them would be in memory.
        self._loaded, self._loaded_at = memoryview(b""), self._position
        end = min(self._position + self._range_bytes, self._size)
        download = self._blob.download_as_bytes
        try:
            content: bytes = self._calls.call_blocking(
                download, start=self._position, end=end - 1, raw_download=True, checksum=None
            )
        except NotFound as error:
            raise FeedRefusedError(
                "It was overwritten or deleted before it had been read to its end."
            ) from error
        if len(content) != end - self._position:
            raise TransientError("A part of the feed came incomplete.")
        self._loaded = memoryview(content)
