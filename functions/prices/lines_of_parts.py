"""Good lines as parts of a feed hold them: read back without what it took to make them."""

from typing import NamedTuple


class Line(NamedTuple):
    """One item of one store, of a feed.

    Attributes:
        price: in minor units of ``currency``.
        product_id: empty when the item is not linked to the catalog.
    """

    sku: str
    price: int
    currency: str
    available: bool
    category_id: str
    product_id: str
    name: str


def read_lines(content: bytes) -> list[Line]:
    """The lines of a range of a part: of one store, in the order of the feed.

    Args:
        content: UTF-8, with a line feed after each line and tabs between its seven fields, which hold neither.
    """
    lines = (line.split("\t") for line in content.decode().split("\n")[:-1])
    return [
        Line(sku, int(price), currency, available == "1", category_id, product_id, name)
        for sku, price, currency, available, category_id, product_id, name in lines
    ]
