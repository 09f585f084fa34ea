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
from itertools import chain
from typing import Any

import orjson

from functions.storefront.ranking import prior_of
from functions.storefront.tree import Category, CategoryTree, by_name
from shared.assortments import Page
from shared.money import decimal_string

# How many products are shown of a category.
BEST = 20
_LEVELS = 3

# Views and orders by SKU.
Counts = Mapping[str, tuple[int, int]]
# An item as it is on a page: SKU, price, currency, available, category, product, name.
_Row = tuple[str, int, str, bool, str, str, str]
# A product by which lists of the best are ordered: its rating, negative; its SKU; and how it is served.
_Product = tuple[float, str, bytes]


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
        best: of all these.
        best_json: the same as it is served.
    """

    category: Category
    products: int
    best: Sequence[_Product]
    best_json: orjson.Fragment
    children: Sequence["_Node"]


def build_views(tree: CategoryTree, pages: Iterable[Page], counts: Counts) -> Views:
    """The views of a store with these categories, items and counts; the same for pages in whatever order.

    Each item is looked at once: it is compared in its own category alone, and what is best above that is chosen from
    the best of the children.
    """
    available, unavailable = _available(pages)
    homes, homeless = _homes(tree, available)
    tops = _Growth(tree, homes, counts).nodes(None)
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
            unavailable=unavailable,
            homeless=homeless,
        ),
    )


def _available(pages: Iterable[Page]) -> tuple[dict[str, list[_Row]], int]:
    """The available items by category, and how many there are that are not."""
    rows: dict[str, list[_Row]] = defaultdict(list)
    unavailable = 0
    for page in pages:
        for row in zip(*page, strict=True):
            if row[3]:
                rows[row[4]].append(row)
            else:
                unavailable += 1
    return rows, unavailable


def _homes(tree: CategoryTree, rows: Mapping[str, list[_Row]]) -> tuple[dict[str, list[_Row]], int]:
    """The items by the category of the three levels in which they count, and how many have none."""
    homes: dict[str, list[_Row]] = defaultdict(list)
    homeless = 0
    for category_id, found in rows.items():
        path = tree.path(category_id)[:_LEVELS]
        if path:
            homes[path[-1].id] += found
        else:
            homeless += len(found)
    return homes, homeless


class _Growth:
    """The nodes of a store, from the leaves upwards.

    Args:
        homes: the items that count in each category itself.
    """

    def __init__(self, tree: CategoryTree, homes: Mapping[str, Sequence[_Row]], counts: Counts) -> None:
        self._homes = homes
        self._counts = counts
        self._prior = prior_of(
            [counts[row[0]] for rows in homes.values() for row in rows if row[0] in counts]
        )
        self._unseen = self._prior.rating(0, 0)
        self._below: dict[str | None, dict[str, Category]] = defaultdict(dict)
        for home in homes:
            for category in tree.path(home):
                self._below[category.parent_id][category.id] = category

    def nodes(self, parent_id: str | None) -> list[_Node]:
        """The categories right below one that have products; the top ones for ``None``."""
        return [self._node(each) for each in sorted(self._below[parent_id].values(), key=by_name)]

    def _node(self, category: Category) -> _Node:
        children = self.nodes(category.id)
        own = self._homes.get(category.id, ())
        best = sorted(chain(self._best(own), *(child.best for child in children)))[:BEST]
        return _Node(
            category=category,
            products=len(own) + sum(child.products for child in children),
            best=best,
            best_json=orjson.Fragment(b"[%b]" % b",".join([product[-1] for product in best])),
            children=children,
        )

    def _best(self, rows: Iterable[_Row]) -> list[_Product]:
        ranked = sorted((-self._rating(row[0]), row[0], row) for row in rows)
        return [(rating, sku, _product(row)) for rating, sku, row in ranked[:BEST]]

    def _rating(self, sku: str) -> float:
        seen = self._counts.get(sku)
        return self._prior.rating(*seen) if seen else self._unseen


def _product(row: _Row) -> bytes:
    sku, price, currency, _, _, product_id, name = row
    shown = {"sku": sku, "name": name, "price": decimal_string(price, currency), "currency": currency}
    return orjson.dumps(shown | {"product_id": product_id} if product_id else shown)


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
