"""A feed as it is once decompressed, some megabytes at a time, cut where lines end."""

import gzip
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from functions.prices.feeds import FeedRefusedError

# A part of a feed, which takes some twenty times as much memory to make.
BLOCK_BYTES = 4 * 2**20
# Of a whole feed, decompressed: some 20 million lines. A gzip file a thousandth as large can hold it.
MAX_FEED_BYTES = 2 * 2**30
# Of a whole feed: a billion lines of next to nothing would be ten thousand parts, and as many requests to write them.
MAX_FEED_LINES = 30_000_000
# Of one record: the longest good one has less than 2 KB.
MAX_RECORD_BYTES = 64 * 2**10
# Of one block: twice as many as it has of ordinary lines. Short ones would take far more memory than their bytes.
MAX_BLOCK_LINES = 100_000
_GZIP_MAGIC = b"\x1f\x8b"


class Text:
    """The bytes of a feed, decompressed if its first bytes say that they are gzip, of one member or many.

    Holds no more than was last asked for.

    Args:
        stream: seekable, at any place.
        limit: in bytes, decompressed.
    """

    def __init__(self, stream: BinaryIO, limit: int = MAX_FEED_BYTES) -> None:
        stream.seek(0)
        self._compressed = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        stream.seek(0)
        self._source = gzip.GzipFile(fileobj=stream) if self._compressed else stream
        self._limit = limit
        self._ahead = b""
        self.offset = 0

    def peek(self, count: int) -> bytes:
        """The next ``count`` bytes, which stay the next; fewer only if the feed ends before.

        Raises:
            FeedRefusedError: the feed is larger than it may be, or its compression is broken.
        """
        pieces, missing = [self._ahead], count - len(self._ahead)
        while missing > 0 and (piece := self._read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self._ahead = b"".join(pieces)
        if self.offset + len(self._ahead) > self._limit:
            raise FeedRefusedError(f"It is larger than {self._limit:,} bytes (decompressed).")
        return self._ahead[:count]

    def advance(self, count: int) -> None:
        """Leave the next ``count`` bytes behind. They were peeked at before."""
        self._ahead = self._ahead[count:]
        self.offset += count

    def go_to(self, offset: int) -> None:
        """Go on at ``offset``, which is not before this. What is compressed is read until there.

        Raises:
            FeedRefusedError: as :meth:`peek`.
        """
        if not self._compressed and offset > self.offset + len(self._ahead):
            self._source.seek(offset)
            self._ahead, self.offset = b"", offset
        while self.offset < offset and (skipped := self.peek(min(BLOCK_BYTES, offset - self.offset))):
            self.advance(len(skipped))

    def end_line(self) -> None:
        """Go on behind the next line feed, however far it is.

        Raises:
            FeedRefusedError: as :meth:`peek`.
        """
        while ahead := self.peek(BLOCK_BYTES):
            found = ahead.find(b"\n")
            self.advance(len(ahead) if found < 0 else found + 1)
            if found >= 0:
                return

    def _read(self, count: int) -> bytes:
        try:
            return self._source.read(count)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FeedRefusedError(f"Its gzip compression is broken: {error}") from error


@dataclass(frozen=True)
class Block:
    """Whole lines, each with its line feed.

    Attributes:
        lines: the last may have been given the line feed that it lacks.
        is_last: no record goes on behind it: the feed ends here, or the last line alone is longer than a record is.
        is_cut: the last line has been shortened, to one byte more than a record may have; its rest is unread.
    """

    lines: bytes
    is_last: bool
    is_cut: bool = False


def block_of(ahead: bytes, ends: bool) -> Block:
    """What there is of whole lines in the next bytes of a feed, up to ``MAX_BLOCK_LINES``.

    Args:
        ends: nothing comes behind them.
    """
    if ahead.count(b"\n") > MAX_BLOCK_LINES:
        behind = ahead.split(b"\n", MAX_BLOCK_LINES)[-1]
        return Block(ahead[: len(ahead) - len(behind)], is_last=False)
    whole = ahead.rfind(b"\n") + 1
    over = len(ahead) - whole
    if over > MAX_RECORD_BYTES:
        return Block(ahead[: whole + MAX_RECORD_BYTES + 1] + b"\n", is_last=True, is_cut=True)
    if ends:
        return Block(ahead + b"\n" if over else ahead, is_last=True)
    return Block(ahead[:whole], is_last=False)


def without_last_lines(lines: bytes, count: int) -> bytes:
    """Whole lines but the last ``count`` of them."""
    end = len(lines)
    for _ in range(count):
        end = lines.rfind(b"\n", 0, end - 1) + 1
    return lines[:end]
