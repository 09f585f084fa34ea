"""The market's stores as retailers and the platform's people send them: feeds, categories, views and orders."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.benchmarks.storefront.market import CURRENCY, Item, Market

# The most that a request takes, of categories as well as of events.
BATCH = 500

_COLUMNS = "store_id,sku,price,currency,available,name,category_id\n"
# Prices of a store are so many cents above another's, at most.
_DEARER = 97


def feed(market: Market, stores: Sequence[tuple[int, str]], products: int) -> Iterator[bytes]:
    """A price feed as CSV, a store at a time.

    Args:
        stores: the number and the id of each.
        products: of each store.
    """
    yield _COLUMNS.encode()
    for number, store_id in stores:
        dearer = number % _DEARER
        yield "".join(
            _line(store_id, item, item.cents + dearer) for item in market.sold_by(number, products)
        ).encode()


def _line(store_id: str, item: Item, cents: int) -> str:
    available = "true" if item.available else "false"
    return (
        f"{store_id},{item.sku},{cents // 100}.{cents % 100:02d},{CURRENCY},{available},"
        f"{item.name},{item.category_id}\n"
    )


def categories(market: Market) -> Iterator[dict[str, Any]]:
    """Bodies for ``POST /categories/batch``, parents first."""
    records = [category._asdict() for category in market.categories]
    return ({"categories": records[start : start + BATCH]} for start in range(0, len(records), BATCH))


def events(name: str, items: Iterable[Item]) -> Iterator[dict[str, Any]]:
    """Bodies for ``POST /storefront/{store_id}/events``; the batches' ids begin with ``name``."""
    seen = [{"sku": item.sku, "views": item.views, "orders": item.orders} for item in items if item.views]
    return (
        {"batch_id": f"{name}-{start}", "events": seen[start : start + BATCH]}
        for start in range(0, len(seen), BATCH)
    )
