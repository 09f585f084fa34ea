"""What the benchmark compares is the same page: read recursively, and as a view."""

import orjson
from google.cloud.firestore import AsyncClient

from functions.storefront.tree import Category, CategoryTree
from functions.storefront.views import build_views
from shared.assortments import Page
from tests.benchmarks.storefront.market import CURRENCY, Item, Market
from tests.benchmarks.storefront.recursive import RecursiveStorefront, write_categories, write_store
from tests.benchmarks.storefront.recursive_service import main_page

_MARKET = Market((3, 7, 40), 240)


async def test_a_recursive_read_and_the_view_show_the_same_main_page(db: AsyncClient) -> None:
    await write_categories(db, _MARKET.categories)
    await write_store(db, "other", list(_MARKET.sold_by(1, 120)))
    await write_store(db, "shop", items := list(_MARKET.sold_by(0, 120)))

    recursive = RecursiveStorefront(db)
    page = main_page(await recursive.tree("shop"), await recursive.prior("shop"))

    assert orjson.loads(page) == orjson.loads(_view(items))


def _view(items: list[Item]) -> bytes:
    tree = CategoryTree({each.id: Category(*each) for each in _MARKET.categories})
    return build_views(tree, [_page(items)], {item.sku: (item.views, item.orders) for item in items}).tree0


def _page(items: list[Item]) -> Page:
    rows = [
        (each.sku, each.cents, CURRENCY, each.available, each.category_id, "", each.name)
        for each in sorted(items)
    ]
    return Page(*zip(*rows, strict=True))
