from datetime import UTC, datetime

import pytest

from functions.prices.feeds import Feed, run_id, stamp

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("feeds/grocer/prices.csv", "csv"),
        ("feeds/grocer/prices.csv.gz", "csv"),
        ("feeds/grocer/prices.jsonl", "jsonl"),
        ("feeds/grocer/prices.jsonl.gz", "jsonl"),
        ("feeds/grocer/PRICES.CSV.GZ", "csv"),
    ],
)
def test_a_feed_is_known_by_its_name(name: str, format_: str) -> None:
    feed = Feed.of(name)
    assert feed is not None
    assert (feed.retailer, feed.name.lower(), feed.format) == ("grocer", "prices", format_)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "prices.csv",
        "feeds/prices.csv",
        "feeds/grocer/.csv",
        "feeds/grocer/prices.txt",
        "feeds/grocer/prices.csv.zip",
        "feeds/grocer/prices.csv\n",
        "feeds/grocer/march/prices.csv",
        "feeds/a grocer/prices.csv",
        "feeds/../prices.csv",
        f"feeds/{'x' * 65}/prices.csv",
        "old/feeds/grocer/prices.csv",
    ],
)
def test_other_objects_are_no_feeds(name: str) -> None:
    assert Feed.of(name) is None


def test_a_report_is_beside_its_feed_and_none_itself() -> None:
    feed = Feed.of("feeds/grocer/prices.csv")
    assert feed is not None
    assert feed.report_name(7) == "feeds/grocer/prices.csv.7.bad-lines.ndjson"
    assert Feed.of(feed.report_name(7)) is None


def test_a_run_is_one_generation_of_one_object() -> None:
    runs = {
        run_id("feeds", "feeds/grocer/a.csv", 1),
        run_id("feeds", "feeds/grocer/a.csv", 2),
        run_id("feeds", "feeds/grocer/b.csv", 1),
        run_id("others", "feeds/grocer/a.csv", 1),
    }
    assert {len(run) for run in runs} == {24}
    assert len(runs) == 4
    assert run_id("feeds", "feeds/grocer/a.csv", 1) in runs


def test_stamps_order_feeds_by_time_and_then_by_generation() -> None:
    later = NOON.replace(microsecond=1)
    stamps = [stamp(NOON, 9), stamp(NOON, 10), stamp(later, 1)]
    assert stamps == sorted(stamps)
    assert stamp(NOON, 9) == "1772366400000000-00000000000000000009"


def test_a_name_leaves_room_for_that_of_its_report() -> None:
    """An object's name has 1,024 bytes at most (https://cloud.google.com/storage/docs/objects#naming)."""
    longest = Feed.of(f"feeds/{'r' * 64}/{'é' * 200}.jsonl.gz")
    assert longest is not None
    assert len(longest.report_name(2**63).encode()) < 1_024
    assert Feed.of(f"feeds/shop/{'n' * 201}.csv") is None
