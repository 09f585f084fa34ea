"""A part of a feed: its good lines, by store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from functions.prices.feeds import Position
from functions.prices.lines import BadLine, Fault, FeedLine
from functions.prices.parsing import Format, Parsed, judged
from functions.prices.screening import screened

MAX_BAD_LINES = 1_000


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


def part_of(parsed: Parsed, by: Format, start: Position, size: int) -> Part:
    """The part that a block becomes.

    Args:
        by: the format, which judges what is doubtful.
        start: where the block begins.
        size: how many bytes of the feed it is.
    """
    found = screened(parsed.columns)
    doubtful = parsed.rows.filter(pc.invert(found.sure)).to_pylist()
    good: list[tuple[int, str, str]] = []
    bad: list[BadLine] = []
    for index in sorted([*doubtful, *parsed.others]):
        outcome = judged(parsed.record(index), by)
        if isinstance(outcome, Fault):
            bad.append(BadLine(start.line + index, *outcome))
        else:
            # As text at once: a model takes ten times as much memory, and there may be one for each line.
            good.append((index, outcome.store_id, _text(outcome)))
    content, stores = _by_store(
        # Rows and lines are fewer than bytes in a block: 32 bits hold their numbers, and are the fastest to sort.
        _with(parsed.rows.filter(found.sure).cast(pa.int32()), [index for index, _, _ in good]),
        _with(found.store_ids.filter(found.sure).dictionary_decode(), [store_id for _, store_id, _ in good]),
        _with(found.lines.filter(found.sure), [text for _, _, text in good]),
    )
    return Part(
        content=content,
        stores=stores,
        good=sum(each.lines for each in stores.values()),
        bad=len(bad),
        bad_lines=bad[:MAX_BAD_LINES],
        end=start.offset + size,
        line=start.line + parsed.lines,
    )


def _with(column: pa.Array, more: Sequence[object]) -> pa.Array:
    return pa.concat_arrays([column, pa.array(more, column.type)]) if more else column


def _text(line: FeedLine) -> str:
    """As :mod:`functions.prices.screening` makes it of a row."""
    fields = (
        line.sku,
        line.price,
        line.currency,
        int(line.available),
        line.category_id,
        line.product_id,
        line.name,
    )
    return "\t".join(map(str, fields)) + "\n"


def _by_store(numbers: pa.Array, store_ids: pa.Array, lines: pa.Array) -> tuple[bytes, dict[str, Range]]:
    """The content of a part, and where each store is in it.

    Args:
        numbers: by which the lines are in the order of the feed.
    """
    known = store_ids.dictionary_encode()
    codes = pc.rank(known.dictionary).cast(pa.int32()).take(known.indices)
    # Two stable sorts by small numbers, which need no comparisons: by the feed's order, then by store.
    order = pc.array_sort_indices(numbers)
    order = order.take(pc.array_sort_indices(codes.take(order)))
    ordered = lines.take(order)
    counts = pc.value_counts(codes.take(order)).field("counts").to_pylist()
    behind = pc.cumulative_sum(pc.binary_length(ordered))
    ends = behind.take(pc.subtract(pc.cumulative_sum(pa.array(counts, pa.int64())), 1)).to_pylist()
    ranges = zip([0, *ends], ends, counts, strict=False)
    stores = zip(sorted(known.dictionary.to_pylist()), ranges, strict=True)
    content = ordered.buffers()[2].slice(0, ends[-1]).to_pybytes() if ends else b""
    return content, {store: Range(begin, end - begin, count) for store, (begin, end, count) in stores}
