"""Feeds to read: ordinary ones, odd ones, and what they say when they are read one record at a time."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import Any

from hypothesis import strategies as st

from functions.prices.blocks import BLOCK_BYTES
from functions.prices.csv_columns import CsvFormat
from functions.prices.csv_records import columns_of, record_at
from functions.prices.feeds import COLUMNS, START, Feed, Position
from functions.prices.json_columns import JsonFormat
from functions.prices.lines import BadLine, Fault
from functions.prices.lines_of_parts import Line, read_lines
from functions.prices.parsing import judged
from functions.prices.reading import parts
from functions.prices.splitting import Part

GOOD = {
    "store_id": "store-1",
    "sku": "A-1",
    "price": "12.50",
    "currency": "EUR",
    "available": "true",
    "name": "Milk",
    "category_id": "dairy",
    "product_id": "p1",
}
HEADER = ",".join(COLUMNS) + "\n"


@dataclass
class Said:
    """What a feed says: the lines of each store in the feed's order, and the lines that are no use."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)


def csv_line(**changes: str) -> str:
    return ",".join((GOOD | changes).values()) + "\n"


def feed(kind: str) -> Feed:
    found = Feed.of(f"feeds/grocer/prices.{kind}")
    assert found is not None
    return found


def read(text: bytes, kind: str = "csv", size: int = BLOCK_BYTES, start: Position = START) -> list[Part]:
    return list(parts(BytesIO(text), feed(kind), start, size))


def said(found: Sequence[Part]) -> Said:
    """What parts say, each as a task reads it: a range at a time."""
    everything = Said()
    for part in found:
        everything.bad += part.bad_lines
        for store_id, (offset, length, count) in part.stores.items():
            lines = read_lines(part.content[offset : offset + length])
            assert len(lines) == count
            everything.lines.setdefault(store_id, []).extend(lines)
        assert part.good == sum(each.lines for each in part.stores.values())
        assert len(part.content) == sum(each.length for each in part.stores.values())
    return everything


def told(text: bytes, kind: str = "csv") -> Said:
    """What a feed says when each record is judged by itself."""
    everything = Said()
    whole = text if text.endswith(b"\n") else text + b"\n"
    lines = whole.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")[:-1]
    number = 1
    by: CsvFormat | JsonFormat = JsonFormat()
    if kind == "csv":
        by, number, lines = CsvFormat(columns_of(lines[0])), 2, lines[1:]
    while lines:
        record = (record_at(lines, is_last=True) or b"") if kind == "csv" else lines[0]
        outcome = judged(record, by) if record else None
        if isinstance(outcome, Fault):
            everything.bad.append(BadLine(number, *outcome))
        elif outcome:
            line = Line(*(getattr(outcome, name) for name in Line._fields))
            everything.lines.setdefault(outcome.store_id, []).append(line)
        count = record.count(b"\n") + 1
        number, lines = number + count, lines[count:]
    return everything


# What may be in a column, good or not.
_CELLS = {
    "store_id": ["store-2", "a_b_", "_a", "", "a b", "é", "x" * 64, "x" * 65],
    "sku": ["B/2", "", "x y", 'q"q', "q'q", "x" * 64, "x" * 65, "ä", "a\n"],
    "price": [
        *(
            "0",
            "007.5",
            "12.500",
            "1.",
            ".5",
            "1e3",
            "-1",
            "+1",
            "1,5",
            "12.505",
            "12.0001",
            "",
            " 1",
            "٣",
            "1\n",
        ),
        *("999999999999.99", "1234567890123", "1" + "0" * 30, "0." + "0" * 300),
    ],
    "currency": ["JPY", "KWD", "CLF", "eur", "XXX", "XAU", "", "978", "EUR "],
    "available": ["FALSE", "Yes", "0", "1", "no", "maybe", "", " true", "YEſ"],
    "name": [
        *(
            " Milk ",
            "\u3000Milk",
            "\u00a0Milk",
            "Milk\n",
            "Mi\nlk",
            "\r\nMilk",
            'TV 40"',
            '"',
            "a,b",
            "",
            " ",
            "\t",
        ),
        *(
            "x" * 200,
            "é" * 200,
            "x" * 201,
            "x" * 70_000,
            "a\tb",
            "a\u2028b",
            "a\x85b",
            "\x00",
            "\r",
            "\ufeff",
            "a\r",
        ),
        *("a\u200bb", "\u200b", "Crème brûlée 牛奶 🥛", "\U000e0001", "a\x1f"),
    ],
    "category_id": ["tea", "", "a.b", "x" * 65],
    "product_id": ["", "p-1", "x" * 64, "x" * 65],
}
_JSON_CELLS: dict[str, list[Any]] = {
    "price": [12, 12.5, 0.1 + 0.2, 1e3, 1e22, 2**70, 123456789012.345, -0.0, True, None, [], {}],
    "available": [True, False, 1, 0, 1.0, 2, None],
    "product_id": [None, 1, True],
    "name": [None, 1, "\\", "{}"],
    "store_id": [1, None],
}
_ENDINGS = st.sampled_from(["\n", "\n", "\r\n", "\n\n"])
_NOISE = st.text('",\n\r a1é\0\\{}:', max_size=30) | st.sampled_from([*GOOD.values()])


def _row(cells: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A good row, in which some columns may say something else."""
    changes = [st.tuples(st.just(name), st.sampled_from(values)) for name, values in cells.items()]
    return st.lists(st.one_of(changes), max_size=2).map(lambda changed: GOOD | dict(changed))


@st.composite
def _csv_lines(draw: st.DrawFn) -> str:
    row, quoting = draw(_row(_CELLS)), draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, None]))
    cells = list(row.values())[: draw(st.sampled_from([8, 8, 8, 8, 8, 8, 7]))]
    if quoting is None:
        return ",".join(cells) + draw(_ENDINGS)
    written = StringIO()
    csv.writer(written, quoting=quoting, lineterminator=draw(_ENDINGS)).writerow(cells)
    return written.getvalue()


@st.composite
def _json_lines(draw: st.DrawFn) -> str:
    row = draw(_row({name: [*values, *_JSON_CELLS.get(name, [])] for name, values in _CELLS.items()}))
    dropped, added = draw(st.sampled_from([*[()] * 9, *GOOD])), draw(st.sampled_from([{}] * 9 + [{"x": 1}]))
    members = {name: value for name, value in row.items() if name != dropped} | added
    return json.dumps(members, ensure_ascii=draw(st.booleans())) + draw(_ENDINGS)


@st.composite
def _texts(draw: st.DrawFn, lines: st.SearchStrategy[str], header: str) -> bytes:
    mark = draw(st.sampled_from(["", "\ufeff"]))
    pieces = draw(st.lists(st.one_of(lines, lines, lines, _NOISE), min_size=1, max_size=12))
    text = (mark + header + "".join(pieces)).encode()
    broken = draw(st.one_of(st.none(), st.integers(len(mark.encode() + header.encode()), len(text))))
    return text if broken is None else text[:broken] + b"\xff" + text[broken:]


csv_texts = _texts(_csv_lines(), HEADER)
json_texts = _texts(_json_lines(), "")
