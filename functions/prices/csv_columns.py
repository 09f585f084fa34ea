"""CSV as columns: Arrow reads the records that are whole lines, and well-formed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from functions.prices.blocks import MAX_RECORD_BYTES, Block
from functions.prices.csv_records import MAX_RECORD_LINES, WELL_FORMED, fields_of, record_at
from functions.prices.lines import Fault
from functions.prices.parsing import Parsed, with_line_feeds

# What has few different values, so that each need be looked at once.
_REPEATED = {"store_id", "currency", "available", "category_id"}
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class CsvFormat:
    """CSV with these columns, in their order."""

    columns: Sequence[str]

    def parse(self, block: Block) -> Parsed:
        """See :class:`functions.prices.parsing.Format`."""
        data = with_line_feeds(block)
        lines = pc.split_pattern(pa.scalar(data, pa.binary()), "\n").values[:-1]
        clear = _are_clear(lines, data)
        joined, unread = _joined(lines, pc.indices_nonzero(pc.invert(clear)).to_pylist(), block.is_last)
        if unread:
            lines, clear = lines[:-unread], clear[:-unread]
        inside = {index for first, record in joined.items() for index in _lines_behind(first, record)}
        plain = pc.and_(pc.and_(clear, _are_filled(lines)), _all_but(inside, len(lines)))
        rows = pc.indices_nonzero(plain)
        columns, ragged = self._read(_text(lines.filter(plain)) if len(rows) < len(lines) or unread else data)
        plain = pc.and_(plain, _all_but(rows.take(ragged).to_pylist(), len(lines)))
        done = pc.or_(plain, pc.equal(pc.binary_length(lines), 0))
        return Parsed(
            lines=len(lines),
            columns=columns,
            rows=pc.indices_nonzero(plain),
            others=sorted(set(pc.indices_nonzero(pc.invert(done)).to_pylist()) - inside),
            record=lambda index: joined.get(index) or lines[index].as_py(),
            unread=unread,
        )

    def values(self, record: str) -> Mapping[str, Any] | Fault:
        """See :class:`functions.prices.parsing.Format`."""
        fields = fields_of(record)
        if isinstance(fields, Fault):
            return fields
        if len(fields) != len(self.columns):
            return Fault(None, f"has {len(fields)} fields where the header has {len(self.columns)}")
        return dict(zip(self.columns, fields, strict=True))

    def _read(self, data: bytes) -> tuple[Mapping[str, pa.Array], pa.Array]:
        """The columns of well-formed lines, and the indices of those that have too few fields or too many."""
        ragged: list[int] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            ragged.append(row.number - 1)
            return "skip"

        types = {name: _DICTIONARY if name in _REPEATED else pa.string() for name in self.columns}
        # In one chunk and one thread: only then are the numbers of rows known.
        options = pa_csv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=list(self.columns)
        )
        parsing = pa_csv.ParseOptions(invalid_row_handler=skip)
        conversion = pa_csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False)
        table = pa_csv.read_csv(pa.BufferReader(data or b"\n"), options, parsing, conversion)
        columns = {name: table[name].cast(types[name]).combine_chunks() for name in self.columns}
        return columns, pa.array(ragged, pa.int64())


def _are_clear(lines: pa.Array, data: bytes) -> pa.Array:
    """Which lines are well-formed UTF-8: records by themselves, unless they are inside of one that began before."""
    clear = _are_text(lines)
    # Arrow takes a lone CR for the end of a line.
    for suspect in ("\r", '"'):
        if suspect.encode() in data:
            free = pc.less(pc.find_substring(lines, suspect), 0)
            clear = pc.and_(clear, free if suspect == "\r" else _well_formed(lines, free))
    return clear


def _well_formed(lines: pa.Array, unquoted: pa.Array) -> pa.Array:
    quoted = lines.filter(pc.invert(unquoted))
    return pc.replace_with_mask(unquoted, pc.invert(unquoted), pc.match_substring_regex(quoted, WELL_FORMED))


def _joined(lines: pa.Array, unclear: Sequence[int], is_last: bool) -> tuple[dict[int, bytes], int]:
    """The records of several lines by their first, and how many of the last lines are one that is not all there."""
    joined: dict[int, bytes] = {}
    behind = 0
    for index in unclear:
        if index < behind:
            continue
        record = record_at(lines[index : index + MAX_RECORD_LINES].to_pylist(), is_last)
        if record is None:
            return joined, len(lines) - index
        if b"\n" in record:
            joined[index] = record
            behind = index + 1 + record.count(b"\n")
    return joined, 0


def _lines_behind(first: int, record: bytes) -> range:
    """The indices of a record's lines after its first."""
    return range(first + 1, first + 1 + record.count(b"\n"))


def _text(lines: pa.Array) -> bytes:
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    text: bytes = pc.binary_join(whole, pa.scalar(b"\n"))[0].as_py()
    return text


def _are_filled(lines: pa.Array) -> pa.Array:
    """Which lines are neither empty nor longer than a record may be."""
    lengths = pc.binary_length(lines)
    return pc.and_(pc.greater(lengths, 0), pc.less_equal(lengths, MAX_RECORD_BYTES))


def _are_text(lines: pa.Array) -> pa.Array:
    """Which lines are UTF-8."""
    try:
        lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array(map(_is_text, lines.to_pylist()), pa.bool_())
    return pa.repeat(True, len(lines))


def _all_but(indices: Collection[int], count: int) -> pa.Array:
    """True ``count`` times, but at ``indices``."""
    if not indices:
        return pa.repeat(True, count)
    return pc.invert(pc.is_in(pa.arange(0, count), pa.array(indices, pa.int64())))


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
