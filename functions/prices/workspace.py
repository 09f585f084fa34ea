"""The workspace: a bucket in which the lines of a run wait, part by part, for the updates of their stores.

A part is one object, so that it is either there or not, whoever dies or writes it at the same time: the lines that
:mod:`functions.prices.splitting` made of a piece of the feed, and behind them an index in JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson
from google.api_core.exceptions import NotFound, PreconditionFailed

from functions.prices.feeds import Position
from functions.prices.lines import BadLine
from functions.prices.stores import Range
from shared.buckets import RETRY_SECONDS, BucketCalls
from shared.errors import PermanentError

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

    from functions.prices.splitting import Part

# In the object's metadata: at which byte the index begins.
_INDEX_AT = "index-at"


class StoreRange(NamedTuple):
    """Where a store's lines are in the content of a part, in bytes, and how many they are."""

    offset: int
    length: int
    lines: int


@dataclass(frozen=True)
class PartIndex:
    """What a part says of itself.

    Args:
        end: where the next part begins.
        good, bad: how many lines of the feed are in it, and how many could not be.
        stores: by store.
        bad_lines: the first of the bad ones.
    """

    end: Position
    good: int
    bad: int
    stores: Mapping[str, StoreRange]
    bad_lines: Sequence[BadLine]

    @classmethod
    def of(cls, part: "Part") -> "PartIndex":
        """The index of a part that is to be written."""
        stores = {store: StoreRange(*where) for store, where in part.stores.items()}
        return cls(Position(part.end, part.line), part.good, part.bad, stores, part.bad_lines)

    def encode(self) -> bytes:
        """As it stands behind the lines."""
        return orjson.dumps(self, default=tuple)

    @classmethod
    def decode(cls, content: bytes) -> "PartIndex":
        """The way back from :meth:`encode`."""
        fields = orjson.loads(content)
        return cls(
            end=Position(*fields["end"]),
            good=fields["good"],
            bad=fields["bad"],
            stores={store: StoreRange(*where) for store, where in fields["stores"].items()},
            bad_lines=[BadLine(*line) for line in fields["bad_lines"]],
        )


class Workspace:
    """Writes parts, and reads their indexes and lines.

    Args:
        retry_seconds: for how long a request is repeated while the bucket is out of reach. Then it is a
            :class:`~shared.errors.TransientError`.
    """

    def __init__(self, bucket: "Bucket", retry_seconds: float = RETRY_SECONDS) -> None:
        self._calls = BucketCalls(bucket, retry_seconds)

    async def count(self, run_id: str) -> int:
        """How many parts of a run are there: one request for each thousand."""
        blobs = await self._calls.objects("name", prefix=_folder(run_id))
        names = {blob.name for blob in blobs}
        # Up to the first gap, which is there only if somebody deleted a part: what is behind it is written again.
        return next(number for number in range(len(names) + 1) if _name(run_id, number) not in names)

    async def add(self, run_id: str, number: int, part: "Part") -> PartIndex:
        """Write a part, unless one of this number is there.

        Returns:
            The index of what is there now: of this part, or of one that somebody else has written meanwhile.
        """
        index = PartIndex.of(part)
        blob = self._calls.bucket.blob(_name(run_id, number))
        blob.metadata = {_INDEX_AT: str(len(part.content))}
        data = b"".join((part.content, index.encode()))
        try:
            await self._calls.call(
                blob.upload_from_string,
                data,
                content_type="text/tab-separated-values",
                if_generation_match=0,
                checksum="crc32c",
            )
        except PreconditionFailed:
            return await self.index(run_id, number)
        return index

    async def index(self, run_id: str, number: int) -> PartIndex:
        """The index of a part: two requests.

        Raises:
            PermanentError: there is no such part.
        """
        blob = self._calls.bucket.blob(_name(run_id, number))
        try:
            await self._calls.call(blob.reload)
            start = int((blob.metadata or {})[_INDEX_AT])
            content = await self._calls.call(blob.download_as_bytes, start=start, raw_download=True)
        except NotFound as error:
            raise _gone(run_id) from error
        return PartIndex.decode(content)

    async def lines(self, run_id: str, where: Range) -> bytes:
        """Lines of a store, as :func:`functions.prices.lines_of_parts.read_lines` takes them: one request.

        Raises:
            PermanentError: they are not there any more.
        """
        blob = self._calls.bucket.blob(_name(run_id, where.part))
        end = where.offset + where.length - 1
        try:
            content: bytes = await self._calls.call(
                blob.download_as_bytes, start=where.offset, end=end, raw_download=True
            )
        except NotFound as error:
            raise _gone(run_id) from error
        return content


def _folder(run_id: str) -> str:
    return f"runs/{run_id}/parts/"


def _name(run_id: str, number: int) -> str:
    return f"{_folder(run_id)}{number:05d}.tsv"


def _gone(run_id: str) -> PermanentError:
    return PermanentError(f"The lines of run {run_id} are not kept any more. Send the feed again.")
