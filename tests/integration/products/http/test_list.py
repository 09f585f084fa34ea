"""Lists over HTTP: what can be asked, and how one gets from page to page.

What is on a list in which order, tests/integration/products/test_listing.py says.
"""

import httpx
import pytest

from tests.e2e.harness import LocalCloud
from tests.integration.products.http.caller import Caller
from tests.integration.refusals import refused
from tests.unit.products.examples import listed


def asked(caller: Caller, query: str = "") -> httpx.Response:
    return caller("GET", f"?{query}" if query else "")


def names(answer: httpx.Response) -> list[str]:
    return [product["product_name"] for product in answer.raise_for_status().json()["products"]]


@pytest.fixture(scope="module")
def shop(system: LocalCloud) -> Caller:
    """A seller with five products."""
    caller = Caller(system.http, system.token("seller", sub="shop"))
    prices = {"Boot": "30.00", "Élan": "10.00", "Clog": "20.00", "boat": "40.00", "Sandal": "50.00"}
    for name, price in prices.items():
        caller.create(product_name=name, product_price=price)
    return caller


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Sandal", "boat", "Clog", "Élan", "Boot"]),
        ("sort=created_at", ["Boot", "Élan", "Clog", "boat", "Sandal"]),
        ("sort=product_name", ["boat", "Boot", "Clog", "Élan", "Sandal"]),
        ("sort=-product_price", ["Sandal", "boat", "Boot", "Clog", "Élan"]),
        ("min_price=20&max_price=40", ["boat", "Clog", "Boot"]),
        ("name=bo", ["boat", "Boot"]),
        ("name=ELAN", ["Élan"]),
        ("name=bo&max_price=30&sort=product_price&limit=1", ["Boot"]),
        ("name=&min_price=&limit=&sort=", ["Sandal", "boat", "Clog", "Élan", "Boot"]),
        ("name=shoe", []),
        ("min_price=50.0001", []),
    ],
)
def test_a_list_is_filtered_and_sorted_as_asked(shop: Caller, query: str, found: list[str]) -> None:
    assert names(asked(shop, query)) == found


def test_a_product_on_a_list_is_as_it_is_alone(shop: Caller) -> None:
    for product in asked(shop).json()["products"]:
        assert product == listed(shop("GET", f"/{product['id']}").json())


def test_pages_follow_one_another_to_the_end(shop: Caller) -> None:
    pages, query = [], "sort=product_name&limit=2"
    page = asked(shop, query)
    while cursor := page.json()["next_cursor"]:
        pages.append(names(page))
        page = asked(shop, f"{query}&cursor={cursor}")
    assert [*pages, names(page)] == [["boat", "Boot"], ["Clog", "Élan"], ["Sandal"]]


def test_a_full_page_at_the_end_leads_nowhere(shop: Caller) -> None:
    assert asked(shop, "limit=5").json()["next_cursor"] is None


def test_a_user_without_products_gets_an_empty_list(seller: Caller) -> None:
    assert asked(seller).json() == {"products": [], "next_cursor": None}


def test_a_cursor_takes_another_page_size_along(shop: Caller) -> None:
    cursor = asked(shop, "limit=1").json()["next_cursor"]
    assert names(asked(shop, f"limit=3&cursor={cursor}")) == ["boat", "Clog", "Élan"]


def test_a_cursor_of_another_user_shows_nothing_of_theirs(shop: Caller, stranger: Caller) -> None:
    cursor = asked(shop, "limit=1").json()["next_cursor"]
    assert not {"boat", "Clog", "Élan", "Boot"} & set(names(asked(stranger, f"cursor={cursor}")))


@pytest.mark.parametrize("query", ["sort=product_name", "name=bo", "min_price=1", "max_price=99"])
def test_a_cursor_of_another_list_is_refused(shop: Caller, query: str) -> None:
    cursor = asked(shop, "limit=1").json()["next_cursor"]
    refused(asked(shop, f"{query}&cursor={cursor}"), 422, "validation-failed", "cursor")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(
            (f"min_price={price}", "min_price")
            for price in ("-1", "1e3", "NaN", "1,5", "1.00001", "9" * 13, "ten")
        ),
        *((f"max_price={price}", "max_price") for price in ("-0", "Infinity", "%00", "1%0a")),
        ("min_price=2&max_price=1", "max_price"),
        *((f"limit={limit}", "limit") for limit in ("0", "-1", "101", "1.5", "ten", "9" * 400)),
        *(
            (f"sort={sort}", "sort")
            for sort in ("price", "+created_at", "created_at,product_name", "user_id")
        ),
        *(
            (f"cursor={cursor}", "cursor")
            for cursor in ("x", "%00", "%ff", "AAAAAAAAAAA", "a" * 5_000, "__proto__")
        ),
        *((f"name={name}", "name") for name in ("x" * 201, "%20", "%F0%9F%98%80", "a%20" * 11)),
        *(("user_id=ann", "user_id"), ("colour=red", "colour"), ("Name=a", "Name"), ("%00=1", "\x00")),
        *(("limit=1&limit=1", "limit"), ("name=a&name=b", "name"), ("cursor=a&cursor=a", "cursor")),
    ],
    ids=lambda value: value[:30],
)
def test_a_list_that_cannot_be_made(shop: Caller, query: str, field: str) -> None:
    refused(asked(shop, query), 422, "validation-failed", field)
