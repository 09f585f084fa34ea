"""What a storefront shows: its categories, each with its best products, as JSON that is made once and served as it is.

The recursive tree of categories is read as three levels: what is in a deeper category counts in the one of the third
level above it. The views, of which all but the first two have an entry for each category of their level:

- ``TREE0``, the main page: the top categories with their best products and the names of their children;
- ``TREE``: all categories as a tree, with how many products each has;
- ``FETCH0``: a top category with its best products, and its children with theirs;
- ``FETCH1``: the same of a category of the second level;
- ``LEAVES``: the same of a category of the third level, which has no children here.

Products that are not available are left out, and then categories without products. Categories are in the order of their
names in small letters, then of their ids; products in that of their rating (ranking.py), then of their SKUs.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, compress, repeat
from typing import Any

import orjson

from functions.storefront.ranking import prior_of
from functions.storefront.tree import Category, CategoryTree, by_name
from shared.assortments import EMPTY_PAGE, Page
from shared.money import decimal_string

# How many products are shown of a category.
BEST = 20
_LEVELS = 3

# A store has fewer prices than products, and finding a currency's decimals takes long.
_price = lru_cache(maxsize=50_000)(decimal_string)

# Views and orders by SKU.
Counts = Mapping[str, tuple[int, int]]
_UNSEEN = (0, 0)


@dataclass(frozen=True)
class Shown:
    """What is in the views, and what of the assortment is not.

    Args:
        products: how many are shown or counted.
        categories: how many have an entry.
        unavailable: items that are not available.
        homeless: items that are available, in categories that there are not.
    """

    products: int
    categories: int
    unavailable: int
    homeless: int


@dataclass(frozen=True)
class Views:
    """The views of a store. Those by category have an entry for each id, and no id is in two of them."""

    tree0: bytes
    tree: bytes
    fetch0: Mapping[str, bytes]
    fetch1: Mapping[str, bytes]
    leaves: Mapping[str, bytes]
    shown: Shown


@dataclass(frozen=True, slots=True)
class _Node:
    """A category that has products, with its children that have some.

    Args:
        products: how many, with those of its descendants.
        best: of all these, the rows.
        best_json: the same as it is served.
    """

    category: Category
    products: int
    best: Sequence[int]
    best_json: orjson.Fragment
    children: Sequence["_Node"]


def build_views(tree: CategoryTree, pages: Sequence[Page], counts: Counts) -> Views:
    """The views of a store with these categories, items and counts; the same for pages in whatever order.

    Each item is looked at once: it is compared in its own category alone, and what is best above that is chosen from
    the best of the children.
    """
    items = _joined(pages)
    homes, homeless = _homes(tree, items)
    tops = _Growth(tree, items, homes, counts).nodes(None)
    seconds = [child for node in tops for child in node.children]
    thirds = [child for node in seconds for child in node.children]
    return Views(
        tree0=orjson.dumps({"categories": [_top(node) for node in tops]}),
        tree=orjson.dumps({"categories": [_branch(node) for node in tops]}),
        fetch0=_entries(tops),
        fetch1=_entries(seconds),
        leaves=_entries(thirds),
        shown=Shown(
            products=sum(node.products for node in tops),
            categories=len(tops) + len(seconds) + len(thirds),
            unavailable=items.available.count(False),
            homeless=homeless,
        ),
    )


def _joined(pages: Sequence[Page]) -> Page:
    """All items in one page: without an object for each item there is less for the garbage collector to look at."""
    columns = zip(*pages, strict=True)
    return Page(*(list(chain.from_iterable(column)) for column in columns)) if pages else EMPTY_PAGE


def _homes(tree: CategoryTree, items: Page) -> tuple[dict[str, list[int]], int]:
    """The available items by the category of the three levels in which they count, and how many have none."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, category_id in compress(enumerate(items.category_ids), items.available):
        rows[category_id].append(row)
    homes: dict[str, list[int]] = defaultdict(list)
    homeless = 0
    for category_id, found in rows.items():
        path = tree.path(category_id)[:_LEVELS]
        if path:
            homes[path[-1].id] += found
        else:
            homeless += len(found)
    return homes, homeless


class _Growth:
    """The nodes of a store, from the leaves upwards. An item is a row of ``items``.

    Args:
        homes: the rows that count in each category itself.
    """

    def __init__(
        self, tree: CategoryTree, items: Page, homes: Mapping[str, Sequence[int]], counts: Counts
    ) -> None:
        self._skus = items.skus
        self._ratings = prior_of(counts.values()).ratings(map(counts.get, items.skus, repeat(_UNSEEN)))
        self._homes = homes
        self._own = {home: self._best(rows) for home, rows in homes.items()}
        # In the order in which they are in memory, which takes half the time of any other.
        self._products = _products(items, sorted(chain.from_iterable(self._own.values())))
        self._below: dict[str | None, dict[str, Category]] = defaultdict(dict)
        for home in homes:
            for category in tree.path(home):
                self._below[category.parent_id][category.id] = category

    def nodes(self, parent_id: str | None) -> list[_Node]:
        """The categories right below one that have products; the top ones for ``None``."""
        return [self._node(each) for each in sorted(self._below[parent_id].values(), key=by_name)]

    def _node(self, category: Category) -> _Node:
        children = self.nodes(category.id)
        best = self._own.get(category.id, [])
        if children:
            best = self._best([*best, *chain.from_iterable(child.best for child in children)])
        return _Node(
            category=category,
            products=len(self._homes.get(category.id, ())) + sum([child.products for child in children]),
            best=best,
            # A list at a time: a product is in few of them, and calls of the encoder are what takes long.
            best_json=orjson.Fragment(orjson.dumps([self._products[row] for row in best])),
            children=children,
        )

    def _best(self, rows: Iterable[int]) -> list[int]:
        rating = self._ratings.__getitem__
        ranked = sorted(rows, key=rating, reverse=True)
        if len(ranked) > BEST:
            # What cannot be among the best need not be compared by SKU.
            least = rating(ranked[BEST - 1])
            ranked = [row for row in ranked if rating(row) >= least]
        # Two stable sorts, whose keys are there already: the least important first.
        by_sku = sorted(ranked, key=self._skus.__getitem__)
        return sorted(by_sku, key=rating, reverse=True)[:BEST]


def _products(items: Page, rows: Iterable[int]) -> dict[int, dict[str, str]]:
    """How each of these rows is served."""
    skus, prices, currencies, _, _, product_ids, names = items
    products = {
        row: {
            "sku": skus[row],
            "name": names[row],
            "price": _price(prices[row], currencies[row]),
            "currency": currencies[row],
        }
        for row in rows
    }
    for row in compress(products, map(product_ids.__getitem__, products)):
        products[row]["product_id"] = product_ids[row]
    return products


def _brief(node: _Node) -> dict[str, Any]:
    return {"id": node.category.id, "name": node.category.name, "products": node.products}


def _top(node: _Node) -> dict[str, Any]:
    return _brief(node) | {"best": node.best_json, "children": [_brief(child) for child in node.children]}


def _branch(node: _Node) -> dict[str, Any]:
    return _brief(node) | {
        "level": node.category.level,
        "children": [_branch(child) for child in node.children],
    }


def _entries(nodes: Iterable[_Node]) -> dict[str, bytes]:
    return {node.category.id: orjson.dumps(_entry(node)) for node in nodes}


def _entry(node: _Node) -> dict[str, Any]:
    return _brief(node) | {
        "level": node.category.level,
        "parent_id": node.category.parent_id,
        "best": node.best_json,
        "children": [_brief(child) | {"best": child.best_json} for child in node.children],
    }
