"""What may be asked of a list of products."""

from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.products.listing import ProductQuery, Sort, candidates, order_units
from functions.products.model import ProductContent, stored_fields
from infra.topology import load
from tests.unit.products.examples import content


def faults(**given: Any) -> Iterator[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        ProductQuery.model_validate(given)
    for error in caught.value.errors():
        yield str(error["loc"][0]), error["msg"]


def test_an_empty_query_string_asks_for_the_newest_twenty() -> None:
    query = ProductQuery.model_validate({})
    assert (query.sort, query.limit, query.cursor) == ("-created_at", 20, None)


def test_a_query_string_is_read_with_its_types() -> None:
    query = ProductQuery.model_validate({"limit": "100", "min_price": "0", "max_price": "9.99", "name": "Ø"})
    assert (query.limit, query.min_price, query.max_price, query.name) == (100, "0", "9.99", "Ø")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("limit", "0", "greater than or equal to 1"),
        ("limit", "101", "less than or equal to 100"),
        ("limit", "ten", "valid integer"),
        ("sort", "price", "'created_at'"),
        ("sort", "--created_at", "'created_at'"),
        ("name", "—★ ", "no letter or digit"),
        ("name", "a" * 201, "at most 200"),
        ("name", "a b c d e f g h i j k", "more than 10 words"),
        ("min_price", "-1", "match pattern"),
        ("min_price", "NaN", "match pattern"),
        ("min_price", "1e3", "match pattern"),
        ("max_price", "1.00001", "match pattern"),
        ("max_price", "٣", "match pattern"),
        ("cursor", "a" * 4_001, "at most 4000"),
        ("price", "1", "Extra inputs"),
    ],
)
def test_what_cannot_be_asked_is_named(name: str, value: str, reason: str) -> None:
    ((field, detail),) = faults(**{name: value})
    assert field == name
    assert reason in detail


def test_bounds_the_wrong_way_round_are_refused_at_the_upper_one() -> None:
    assert list(faults(min_price="10", max_price="9.9999")) == [
        ("max_price", "Value error, is below min_price")
    ]
    ProductQuery.model_validate({"min_price": "10", "max_price": "10.00"})


@given(st.integers(0, 10**12 - 1), st.integers(0, 4))
def test_a_bound_has_the_units_in_which_prices_are_stored(whole: int, decimals: int) -> None:
    price = f"{whole}.{'7' * decimals}" if decimals else str(whole)
    stored = stored_fields(ProductContent.model_validate(content(product_price=price, currency="CLF")))
    assert order_units(price) == stored["price_order"]


@pytest.mark.parametrize(
    "change", [{"name": "b"}, {"min_price": "1"}, {"max_price": "3"}, {"sort": "created_at"}]
)
def test_another_list_has_another_key(change: dict[str, str]) -> None:
    query = {"name": "a", "min_price": "0", "max_price": "2", "sort": "product_name"}
    assert ProductQuery.model_validate(query).key != ProductQuery.model_validate(query | change).key


def test_another_page_of_a_list_has_the_same_key() -> None:
    first, later = ProductQuery(name="a", limit=10), ProductQuery(name="a", limit=99, cursor="b")
    assert first.key == later.key


FILTERS = [{}, {"min_price": "1"}, {"name": "a"}, {"name": "a b", "min_price": "1", "max_price": "2"}]


def index_of(query: ProductQuery) -> tuple[str, ...]:
    """The index that Firestore wants for a query: what is equal or contained, then the order, in its direction."""
    client = AsyncClient(project="shop", credentials=AnonymousCredentials())
    asked = candidates(client.collection("products"), "seller", query)._to_protobuf()
    filters = asked.where.composite_filter.filters or [asked.where]
    equalities = {"EQUAL": "ASC", "ARRAY_CONTAINS": "CONTAINS"}
    fields = [
        f"{each.field_filter.field.field_path} {equalities[each.field_filter.op.name]}"
        for each in filters
        if each.field_filter.op.name in equalities
    ]
    *orders, by_name = asked.order_by
    assert (by_name.field.field_path, by_name.direction) == ("__name__", orders[-1].direction)
    return (
        *fields,
        *(f"{each.field.field_path} {each.direction.name.removesuffix('ENDING')}" for each in orders),
    )


def test_every_list_has_its_index_and_every_index_its_list() -> None:
    wanted = {
        index_of(ProductQuery.model_validate({"sort": sort} | filters))
        for sort, filters in product(get_args(Sort), FILTERS)
    }
    assert wanted == {index.fields for index in load().firestore.indexes if index.collection == "products"}
