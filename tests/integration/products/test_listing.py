"""Lists of products on the local Firestore: what is on them, in which order, and what a page costs."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any, get_args

import pytest
from google.cloud.firestore import AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.products import listing as listing_module
from functions.products.listing import Listing, ProductQuery, Sort
from functions.products.model import ProductContent, ProductSummary, stored_fields
from functions.products.names import name_order, words
from infra.local.cloud import Cloud
from shared import cursors
from shared.problems import Problem
from tests.unit.products.examples import content

START = datetime(2026, 11, 20, tzinfo=UTC)
USER = "seller-1"
SORTS = get_args(Sort)
_users = count()

Products = dict[str, dict[str, Any]]


def product(name: str = "Boot", price: str = "1", minutes: int = 0, **changes: Any) -> dict[str, Any]:
    """A product's document, created some minutes after the start."""
    said = ProductContent.model_validate(content(product_name=name, product_price=price) | changes)
    at = START + timedelta(minutes=minutes)
    own = {"user_id": USER, "version": 1, "created_at": at, "updated_at": at, "compressed_product_images": []}
    return stored_fields(said) | own


async def store(db: AsyncClient, products: Products) -> None:
    writer = db.batch()
    for product_id, fields in products.items():
        writer.set(db.collection("products").document(product_id), fields)
    await writer.commit()


async def pages(db: AsyncClient, user: str = USER, **asked: Any) -> AsyncIterator[list[str]]:
    """The ids on each page of a list, one page after the other."""
    cursor = None
    while True:
        page = await Listing(db).page(user, ProductQuery.model_validate(asked | {"cursor": cursor}))
        yield [each["id"] for each in page.products]
        cursor = page.next_cursor
        if cursor is None:
            return


async def ids(db: AsyncClient, user: str = USER, **asked: Any) -> list[str]:
    """The ids on all pages of a list."""
    return [product_id async for page in pages(db, user, **asked) for product_id in page]


async def test_a_product_is_listed_with_what_it_shows_and_nothing_else(db: AsyncClient) -> None:
    stored = product("Größe 42", "12.50")
    await store(db, {"p1": stored})
    (listed,) = (await Listing(db).page(USER, ProductQuery())).products
    assert listed == {name: stored.get(name) for name in ProductSummary.model_fields} | {"id": "p1"}


async def test_the_products_of_others_are_not_listed(db: AsyncClient) -> None:
    await store(db, {"mine": product(), "theirs": product() | {"user_id": "seller-2"}})
    for sort in SORTS:
        assert await ids(db, sort=sort) == ["mine"]
        assert await ids(db, sort=sort, name="boot", min_price="1") == ["mine"]


async def test_a_user_without_products_has_one_empty_page(db: AsyncClient) -> None:
    assert [page async for page in pages(db)] == [[]]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("GROSSE", ["a"]),
        ("größ", ["a"]),
        ("schuhe gr", ["a"]),
        ("gr schuhe", ["a"]),
        ("schuhe", ["a", "b"]),
        ("chuhe", []),
        ("schuhe schuhe", ["a", "b"]),
        ("42 schuh", ["a"]),
        ("schuhe 43", []),
        ("donaudampfschif", ["c", "d"]),
        ("Donaudampfschifffahrts", ["c"]),
        ("donaudampfschifffahrtx", []),
    ],
)
async def test_a_name_is_found_by_beginnings_of_its_words_in_any_order(
    db: AsyncClient, name: str, found: list[str]
) -> None:
    await store(
        db,
        {
            "a": product("Schuhe, Größe 42", minutes=1),
            "b": product("SCHUHE", minutes=2),
            "c": product("Donaudampfschifffahrtsmütze", minutes=3),
            "d": product("Donaudampfschiff", minutes=4),
        },
    )
    assert await ids(db, name=name, sort="created_at") == found


async def test_prices_of_all_currencies_compare_as_numbers(db: AsyncClient) -> None:
    await store(
        db,
        {
            "eur": product(price="100.01"),
            "jpy": product(price="100", currency="JPY"),
            "kwd": product(price="100.005", currency="KWD"),
            "clf": product(price="99.9999", currency="CLF"),
        },
    )
    assert await ids(db, sort="product_price") == ["clf", "jpy", "kwd", "eur"]
    assert await ids(db, sort="-product_price", min_price="100", max_price="100.005") == ["kwd", "jpy"]


# Few of each, so that they meet.
names = st.lists(
    st.sampled_from(["red", "Réd", "boot", "boots", "Donaudampfschiff", "-"]), min_size=1, max_size=3
)
moneys = st.sampled_from([("1", "EUR"), ("1", "JPY"), ("1.005", "KWD"), ("2", "EUR"), ("10", "JPY")])
shops = st.lists(st.tuples(names.map(" ".join), moneys, st.integers(0, 3)), max_size=25)
queries = st.fixed_dictionaries(
    {"sort": st.sampled_from(SORTS), "limit": st.integers(1, 7)},
    optional={
        "name": st.sampled_from(["red", "b", "boot red", "boots re", "donaudampfschiff", "do b", "none"]),
        "min_price": st.sampled_from(["0", "1", "1.0049", "3"]),
        "max_price": st.sampled_from(["3", "10"]),
    },
)


def expected(products: Products, query: ProductQuery) -> list[str]:
    """The list, from its definition."""

    def key(item: tuple[str, dict[str, Any]]) -> tuple[Any, ...]:
        product_id, fields = item
        first = {
            "created_at": (fields["created_at"],),
            "product_price": (),
            "product_name": (name_order(fields["product_name"]),),
        }[query.sort.lstrip("-")]
        return (*first, fields["price_order"], product_id)

    def wanted(fields: dict[str, Any]) -> bool:
        low, high = float(query.min_price or 0), float(query.max_price or "inf")
        return low <= fields["price_order"] / 10_000 <= high and all(
            any(word.startswith(part) for word in words(fields["product_name"]))
            for part in words(query.name or "")
        )

    ordered = sorted(products.items(), key=key, reverse=query.sort.startswith("-"))
    return [product_id for product_id, fields in ordered if wanted(fields)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shops, queries)
async def test_the_pages_of_a_list_hold_what_it_should_in_its_order(
    db: AsyncClient, shop: list[tuple[str, tuple[str, str], int]], asked: dict[str, Any]
) -> None:
    user = f"drawn-{next(_users)}"
    products = {
        f"{user}-{number}": product(name, price, minutes, currency=currency) | {"user_id": user}
        for number, (name, (price, currency), minutes) in enumerate(shop)
    }
    await store(db, products)
    found = [page async for page in pages(db, user, **asked)]
    assert [product_id for page in found for product_id in page] == expected(
        products, ProductQuery.model_validate(asked)
    )
    assert all(len(page) == asked["limit"] for page in found[:-1])


@pytest.mark.parametrize("sort", SORTS)
async def test_who_pages_while_others_write_sees_what_stays_once_and_in_order(
    db: AsyncClient, sort: str
) -> None:
    staying = {f"stays-{n:02}": product(f"Boot {n * 7 % 5}", str(n % 3), n // 4) for n in range(30)}
    passing = {f"goes-{n:02}": product(f"Boot {n % 5}", str(n % 3), n // 2) for n in range(16)}
    await store(db, staying | passing)
    seen: list[str] = []
    arriving = iter(passing.items())
    async for page in pages(db, sort=sort, limit=5):
        seen += page
        for product_id in passing.keys() & set(page):  # the next page may begin behind one of these
            await db.collection("products").document(product_id).delete()
        await store(db, {f"new-{product_id}": fields for product_id, fields in islice(arriving, 3)})
    query = ProductQuery.model_validate({"sort": sort})
    assert [product_id for product_id in seen if product_id in staying] == expected(staying, query)


def reads(cloud: Cloud) -> int:
    """Documents read until now, as Google bills them."""
    if cloud.firestore is None:
        pytest.skip("another emulator does not count its reads")
    return cloud.firestore.stats.reads


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "filters",
    [{}, {"name": "boot"}, {"min_price": "10", "max_price": "70"}, {"name": "b", "min_price": "10"}],
)
async def test_a_page_reads_what_it_shows_and_one_document_more_to_know_whether_there_is_another(
    cloud: Cloud, db: AsyncClient, sort: str, filters: dict[str, str]
) -> None:
    await store(db, {f"p{n:02}": product(price=str(n), minutes=n * 7 % 80) for n in range(80)})
    before = reads(cloud)
    *others, last = [len(page) async for page in pages(db, sort=sort, **filters)]
    assert others == [20, 20, 20]
    assert reads(cloud) - before == 3 * 21 + last


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that gives up after 9 documents."""
    monkeypatch.setattr(listing_module, "MAX_READS", 9)
    monkeypatch.setattr(listing_module, "_CHUNK", 4)


async def store_needles(db: AsyncClient) -> None:
    """32 products with one word, three of them with another."""
    needles = {7: "Winterstiefel rot", 8: "Rote Winterstiefel", 30: "Rot Winterstiefel"}
    await store(db, {f"p{n:02}": product(needles.get(n, "Winterstiefel"), minutes=n) for n in range(32)})


@pytest.mark.usefixtures("impatient")
async def test_a_long_search_goes_on_in_short_pages(db: AsyncClient) -> None:
    await store_needles(db)
    found = [page async for page in pages(db, name="rot winterstiefel", sort="created_at", limit=2)]
    assert found == [["p07", "p08"], [], [], ["p30"]]


@pytest.mark.usefixtures("impatient")
async def test_a_page_of_a_long_search_reads_no_more_than_its_bound(cloud: Cloud, db: AsyncClient) -> None:
    await store_needles(db)
    before = reads(cloud)
    async for _ in pages(db, name="rot winterstiefel", sort="created_at", limit=2):
        assert reads(cloud) - before <= 9
        before = reads(cloud)


async def refusal(db: AsyncClient, **asked: Any) -> str:
    with pytest.raises(Problem) as caught:
        await Listing(db).page(USER, ProductQuery.model_validate(asked))
    assert caught.value.status == 422
    (error,) = caught.value.errors
    assert error["field"] == "cursor"
    return error["detail"]


async def test_a_cursor_is_good_for_its_own_list_only(db: AsyncClient) -> None:
    await store(db, {f"p{n}": product(minutes=n) for n in range(3)})
    first = await Listing(db).page(USER, ProductQuery(limit=1))
    assert "another query" in await refusal(db, cursor=first.next_cursor, sort="created_at")
    assert "another query" in await refusal(db, cursor=first.next_cursor, min_price="0")
    wider = await Listing(db).page(USER, ProductQuery(limit=2, cursor=first.next_cursor))
    assert [each["id"] for each in wider.products] == ["p1", "p0"]


@pytest.mark.parametrize(
    "position", [(START, 1), (START, "1", "p"), (START, 1, "a/b"), (START, 1, ""), ("x", 1, "p")]
)
async def test_a_cursor_that_leads_nowhere_is_refused(db: AsyncClient, position: Sequence[Any]) -> None:
    made_up = cursors.encode(ProductQuery().key, position)
    assert "not a cursor" in await refusal(db, cursor=made_up)
