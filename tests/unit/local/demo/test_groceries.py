"""The demo's grocers: always the same, all acceptable but for what is meant to be bad, in categories that exist."""

import gzip
import json
import re

import pytest

from infra.local.demo.feeds import BAD_LINES, morning_feed, noon_feed
from infra.local.demo.groceries import Grocer, assortment, category_records, load_groceries, visits
from shared.assortments import ID_PATTERN, NAME_PATTERN, SKU_PATTERN

GROCERS = load_groceries().grocers
COMPRESSED, LINES = (
    next(grocer for grocer in GROCERS if grocer.feed == kind) for kind in ("csv.gz", "jsonl")
)


def test_every_category_comes_after_its_parent_and_some_are_on_a_fourth_level() -> None:
    levels: dict[str, int] = {}
    for record in category_records():
        parent = record["parent_id"]
        assert record["id"] not in levels
        assert re.match(ID_PATTERN, record["id"])
        levels[record["id"]] = 0 if parent is None else levels[parent] + 1
    assert 55 <= len(levels) <= 70
    assert set(levels.values()) == {0, 1, 2, 3}


def test_twenty_stores_of_two_grocers_sell_hundreds_of_items_of_known_categories() -> None:
    assert len(GROCERS) == 2
    stores = [store for grocer in GROCERS for store in grocer.stores]
    assert len(set(stores)) == len(stores) == 20
    known = {record["id"] for record in category_records()}
    for item in [item for grocer in GROCERS for item in morning_feed(grocer).items]:
        assert re.match(ID_PATTERN, item.store_id)
        assert re.match(SKU_PATTERN, item.sku)
        assert re.match(NAME_PATTERN, item.name)
        assert item.category_id in known
        assert item.cents > 0


@pytest.mark.parametrize("grocer", GROCERS, ids=lambda grocer: grocer.account)
def test_a_store_has_an_item_once_and_sells_most_of_what_it_has(grocer: Grocer) -> None:
    for store in grocer.stores:
        items = assortment(grocer, store)
        assert len({item.sku for item in items}) == len(items) == 300
        assert 0.9 < sum(item.available for item in items) / len(items) < 1
        assert items == assortment(grocer, store)


def test_at_noon_one_price_in_a_hundred_is_lower_all_in_three_stores() -> None:
    before, after = morning_feed(COMPRESSED).items, noon_feed(COMPRESSED).items
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) * 100 == len(before)
    assert len({new.store_id for _, new in changed}) == 3
    assert all(new.cents < old.cents and "coffee" in new.category_id for old, new in changed)


def test_a_compressed_feed_is_the_same_each_time_and_has_a_line_for_each_item() -> None:
    feed = morning_feed(COMPRESSED)
    assert feed == morning_feed(COMPRESSED)
    header, *rows = gzip.decompress(feed.content).decode().splitlines()
    assert header == "store_id,sku,price,currency,available,name,category_id"
    assert len(rows) == len(feed.items)


def test_the_last_lines_of_a_feed_of_json_are_bad_and_no_others() -> None:
    feed = morning_feed(LINES)
    lines = feed.content.decode().splitlines()
    assert len(lines) == len(feed.items) + BAD_LINES
    assert [json.loads(line)["sku"] for line in lines[: len(feed.items)]] == [item.sku for item in feed.items]


def test_visitors_buy_no_more_than_they_see() -> None:
    events = visits(assortment(LINES, "leith"))
    assert 100 <= len(events) <= 500
    assert all(0 <= event["orders"] <= event["views"] for event in events)
