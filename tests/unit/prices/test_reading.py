"""The laws of reading: by columns or line by line, at once or in parts, from the beginning or from where it ended."""

import csv
import gzip
import json
from io import StringIO
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.prices.feeds import COLUMNS, FeedRefusedError, Position
from functions.prices.lines_of_parts import Line
from functions.prices.splitting import MAX_BAD_LINES
from tests.unit.prices.feed_texts import (
    GOOD,
    HEADER,
    Said,
    csv_line,
    csv_texts,
    json_texts,
    read,
    said,
    told,
)

# From less than a line to more than a whole feed.
SIZES = st.sampled_from([40, 150, 300, 1_000, 1_000_000])
EXAMPLES = settings(max_examples=40)


def outcome(text: bytes, kind: str, size: int) -> Said | str:
    try:
        return said(read(text, kind, size))
    except FeedRefusedError as error:
        return str(error)


@EXAMPLES
@given(csv_texts, SIZES)
def test_columns_of_csv_say_what_each_line_says(text: bytes, size: int) -> None:
    assert outcome(text, "csv", size) in (told(text, "csv"), "It has no lines.")


@EXAMPLES
@given(json_texts, SIZES)
def test_columns_of_json_say_what_each_line_says(text: bytes, size: int) -> None:
    assert outcome(text, "jsonl", size) in (told(text, "jsonl"), "It has no lines.", "It is empty.")


@settings(max_examples=15)
@given(csv_texts, st.sampled_from([40, 300]), st.booleans())
def test_from_the_end_of_any_part_the_same_parts_follow(text: bytes, size: int, compressed: bool) -> None:
    stored = gzip.compress(text) if compressed else text
    try:
        found = read(stored, size=size)
    except FeedRefusedError:
        return
    for number, part in enumerate(found, start=1):
        assert read(stored, size=size, start=Position(part.end, part.line)) == found[number:]


# Apart from line feeds at their edges, as names are trimmed.
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=20).filter(
    str.strip
)
ITEMS = st.tuples(st.sampled_from(["north", "south"]), st.text("aZ09._:/#+@", min_size=1, max_size=9), NAMES)


@settings(max_examples=25)
@given(st.lists(ITEMS, min_size=1, max_size=20), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), SIZES)
def test_what_a_csv_writer_has_written_is_read(
    items: list[tuple[str, str, str]], quoting: Literal[0, 1], size: int
) -> None:
    written = StringIO()
    writer = csv.DictWriter(written, COLUMNS, quoting=quoting)
    writer.writeheader()
    for store_id, sku, name in items:
        writer.writerow(GOOD | {"store_id": store_id, "sku": sku, "name": name})
    found = said(read(written.getvalue().encode(), size=size))
    assert not found.bad
    for store in ("north", "south"):
        expected = [(sku, name.strip()) for store_id, sku, name in items if store_id == store]
        assert [(line.sku, line.name) for line in found.lines.get(store, [])] == expected


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_file_of_several_gzip_members_is_read_to_its_end(size: int) -> None:
    text = gzip.compress((HEADER + csv_line(sku="A")).encode()) + gzip.compress(csv_line(sku="B").encode())
    (lines,) = said(read(text, size=size)).lines.values()
    assert [line.sku for line in lines] == ["A", "B"]


@pytest.mark.parametrize(
    ("price", "units"), [("0.1", 10), ("12", 1_200), ("1e3", 100_000), ("19.990", 1_999), ('"0.10"', 10)]
)
def test_a_price_is_the_number_that_was_written(price: str, units: int) -> None:
    line = json.dumps(GOOD).replace('"12.50"', price)
    ((found,),) = said(read(line.encode(), "jsonl")).lines.values()
    assert found.price == units


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({"price": "007.5"}, "price", 750),
        ({"price": "1200", "currency": "JPY"}, "price", 1_200),
        ({"price": "1.234", "currency": "KWD"}, "price", 1_234),
        ({"price": "999999999999.9999", "currency": "CLF"}, "price", 9_999_999_999_999_999),
        ({"available": "YES"}, "available", True),
        ({"available": "False"}, "available", False),
        ({"name": " Milk "}, "name", "Milk"),
        ({"name": '"Milk, fresh"'}, "name", "Milk, fresh"),
        ({"name": 'TV 40"'}, "name", 'TV 40"'),
        ({"product_id": ""}, "product_id", ""),
    ],
)
def test_what_a_column_may_say(changed: dict[str, str], column: str, value: object) -> None:
    ((found,),) = said(read((HEADER + csv_line(**changed)).encode())).lines.values()
    assert getattr(found, column) == value


@pytest.mark.parametrize("price", ["0.30000000000000004", "1234567890123456", "true", "1e-7", "[1]"])
def test_a_price_that_no_number_says_exactly_is_bad(price: str) -> None:
    line = json.dumps(GOOD).replace('"12.50"', price)
    ((number, column, _),) = said(read(line.encode(), "jsonl")).bad
    assert (number, column) == (1, "price")


def test_columns_may_be_in_any_order_and_the_product_may_be_left_out() -> None:
    names = [name for name in reversed(COLUMNS) if name != "product_id"]
    text = f"{','.join(names)}\n{','.join(GOOD[name] for name in names)}\n"
    ((found,),) = said(read(text.encode())).lines.values()
    assert found == Line("A-1", 1_250, "EUR", True, "dairy", "", "Milk")


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"sku": "A 1"}, "sku"),
        ({"price": "12,50"}, None),
        ({"price": "1.005"}, "price"),
        ({"currency": "EURO"}, "currency"),
        ({"available": "perhaps"}, "available"),
        ({"name": "a\tb"}, "name"),
        ({"store_id": ""}, "store_id"),
        ({"store_id": "__a__"}, "store_id"),
        ({"store_id": "", "sku": ""}, "store_id"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_its_first_bad_column(
    changed: dict[str, str], column: str | None
) -> None:
    text = HEADER + csv_line() + "\n" + csv_line(name='"Mi\nlk"') + csv_line(**changed) + csv_line()
    bad = said(read(text.encode())).bad
    assert [(line.line, line.column) for line in bad] == [(4, "name"), (6, column)]


def test_only_the_first_bad_lines_of_a_part_are_kept() -> None:
    (part,) = read((HEADER + "x\n" * (MAX_BAD_LINES + 1)).encode())
    assert (part.bad, len(part.bad_lines)) == (MAX_BAD_LINES + 1, MAX_BAD_LINES)
