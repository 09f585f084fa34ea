"""A part of a feed: its good lines, by store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from functions.prices.lines import BadLine


class Range(NamedTuple):
    """Where a store's lines are in a part: an offset and a length in bytes, and how many lines they are."""

    offset: int
    length: int
    lines: int


@dataclass(frozen=True)
class Part:
    """What has become of one block of a feed.

    Attributes:
        content: the good lines, as :func:`functions.prices.lines_of_parts.read_lines` reads them: by store, and each
            store's in the order of the feed.
        stores: where each store's lines are in it.
        good: how many lines are good.
        bad: how many are not.
        bad_lines: the first ``MAX_BAD_LINES`` of these.
        end: where the next part begins, in bytes of the decompressed feed.
        line: the number of the physical line that begins there.
    """

    content: bytes
    stores: Mapping[str, Range]
    good: int
    bad: int
    bad_lines: Sequence[BadLine]
    end: int
    line: int
