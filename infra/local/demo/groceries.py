"""The grocers of the demo, as ``groceries.yaml`` has them: their stores, and what those sell at which price."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

_FILE = Path(__file__).with_name("groceries.yaml")
ITEMS_PER_STORE = 300
_BRANDS_PER_ARTICLE = 2
_SOLD_OUT_SHARE = 0.04
_FIRST_NUMBER = 10_001


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Category(_Part):
    """A category, with those below it.

    Attributes:
        goods: what is sold in it, each in all of the ``sizes``, the smallest first.
        cents: the price of the smallest, about, in hundredths of a grocer's currency.
    """

    id: str
    name: str
    children: tuple["Category", ...] = ()
    goods: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    cents: int = 0

    def lineage(self, parent: str | None = None) -> Iterator[tuple["Category", str | None]]:
        """It and all below it, each with its parent's id and after its parent."""
        yield self, parent
        for child in self.children:
            yield from child.lineage(self.id)


class Grocer(_Part):
    """A retailer.

    Attributes:
        account: its id.
        prefix: with which its SKUs begin.
        feed: how it sends its prices.
    """

    account: str
    prefix: str
    currency: str
    feed: Literal["csv.gz", "jsonl"]
    brands: tuple[str, ...]
    stores: tuple[str, ...]


class Groceries(_Part):
    """All of it."""

    grocers: tuple[Grocer, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True)
class Item:
    """What a store sells; the price is in hundredths of the currency."""

    store_id: str
    sku: str
    name: str
    category_id: str
    cents: int
    currency: str
    available: bool


@cache
def load_groceries() -> Groceries:
    """The demo's grocers and categories."""
    return Groceries.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def category_records() -> list[dict[str, Any]]:
    """Every category as ``POST /categories/batch`` takes it."""
    return [
        {"id": category.id, "parent_id": parent, "name": category.name} for category, parent in _categories()
    ]


def _categories() -> Iterator[tuple[Category, str | None]]:
    for top in load_groceries().categories:
        yield from top.lineage()


def assortment(grocer: Grocer, store_id: str) -> list[Item]:
    """What a store sells, always the same: some of the grocer's articles, at prices of its own."""
    dice = random.Random(store_id)
    articles = dice.sample(_articles(grocer), ITEMS_PER_STORE)
    return [
        replace(
            article,
            store_id=store_id,
            cents=round(article.cents * dice.uniform(0.95, 1.1)),
            available=dice.random() > _SOLD_OUT_SHARE,
        )
        for article in sorted(articles, key=lambda article: article.sku)
    ]


@cache
def _articles(grocer: Grocer) -> Sequence[Item]:
    """All that a grocer deals in, of no store yet."""
    dice = random.Random(grocer.account)
    kinds = [
        (f"{good}, {brand}, {size}", category, _price(dice, category, place))
        for category, _ in _categories()
        for good in category.goods
        for brand in dice.sample(grocer.brands, _BRANDS_PER_ARTICLE)
        for place, size in enumerate(category.sizes)
    ]
    return [
        Item("", f"{grocer.prefix}-{number}", name, category.id, cents, grocer.currency, available=True)
        for number, (name, category, cents) in enumerate(kinds, start=_FIRST_NUMBER)
    ]


def _price(dice: random.Random, category: Category, place: int) -> int:
    """A larger size costs more, though less for what is in it."""
    return round(category.cents * 1.8**place * dice.uniform(0.85, 1.3))


def reduced(items: Sequence[Item], parent: str, count: int) -> list[Item]:
    """The same items, the first ``count`` in the categories below ``parent`` a fifth cheaper."""
    below = {category.id for category, its_parent in _categories() if its_parent == parent}
    chosen = {item.sku for item in [item for item in items if item.category_id in below][:count]}
    return [replace(item, cents=item.cents * 4 // 5) if item.sku in chosen else item for item in items]


def visits(items: Sequence[Item]) -> list[dict[str, Any]]:
    """A day of a store's visitors, as ``POST /storefront/{store_id}/events`` takes it: some items were seen."""
    dice = random.Random(items[0].store_id)
    seen = dice.sample(items, len(items) // 2)
    counts = [(item.sku, dice.randint(20, 400), dice.betavariate(2, 18)) for item in seen]
    return [{"sku": sku, "views": views, "orders": round(views * share)} for sku, views, share in counts]
