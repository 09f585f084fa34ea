"""Price feeds as two grocers would send them, one as compressed CSV, one as JSON Lines with some lines gone wrong."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.demo.groceries import Grocer, Item, assortment, reduced

_COLUMNS = ("store_id", "sku", "price", "currency", "available", "name", "category_id")
# What a person at the other end, or a program of theirs, gets wrong: each is one bad line of its own kind.
_SLIPS: tuple[dict[str, Any], ...] = (
    {"price": "-1.00"},
    {"currency": "GBX"},
    {"price": "2.995"},
    {"name": ""},
    {"available": "perhaps"},
)
_BROKEN = '{"store_id": "leith", "sku": '
BAD_LINES = len(_SLIPS) + 1
# What is cheaper at noon: one line in a hundred of the first grocer's.
_CHEAPER_STORES, _CHEAPER_CATEGORY, _CHEAPER_ITEMS = 3, "coffee", 12


@dataclass(frozen=True)
class Feed:
    """A feed.

    Attributes:
        name: of the object that it is dropped as.
        items: what its good lines say.
    """

    name: str
    items: Sequence[Item]
    content: bytes


def morning_feed(grocer: Grocer) -> Feed:
    """All that a grocer's stores sell."""
    return _feed(grocer, "morning", [item for store in grocer.stores for item in assortment(grocer, store)])


def noon_feed(grocer: Grocer) -> Feed:
    """The same, but that some items of some stores are cheaper."""
    cheaper = set(grocer.stores[:_CHEAPER_STORES])
    items = [
        item
        for store, sold in ((store, assortment(grocer, store)) for store in grocer.stores)
        for item in (reduced(sold, _CHEAPER_CATEGORY, _CHEAPER_ITEMS) if store in cheaper else sold)
    ]
    return _feed(grocer, "noon", items)


def _feed(grocer: Grocer, name: str, items: Sequence[Item]) -> Feed:
    content = _csv(items) if grocer.feed == "csv.gz" else _json_lines(items)
    return Feed(f"feeds/{grocer.account}/{name}.{grocer.feed}", items, content)


def _csv(items: Iterable[Item]) -> bytes:
    """Compressed; the same items give the same bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(item) for item in items)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _json_lines(items: Iterable[Item]) -> bytes:
    """The last ``BAD_LINES`` are bad."""
    rows = [_row(item) | {"available": item.available} for item in items]
    bad = [rows[0] | slip for slip in _SLIPS]
    lines = [*(json.dumps(row, ensure_ascii=False) for row in (*rows, *bad)), _BROKEN]
    return "".join(f"{line}\n" for line in lines).encode()


def _row(item: Item) -> dict[str, Any]:
    return {
        "store_id": item.store_id,
        "sku": item.sku,
        "price": f"{item.cents // 100}.{item.cents % 100:02d}",
        "currency": item.currency,
        "available": "yes" if item.available else "no",
        "name": item.name,
        "category_id": item.category_id,
    }
