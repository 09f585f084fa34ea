"""CSV as feeds have it: RFC 4180, with its lines ended by LF or CRLF, and with quotes inside of unquoted fields.

A field is quoted if it begins with a quote, ends at the closing one, and holds quotes doubled. In any other field a
quote is a character as any other, since names have inches. A record is the shortest run of lines that is well-formed,
of at most ``MAX_RECORD_LINES``. If there is none, its first line is bad and the next line begins a record: a quote that
is never closed costs one line, not the rest of the feed.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence

from functions.prices.blocks import MAX_RECORD_BYTES
from functions.prices.feeds import COLUMNS, OPTIONAL, FeedRefusedError
from functions.prices.lines import LONGEST_COLUMN, Fault

# No good record has a line feed but at the edge of its name, where it is trimmed away.
MAX_RECORD_LINES = 8

# RE2's language as well as Python's: both read it.
_FIELD = r'(?:"(?:[^"]|"")*"|[^",\r\n][^,\r\n]*|)'
WELL_FORMED = rf"^{_FIELD}(?:,{_FIELD})*$"

# The same with atomic groups, so that nothing is tried twice, and what a record looks like whose last quote is open.
_ATOMIC_FIELD = r'(?>"(?>[^"]+|"")*"|[^",\r\n][^,\r\n]*|)'
_RECORD = re.compile(rf"{_ATOMIC_FIELD}(?>,{_ATOMIC_FIELD})*".encode())
_OPEN = re.compile(rf'(?>{_ATOMIC_FIELD},)*"(?>[^"]+|"")*'.encode())

_MALFORMED = Fault(
    None,
    "is no CSV record: a quoted field is not closed, text follows its closing quote, or a carriage return is in it",
)


def record_at(lines: Sequence[bytes], is_last: bool) -> bytes | None:
    """The record that begins with the first of ``lines``.

    Args:
        lines: without their line feeds; no more than ``MAX_RECORD_LINES`` are looked at.
        is_last: the feed ends with them.

    Returns:
        The record, or its first line if there is none; ``None`` if more lines are needed to tell.
    """
    record = b""
    for count, line in enumerate(lines[:MAX_RECORD_LINES]):
        record = record + b"\n" + line if count else line
        if _RECORD.fullmatch(record):
            return record
        if len(record) > MAX_RECORD_BYTES or not _OPEN.fullmatch(record):
            return lines[0]
    return lines[0] if is_last or len(lines) >= MAX_RECORD_LINES else None


def fields_of(record: str) -> list[str] | Fault:
    """The fields of a record, unquoted."""
    if not _RECORD.fullmatch(record.encode()):
        return _MALFORMED
    return next(csv.reader([record]))


def columns_of(header: bytes) -> Sequence[str]:
    """The columns that a feed's first line names, in their order.

    Raises:
        FeedRefusedError: they are not what a feed has.
    """
    try:
        names = fields_of(header.decode())
    except UnicodeDecodeError:
        raise FeedRefusedError("Its header is not UTF-8 text.") from None
    if isinstance(names, Fault):
        raise FeedRefusedError(f"Its header {names.reason}.")
    shown = [name[:LONGEST_COLUMN] for name in names]
    wrong = [
        *(f"{name!r} is missing" for name in COLUMNS if name not in names and name not in OPTIONAL),
        *(f"{name!r} is there twice" for name, count in Counter(shown).items() if count > 1),
        *(f"{name!r} is unknown" for name in dict.fromkeys(shown) if name not in COLUMNS),
    ]
    if wrong:
        raise FeedRefusedError(
            f"Its header must name the columns, between commas: {', '.join(wrong)}."[:1_000]
        )
    return names
