"""A feed as parts: the one way in to all that reads, checks and splits it. Needs no service, and knows none."""

from collections.abc import Iterator
from typing import BinaryIO

from functions.prices.blocks import (
    BLOCK_BYTES,
    MAX_FEED_LINES,
    MAX_RECORD_BYTES,
    Text,
    block_of,
    without_last_lines,
)
from functions.prices.csv_columns import CsvFormat
from functions.prices.csv_records import columns_of
from functions.prices.feeds import START, Feed, FeedRefusedError, Position
from functions.prices.json_columns import JsonFormat
from functions.prices.parsing import Format
from functions.prices.splitting import Part, part_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parts(stream: BinaryIO, feed: Feed, start: Position = START, size: int = BLOCK_BYTES) -> Iterator[Part]:
    """Read a feed part by part, each of about ``size`` bytes of it, once decompressed.

    What a part holds depends on the feed, on where the part begins and on ``size`` alone: from any part's end, the same
    parts follow. Holds some twenty times ``size`` at a time.

    Args:
        stream: the feed, seekable, compressed by gzip or not.
        start: where to go on: the end of a part.

    Raises:
        FeedRefusedError: no line of the feed is to be used: it is empty, its header is not one, it is no gzip though it
            begins so, or it has more bytes or lines than a feed may have. That may show after some parts.
    """
    text = Text(stream)
    by, beginning = _opened(text, feed)
    position = max(start, beginning)
    text.go_to(position.offset)
    if position == beginning and not text.peek(1):
        raise FeedRefusedError("It has no lines.")
    count = size
    while text.peek(1):
        if position.line > MAX_FEED_LINES:
            raise FeedRefusedError(f"It has more than {MAX_FEED_LINES:,} lines.")
        part = _next(text, by, position, count)
        if part is None:
            # Not even one record: as far as this has come, twice as much.
            count *= 2
            continue
        yield part
        position, count = Position(part.end, part.line), size


def _next(text: Text, by: Format, start: Position, count: int) -> Part | None:
    """The part that begins at ``start``, of at most ``count`` bytes; ``None`` if the first record takes more."""
    ahead = text.peek(count)
    block = block_of(ahead, ends=len(ahead) < count)
    parsed = by.parse(block)
    if parsed.lines == 0:
        return None
    text.advance(len(ahead) if block.is_last else len(without_last_lines(block.lines, parsed.unread)))
    if block.is_cut:
        text.end_line()
    return part_of(parsed, by, start, text.offset - start.offset)


def _opened(text: Text, feed: Feed) -> tuple[Format, Position]:
    """The feed's format, and where its first record begins."""
    mark = _BYTE_ORDER_MARK if text.peek(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK else b""
    text.advance(len(mark))
    if not text.peek(1):
        raise FeedRefusedError("It is empty.")
    if feed.format == "jsonl":
        return JsonFormat(), Position(text.offset, 1)
    header, line_feed, _ = text.peek(MAX_RECORD_BYTES).partition(b"\n")
    text.advance(len(header + line_feed))
    return CsvFormat(columns_of(header.removesuffix(b"\r"))), Position(text.offset, 2)
