"""The shops of the demo, as ``shops.yaml`` has them: what they sell, where they ship and who carries it."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

_FILE = Path(__file__).with_name("shops.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Product(_Part):
    """Something that is sold; ``cents`` is its price in hundredths of the shop's currency."""

    sku: str
    name: str
    cents: int


class Shop(_Part):
    """An account.

    Attributes:
        account: the tenant's id.
        prefix: with which its order numbers begin.
        share: of all returns, as a weight.
        cities: (city, ISO 3166 country code) of its customers.
        carriers: (name, beginning of its tracking numbers).
    """

    account: str
    prefix: str
    share: int
    currency: str
    warehouses: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]
    carriers: tuple[tuple[str, str], ...]
    products: tuple[Product, ...]


class Market(_Part):
    """All shops, and why their customers send things back (reason -> weight)."""

    reasons: dict[str, int]
    shops: tuple[Shop, ...]


def load_market() -> Market:
    """The demo's market."""
    return Market.model_validate(yaml.safe_load(_FILE.read_text(encoding="utf-8")))
