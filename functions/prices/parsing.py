"""A block of lines as columns, for the lines that are plain enough; what both formats of feeds have in common.

Only where nothing can be misread is a line taken apart here. The format judges every other one by itself, record by
record, and is right by definition.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from functions.prices.blocks import MAX_RECORD_BYTES, Block
from functions.prices.lines import Fault, FeedLine, checked


@dataclass(frozen=True)
class Parsed:
    """A block, taken apart.

    Attributes:
        lines: how many physical lines were read.
        columns: by name, text of equal lengths, null where there is no text; some are dictionaries.
        rows: for each row of the columns, which of the lines it is.
        others: which lines begin a record that is no row.
        record: the record that begins with a line.
        unread: how many lines behind those belong to a record that goes on behind the block.
    """

    lines: int
    columns: Mapping[str, pa.Array]
    rows: pa.Array
    others: Sequence[int]
    record: Callable[[int], bytes]
    unread: int = 0


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
