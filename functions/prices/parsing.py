"""A block of lines as columns, for the lines that are plain enough; what both formats of feeds have in common.

Only where nothing can be misread is a line taken apart here. The format judges every other one by itself, record by
record, and is right by definition.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from functions.prices.blocks import MAX_RECORD_BYTES, Block
from functions.prices.lines import Fault, FeedLine, checked


@dataclass(frozen=True)
class Parsed:
    """A block, taken apart.

    Attributes:
        lines: the physical lines, without LF or CRLF.
        columns: by name, text of equal lengths, null where there is no text; some are dictionaries.
        rows: the index into ``lines`` of each row of the columns.
        others: the indices of the lines that begin a record which is no row.
        joined: the records of more than one line, by the index of the first.
        unread: how many of the last lines belong to a record that goes on behind the block.
    """

    lines: pa.Array
    columns: Mapping[str, pa.Array]
    rows: pa.Array
    others: Sequence[int]
    joined: Mapping[int, bytes] = field(default_factory=dict)
    unread: int = 0

    def record(self, index: int) -> bytes:
        """The record that begins with a line."""
        return self.joined.get(index) or self.lines[index].as_py()


class Format(Protocol):
    """How records are written."""

    def parse(self, block: Block) -> Parsed:
        """A block as columns, and what is left to :meth:`values`."""

    def values(self, record: str) -> Mapping[str, Any] | Fault:
        """One record by its columns, or why it is none."""


def judged(record: bytes, by: Format) -> FeedLine | Fault:
    """What a record says, or what is the matter with it."""
    if len(record) > MAX_RECORD_BYTES:
        return Fault(None, f"is longer than {MAX_RECORD_BYTES:,} bytes")
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return Fault(None, "is not UTF-8 text")
    values = by.values(text)
    return values if isinstance(values, Fault) else checked(values)


def with_line_feeds(block: Block) -> bytes:
    """The lines of a block, each ended by LF alone."""
    # Most feeds have none to replace, and looking takes less than copying.
    return block.lines.replace(b"\r\n", b"\n") if b"\r" in block.lines else block.lines


def lines_of(data: bytes) -> pa.Array:
    """Whole lines, without their line feeds."""
    return pc.split_pattern(pa.scalar(data, pa.binary()), "\n").values[:-1]


def are_filled(lines: pa.Array) -> pa.Array:
    """Which lines are neither empty nor longer than a record may be."""
    lengths = pc.binary_length(lines)
    return pc.and_(pc.greater(lengths, 0), pc.less_equal(lengths, MAX_RECORD_BYTES))


def are_text(lines: pa.Array) -> pa.Array:
    """Which lines are UTF-8."""
    try:
        lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array(map(_is_text, lines.to_pylist()), pa.bool_())
    return pa.repeat(True, len(lines))


def all_but(indices: Collection[int], count: int) -> pa.Array:
    """True ``count`` times, but at ``indices``."""
    if not indices:
        return pa.repeat(True, count)
    return pc.invert(pc.is_in(pa.array(range(count)), pa.array(indices, pa.int64())))


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
