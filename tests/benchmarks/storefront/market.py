"""Made-up stores: a grocer's categories, and what each store sells of them. The same sizes give the same market."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

CURRENCY = "EUR"
_SEED = 20_210_415
# A store that does not sell everything sells runs of neighbours: about as many as a third-level category has.
_RUN = 20
_UNAVAILABLE_SHARE = 0.05
_NEVER_SEEN_SHARE = 0.1
_DEPARTMENTS = (
    *("Fruit & Vegetables", "Meat", "Fish & Seafood", "Dairy & Eggs", "Cheese", "Cold Cuts", "Bakery"),
    *("Pasta & Rice", "Oil & Vinegar", "Sauces", "Breakfast", "Sweets", "Snacks", "Frozen", "Water & Juice"),
    *("Wine & Beer", "Baby", "Personal Care", "Household", "Pets"),
)
_KINDS = (
    *("Fresh", "Organic", "Local", "Family Packs", "Gluten Free", "Vegan", "Premium", "Seasonal", "Quick"),
    *("Traditional", "Regional", "Imported", "Light", "For Children", "On Offer"),
)
_WAYS = ("Whole", "Sliced", "Ready to Eat", "In Jars", "In Bags", "Loose", "Mixed", "Small", "Large")
_BRANDS = (
    "Valle Verde",
    "Nordhof",
    "La Contadina",
    "Petit Jardin",
    "Casa Mia",
    "Green Mill",
    "Alba",
    "Ostra",
)
_SIZES = ("100 g", "250 g", "500 g", "1 kg", "6 x 125 g", "330 ml", "1 l")


class Category(NamedTuple):
    """A record of the adjacency list; ``parent_id`` is ``None`` at the top, whose level is 0."""

    id: str
    parent_id: str | None
    level: int
    name: str


class Item(NamedTuple):
    """Something that stores sell. ``cents`` are its price in the first store; views and orders are of one store."""

    sku: str
    category_id: str
    name: str
    cents: int
    available: bool
    views: int
    orders: int


@dataclass(frozen=True)
class Market:
    """Categories in three levels, and items that are all in the third.

    Attributes:
        levels: how many categories there are in each level.
        products: how many items.
    """

    levels: tuple[int, int, int] = (20, 300, 2_680)
    products: int = 50_000

    @cached_property
    def categories(self) -> list[Category]:
        """All of them, parents first."""
        tops, seconds, thirds = self.levels
        return [
            *(Category(f"d{n}", None, 0, _numbered(_DEPARTMENTS, n)) for n in range(tops)),
            *(
                Category(f"k{n}", f"d{n % tops}", 1, _numbered(_KINDS, n // tops % len(_KINDS)))
                for n in range(seconds)
            ),
            *(
                Category(f"w{n}", f"k{n % seconds}", 2, _numbered(_WAYS, n // seconds % len(_WAYS)))
                for n in range(thirds)
            ),
        ]

    @cached_property
    def items(self) -> list[Item]:
        """All of them, neighbours in the same category."""
        dice = random.Random(_SEED)
        thirds = self.levels[2]
        # In the order of the tree, lest the first stores' runs are all of one department.
        return [_item(dice, n, f"w{n * thirds // self.products}") for n in range(self.products)]

    def sold_by(self, store: int, count: int) -> Iterator[Item]:
        """What store number ``store`` sells: ``count`` items, a divisor of ``products``, from all over the tree."""
        of = self.products // count
        return (item for n, item in enumerate(self.items) if (n // _RUN + store) % of == 0)


def _numbered(names: tuple[str, ...], number: int) -> str:
    """Each name once, and then again with a number."""
    again, which = divmod(number, len(names))
    return f"{names[which]} {again + 1}" if again else names[which]


def _item(dice: random.Random, number: int, category_id: str) -> Item:
    views = 0 if dice.random() < _NEVER_SEEN_SHARE else int(10 ** dice.uniform(0, 3.5))
    return Item(
        sku=f"{dice.randrange(10**12, 10**13)}-{number}",
        category_id=category_id,
        name=f"{dice.choice(_BRANDS)} {dice.choice(_KINDS).lower()} {dice.choice(_WAYS).lower()} "
        f"{number} {dice.choice(_SIZES)}",
        cents=dice.randrange(49, 4_000),
        available=dice.random() >= _UNAVAILABLE_SHARE,
        views=views,
        orders=int(views * dice.betavariate(2, 40)),
    )
