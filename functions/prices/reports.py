"""Reports: the bad lines of a feed, for its retailer, as one JSON object a line."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from functions.prices.lines import BadLine

MAX_LISTED = 100_000
"""Bad lines in one report. Who has more of them has one mistake many times."""


class Report:
    """Collects bad lines in the order of the feed, the first :data:`MAX_LISTED`: some tens of megabytes at most."""

    def __init__(self, max_listed: int = MAX_LISTED) -> None:
        self._max_listed = max_listed
        self._listed = 0
        self._text = bytearray()

    def add(self, bad_lines: Iterable[BadLine]) -> None:
        """List more bad lines, as far as there is room."""
        for bad_line in bad_lines:
            if self._listed == self._max_listed:
                return
            self._listed += 1
            self._text += _line(bad_line._asdict())

    def content(self, bad: int) -> bytes:
        """The report.

        Args:
            bad: how many bad lines there are. If they are not all listed, the last line of the report says so.
        """
        unlisted = bad - self._listed
        note = {"line": None, "column": None, "reason": f"{unlisted:,} more bad lines are not listed"}
        return b"".join((self._text, _line(note) if unlisted else b""))


def _line(content: Mapping[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
