"""Price feeds of retailers: good ones, and ways in which an export goes wrong."""

import gzip
from collections.abc import Iterator
from typing import NamedTuple

ITEMS = 300
HEADER = "store_id,sku,price,currency,available,name,category_id\n"
MIB = 2**20


class Poison(NamedTuple):
    """A feed that has to be refused, and how the reason begins that its retailer is told."""

    name: str
    content: bytes
    reason: str


def feed(store: str, price: str, *bad: str) -> bytes:
    """A store's items, all at one price; then bad lines."""
    lines = [f"{store},SKU-{number},{price},EUR,true,Item {number},food\n" for number in range(ITEMS)]
    return "".join([HEADER, *lines, *bad]).encode()


def bad_in_part(store: str, price: str) -> bytes:
    """Among good lines a quote that is never closed, a zero byte, a line of 100 KB and one of too few fields."""
    quote, zero = (
        f'{store},"SKU-1,2.00,EUR,true,Open,food\n',
        f"{store},SKU-2,\0,EUR,true,Zero,food\n",
    )
    return feed(store, price, quote, zero, f"{store},{'X' * 100_000}\n", f"{store},SKU-3\n")


def poison(store: str) -> Iterator[Poison]:
    """Feeds of a store, each of which would spoil it."""
    good = feed(store, "9.99")
    without_prices = [f"{store},SKU-1,free,EUR,true,No price,food\n"] * ITEMS
    yield Poison("half-bad.csv", feed(store, "9.99", *without_prices), f"{ITEMS} of")
    yield Poison("utf-16.csv", good.decode().encode("utf-16"), "Its header is not UTF-8")
    columns = ",".join(f"column-{number}" for number in range(5_000))
    yield Poison("wide.csv", f"{columns},{HEADER}".encode(), "Its header must name")
    yield Poison("bomb.csv.gz", _bomb(), "It is larger than")
    yield Poison("cut-off.csv.gz", gzip.compress(good)[:-20], "Its gzip compression is broken")
    stores = "".join(f"store-{number},A,1.00,EUR,true,A,food\n" for number in range(10_002))
    yield Poison("too-many-stores.csv", f"{HEADER}{stores}".encode(), "It has lines of more than")
    yield Poison("empty.csv", b"", "It is empty")


def _bomb() -> bytes:
    """2 MB that unpack to more than 2 GiB, all in one line."""
    return gzip.compress(HEADER.encode()) + gzip.compress(b"A" * (64 * MIB)) * 33
