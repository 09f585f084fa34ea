"""Feeds that nobody should drop: each costs what is wrong with it, and no more."""

import gzip
import random
from collections.abc import Callable
from io import BytesIO

import pytest

from functions.prices.blocks import BLOCK_BYTES, MAX_BLOCK_LINES, MAX_FEED_LINES, MAX_RECORD_BYTES, Text
from functions.prices.csv_records import MAX_RECORD_LINES
from functions.prices.feeds import FeedRefusedError, Position
from tests.unit.prices.feed_texts import HEADER, csv_line, read, said

GOOD_FEED = (HEADER + csv_line() * 3).encode()
NOISE = random.Random(1).randbytes(5_000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (HEADER.encode(), "no lines"),
        (HEADER.strip().encode(), "no lines"),
        (HEADER.replace(",", ";").encode() + b"x", "'store_id' is missing"),
        (HEADER.replace("sku", "sku,sku").encode() + b"x", "'sku' is there twice"),
        (HEADER.replace("sku", "sku,colour").encode() + b"x", "'colour' is unknown"),
        (HEADER.replace("sku,", "").encode() + b"x", "'sku' is missing"),
        (HEADER.replace("\n", "\r").encode() + csv_line().encode(), "carriage return"),
        (HEADER.encode("utf-16"), "not UTF-8"),
        (b"\n" + GOOD_FEED, "'store_id' is missing"),
        (b'"' + GOOD_FEED, "is no CSV record"),
        (NOISE, "header"),
        (b"x" * 10**6, "'x{64}' is unknown"),
        (b"\x1f\x8b" + NOISE, "gzip"),
        (gzip.compress(GOOD_FEED, mtime=0)[:-1], "gzip"),
        (gzip.compress(GOOD_FEED, mtime=0)[:-9] + bytes(9), "gzip"),
        (gzip.compress(GOOD_FEED, mtime=0) + b"more", "gzip"),
    ],
)
def test_what_is_no_feed_is_refused_with_the_reason(text: bytes, reason: str) -> None:
    with pytest.raises(FeedRefusedError, match=reason) as refused:
        read(text)
    assert len(str(refused.value)) < 1_100


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_noise_is_bad_lines(kind: str) -> None:
    header = HEADER.encode() if kind == "csv" else b""
    found = said(read(header + NOISE + b"\n", kind, size=1_000))
    assert not found.lines
    assert found.bad


@pytest.mark.parametrize("size", [100, 10**6])
@pytest.mark.parametrize(
    "bad",
    [
        csv_line(name='"never closed'),
        csv_line(name='"closed"too early'),
        csv_line(name='"'),
        csv_line(name="nul\0"),
        csv_line(name="\udcff"),
        csv_line(name="x" * 2 * MAX_RECORD_BYTES),
        csv_line(name='"' + "x" * 2 * MAX_RECORD_BYTES),
        csv_line(name="lone\rCR"),
        "\n" + csv_line(name='"over\ntwo lines"'),
        "," * 100_000 + "\n",
        "\0\n",
    ],
)
def test_a_bad_record_costs_itself(bad: str, size: int) -> None:
    before, behind = csv_line(sku="before"), csv_line(sku="behind")
    found = said(read((HEADER + before + bad + behind).encode(errors="surrogateescape"), size=size))
    assert len(found.bad) == 1
    assert [line.sku for line in found.lines["store-1"]] == ["before", "behind"]


def test_an_open_quote_reaches_no_further_than_a_record_may() -> None:
    lines = "".join(csv_line(sku=f"A-{number}") for number in range(MAX_RECORD_LINES))
    ((number, column, _),) = (found := said(read((HEADER + '"\n' + lines + '"').encode()))).bad[:1]
    assert (number, column) == (2, None)
    assert len(found.lines["store-1"]) == MAX_RECORD_LINES


def test_a_line_of_any_length_is_one_bad_line() -> None:
    text = HEADER.encode() + b"x" * (BLOCK_BYTES + 10**6) + b"\n" + csv_line().encode()
    found = said(read(text, size=1_000))
    assert [line.line for line in found.bad] == [2]
    assert len(found.lines["store-1"]) == 1


def test_a_part_has_no_more_lines_than_are_bounded_in_memory() -> None:
    text = HEADER.encode() + b"\n" * MAX_BLOCK_LINES + b"x\n" + csv_line().encode()
    first, second = read(text)
    assert (first.line, second.line) == (MAX_BLOCK_LINES + 2, MAX_BLOCK_LINES + 4)
    assert [line.line for line in said([first, second]).bad] == [MAX_BLOCK_LINES + 2]


def test_a_feed_of_too_many_lines_is_refused_however_short_they_are() -> None:
    (part,) = read(GOOD_FEED, start=Position(len(HEADER), MAX_FEED_LINES))
    assert part.good == 3
    with pytest.raises(FeedRefusedError, match="more than 30,000,000 lines"):
        read(GOOD_FEED, start=Position(len(HEADER), MAX_FEED_LINES + 1))


@pytest.mark.parametrize(
    "read_on", [lambda text: text.peek(10**6 + 1), Text.end_line, lambda text: text.go_to(10**7)]
)
def test_a_bomb_is_refused_before_it_is_read_to_its_end(read_on: Callable[[Text], object]) -> None:
    # Several times what Python reads at once of what is compressed.
    bomb = BytesIO(gzip.compress(bytes(10**8), compresslevel=1))
    text = Text(bomb, limit=10**6)
    with pytest.raises(FeedRefusedError, match="larger than 1,000,000 bytes"):
        read_on(text)
    assert bomb.tell() < len(bomb.getvalue())
