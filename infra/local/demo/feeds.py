"""Price feeds as two grocers would send them, one as compressed CSV, one as JSON Lines with some lines gone wrong."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from typing import Any

from infra.local.demo.groceries import Item

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


def csv_feed(items: Iterable[Item]) -> bytes:
    """A feed in CSV, compressed; the same items give the same bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(item) for item in items)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def json_feed(items: Iterable[Item]) -> bytes:
    """A feed in JSON Lines, of which the last ``BAD_LINES`` are bad."""
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
