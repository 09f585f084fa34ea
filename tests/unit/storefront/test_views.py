"""Views of small stores by hand, and of random ones against the same done in the obvious way."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.storefront.ranking import prior_of
from functions.storefront.tree import Category, CategoryTree
from functions.storefront.views import BEST, Views, build_views
from shared.assortments import Page


class Item(NamedTuple):
    sku: str
    category_id: str
    available: bool = True
    price: int = 1250
    currency: str = "EUR"
    product_id: str = ""
    name: str = "Carrots"


def page(*items: Item) -> Page:
    return Page(
        skus=[each.sku for each in items],
        prices=[each.price for each in items],
        currencies=[each.currency for each in items],
        available=[each.available for each in items],
        category_ids=[each.category_id for each in items],
        product_ids=[each.product_id for each in items],
        names=[each.name for each in items],
    )


def tree_of(parents: Mapping[str, str | None]) -> CategoryTree:
    """Parents before their children; an id is a name in large letters."""
    tree: dict[str, Category] = {}
    for each, parent in parents.items():
        tree[each] = Category(each, parent, tree[parent].level + 1 if parent else 0, each.upper())
    return CategoryTree(tree)


GREENS = tree_of({"fruit": None, "fresh": "fruit", "roots": "fresh", "beets": "roots", "dairy": None})


def shop(*items: Item, counts: Mapping[str, tuple[int, int]] | None = None) -> Views:
    return build_views(GREENS, [page(*items)], counts or {})


def entries(views: Views) -> dict[str, Any]:
    by_id = {**views.fetch0, **views.fetch1, **views.leaves}
    return {key: orjson.loads(body) for key, body in by_id.items()}


def best(views: Views, category_id: str) -> list[str]:
    return [product["sku"] for product in entries(views)[category_id]["best"]]


def test_the_main_page_has_the_top_categories_with_their_best_and_their_children() -> None:
    views = shop(Item("A", "roots"), Item("B", "dairy", product_id="P1", price=5, currency="JPY"))
    carrots = {"sku": "A", "name": "Carrots", "price": "12.50", "currency": "EUR"}
    milk = {"sku": "B", "name": "Carrots", "price": "5", "currency": "JPY", "product_id": "P1"}
    assert orjson.loads(views.tree0)["categories"] == [
        {"id": "dairy", "name": "DAIRY", "products": 1, "best": [milk], "children": []},
        {
            "id": "fruit",
            "name": "FRUIT",
            "products": 1,
            "best": [carrots],
            "children": [{"id": "fresh", "name": "FRESH", "products": 1}],
        },
    ]


def test_the_tree_connects_all_categories_that_have_products() -> None:
    views = shop(Item("A", "roots"), Item("B", "fresh"))
    roots = {"id": "roots", "name": "ROOTS", "products": 1, "level": 2, "children": []}
    fresh = {"id": "fresh", "name": "FRESH", "products": 2, "level": 1, "children": [roots]}
    fruit = {"id": "fruit", "name": "FRUIT", "products": 2, "level": 0, "children": [fresh]}
    assert orjson.loads(views.tree) == {"categories": [fruit]}


def test_a_category_shows_its_best_and_those_of_its_children() -> None:
    views = shop(Item("A", "roots"), Item("B", "fresh"), counts={"A": (10, 1), "B": (10, 5)})
    product = {"name": "Carrots", "price": "12.50", "currency": "EUR"}
    assert entries(views)["fresh"] == {
        "id": "fresh",
        "name": "FRESH",
        "products": 2,
        "level": 1,
        "parent_id": "fruit",
        "best": [{"sku": "B"} | product, {"sku": "A"} | product],
        "children": [{"id": "roots", "name": "ROOTS", "products": 1, "best": [{"sku": "A"} | product]}],
    }
    assert [list(each) for each in (views.fetch0, views.fetch1, views.leaves)] == [
        ["fruit"],
        ["fresh"],
        ["roots"],
    ]


def test_deeper_categories_count_in_the_third_level() -> None:
    views = shop(Item("A", "beets"), Item("B", "roots"))
    assert best(views, "roots") == ["A", "B"]
    assert "beets" not in entries(views)
    assert entries(views)["roots"]["children"] == []


def test_what_is_not_shown_is_counted() -> None:
    views = shop(Item("A", "roots", available=False), Item("B", "nowhere"), Item("C", "dairy"))
    shown = views.shown
    assert (shown.products, shown.categories, shown.unavailable, shown.homeless) == (1, 1, 1, 1)
    assert list(entries(views)) == ["dairy"]


def test_a_store_without_products_has_an_empty_main_page() -> None:
    for views in (shop(), build_views(GREENS, [], {})):
        assert views.tree0 == views.tree == b'{"categories":[]}'
        assert entries(views) == {}


def test_the_best_are_those_that_sell_best_of_all_below() -> None:
    items = [Item(f"{each:02}", "roots" if each % 2 else "fruit") for each in range(30)]
    counts = {item.sku: (100, number) for number, item in enumerate(items)}
    views = shop(*items, counts=counts)
    assert best(views, "fruit") == [f"{each:02}" for each in range(29, 9, -1)]


def test_products_that_sell_alike_are_in_the_order_of_their_skus() -> None:
    assert best(shop(Item("b", "dairy"), Item("a", "dairy"), Item("B", "dairy")), "dairy") == ["B", "a", "b"]


def test_categories_are_in_the_order_of_their_names_whatever_the_letters() -> None:
    names = {"1": "pears", "2": "Apples", "3": "pears", "4": "Quinces", "5": "\u00e9clairs"}
    tree = CategoryTree({each: Category(each, None, 0, name) for each, name in names.items()})
    views = build_views(tree, [page(*(Item(each, each) for each in "54321"))], {})
    assert [each["id"] for each in orjson.loads(views.tree0)["categories"]] == ["2", "1", "3", "4", "5"]


def test_names_come_through_as_they_are() -> None:
    name = 'Crème "brûlée" \\ 0.5 l 🍮'
    assert entries(shop(Item("A", "dairy", name=name)))["dairy"]["best"][0]["name"] == name


PARENTS = st.lists(st.none() | st.integers(0, 11), min_size=1, max_size=12).map(
    # A category's parent is one before it, so that there are trees only.
    lambda parents: tree_of(
        {f"c{n}": None if p is None or p >= n else f"c{p}" for n, p in enumerate(parents)}
    )
)
STOCK = st.lists(
    st.tuples(st.integers(0, 13), st.booleans(), st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))),
    max_size=60,
)


def obvious(
    tree: CategoryTree, items: Sequence[Item], counts: Mapping[str, tuple[int, int]]
) -> dict[str, Any]:
    """Each category's number of products and its best, by asking for each item whether it belongs there."""
    prior = prior_of(counts.values())
    found = {}
    for category in tree:
        inside = [
            item.sku
            for item in items
            if item.available and category.id in [each.id for each in tree.path(item.category_id)]
        ]
        ranked = sorted(inside, key=lambda sku: (-prior.rating(*counts.get(sku, (0, 0))), sku))
        if inside and category.level < 3:
            found[category.id] = (len(inside), ranked[:BEST])
    return found


@settings(max_examples=60, deadline=None)
@given(PARENTS, STOCK, st.integers(1, 4))
def test_views_are_what_the_obvious_way_would_find(
    tree: CategoryTree, stock: list[tuple[int, bool, tuple[int, int] | None]], pages: int
) -> None:
    items = [Item(f"S{n}", f"c{home}", available) for n, (home, available, _) in enumerate(stock)]
    counts = {f"S{n}": seen for n, (_, _, seen) in enumerate(stock) if seen}
    cut = [page(*items[start::pages]) for start in range(pages)]
    views = build_views(tree, cut, counts)
    found = entries(views)
    expected = obvious(tree, items, counts)
    assert {key: (each["products"], best(views, key)) for key, each in found.items()} == expected
    for each in found.values():
        shown = {
            child["id"]: (child["products"], [p["sku"] for p in child["best"]]) for child in each["children"]
        }
        below = [child.id for child in tree.children(each["id"]) if child.id in expected]
        assert shown == {key: expected[key] for key in below}
    assert build_views(tree, cut[::-1], counts) == views


@given(st.lists(st.text('a ,"\\\n\u2028é', min_size=1, max_size=5), min_size=1, max_size=5))
@settings(max_examples=50)
def test_names_are_shown_as_they_are(names: list[str]) -> None:
    views = shop(*(Item(f"S{number}", "roots", name=name) for number, name in enumerate(names)))
    assert [product["name"] for product in entries(views)["roots"]["best"]] == names
