"""Which queries Google's Firestore serves, and with which indexes, by the examples of its documentation."""

from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import BaseCompositeFilter, FieldFilter, Or

from infra.local.firestore.errors import FirestoreError
from infra.local.firestore.indexes import CompositeIndex, Exemption, Mode
from infra.local.firestore.production import ProductionIndexes, index_field, shape_of
from infra.local.firestore.queries import compile_query, with_aggregated

ROOT = "projects/p/databases/(default)/documents"
CLIENT: Any = AsyncClient(project="p", credentials=AnonymousCredentials())
MODES: dict[str, Mode] = {"ASC": "ASCENDING", "DESC": "DESCENDING", "CONTAINS": "CONTAINS"}


def declared(*indexes: str, exempt: str = "") -> ProductionIndexes:
    """Indexes of ``cities``, each as ``"country ASC, population DESC"``."""
    composites = [
        CompositeIndex("cities", [(path, MODES[mode]) for path, mode in map(str.split, each.split(", "))])
        for each in indexes
    ]
    return ProductionIndexes(composites, [Exemption("cities", exempt)] if exempt else [])


def cities(*filters: Any, order: str = "", group: bool = False) -> Any:
    """A query: filters as ``("state", "==", "CA")``, orders as ``"population DESC, name ASC"``."""
    query = CLIENT.collection_group("cities") if group else CLIENT.collection("cities")
    for each in filters:
        query = query.where(filter=each if isinstance(each, BaseCompositeFilter) else FieldFilter(*each))
    for path, mode in map(str.split, filter(None, order.split(", "))):
        query = query.order_by(path, direction=MODES[mode])
    return query.limit(9)._to_protobuf()._pb


def answer(indexes: ProductionIndexes, message: Any, summed: tuple[str, ...] = ()) -> list[str]:
    """The indexes that serve a query, or what is said of it when it is refused."""
    query = compile_query(ROOT, message)
    if summed:
        query = with_aggregated(query, [summed], message)
    try:
        return [", ".join(map(index_field, index)) for index in indexes.serving(shape_of(query))]
    except FirestoreError as error:
        return [error.message.partition(". ")[2]]


USA = ("country", "==", "USA")
BIG = ("population", ">", 690_000)


@pytest.mark.parametrize(
    ("message", "used"),
    [
        (cities(), [""]),
        (cities(order="__name__ ASC"), [""]),
        (cities(("__name__", ">=", CLIENT.document("cities/SF"))), [""]),
        (cities(("state", "==", "CA")), ["state ASC"]),
        (cities(("state", "==", None)), ["state ASC"]),
        (cities(("population", "<", 100_000)), ["population ASC"]),
        (cities(("population", "!=", 7)), ["population ASC"]),
        (cities(BIG, order="population DESC"), ["population DESC"]),
        (cities(order="name DESC, __name__ DESC"), ["name DESC"]),
        (cities(("country", "in", ["USA", "Japan"])), ["country ASC"]),
        (cities(("state", "==", "CO"), ("name", "==", "Denver")), ["name ASC", "state ASC"]),
        (cities(("state", "in", ["CO", "CA"]), ("name", "==", "Denver")), ["name ASC", "state ASC"]),
        (cities(("regions", "array_contains", "west")), ["regions CONTAINS"]),
        (cities(("regions", "array_contains_any", ["west", "east"])), ["regions CONTAINS"]),
        (cities(Or([FieldFilter(*USA), FieldFilter(*BIG)]), order="population ASC"), None),
        (cities(Or([FieldFilter(*USA), FieldFilter("state", "==", "CA")])), ["country ASC", "state ASC"]),
        (cities(("state", "in", ["CO", "CA"]), order="state DESC"), ["state DESC"]),
        (cities(("state", "in", ["CO", "CA"]), ("name", "in", ["Denver"])), ["name ASC", "state ASC"]),
        (cities(("population", "not-in", [7, 8])), ["population ASC"]),
        (cities(("population", ">", 7), ("population", "<", 9)), ["population ASC"]),
        (cities(USA, ("__name__", ">=", CLIENT.document("cities/SF"))), ["country ASC"]),
        (cities(Or([FieldFilter("population", "<", 1), FieldFilter(*BIG)])), ["population ASC"]),
        (cities(group=True), [""]),
        (cities(order="__name__ ASC", group=True), [""]),
    ],
)
def test_what_automatic_indexes_serve(message: Any, used: list[str] | None) -> None:
    found = answer(declared(), message)
    if used is None:
        assert found == [
            "Add to the indexes in infra/topology.yaml: "
            "{collection: cities, fields: [country ASC, population ASC]}"
        ]
    else:
        assert sorted(found) == used


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (cities(USA, order="population ASC"), "country ASC, population ASC"),
        (cities(USA, order="population DESC"), "country ASC, population DESC"),
        (cities(USA, BIG), "country ASC, population ASC"),
        (cities(("country", "in", ["USA", "Japan"]), BIG), "country ASC, population ASC"),
        (cities(BIG, ("area", "<", 9)), "area ASC, population ASC"),
        (cities(BIG, order="name ASC"), "name ASC, population ASC"),
        (cities(order="state ASC, name DESC"), "state ASC, name DESC"),
        (cities(order="name DESC, __name__ ASC"), "name DESC, __name__ ASC"),
        (cities(USA, order="__name__ DESC"), "country ASC, __name__ DESC"),
        (cities(("regions", "array_contains", "west"), USA), "country ASC, regions CONTAINS"),
        (cities(("regions", "array_contains", "west"), BIG), "regions CONTAINS, population ASC"),
        (
            cities(("regions", "array_contains_any", ["w", "e"]), order="name ASC"),
            "regions CONTAINS, name ASC",
        ),
        (cities(("state", "in", ["CO"]), order="name ASC"), "state ASC, name ASC"),
        (cities(USA, ("population", "!=", 7)), "country ASC, population ASC"),
        (cities(USA, ("population", "not-in", [7])), "country ASC, population ASC"),
        (cities(("population", "!=", None), order="name ASC"), "name ASC, population ASC"),
        (cities(USA, order="name DESC, __name__ ASC"), "country ASC, name DESC, __name__ ASC"),
    ],
)
def test_what_needs_a_composite_index_is_refused_without_it_and_served_with_it(
    message: Any, wanted: str
) -> None:
    advice = f"Add to the indexes in infra/topology.yaml: {{collection: cities, fields: [{wanted}]}}"
    assert answer(declared(), message) == [advice]
    assert answer(declared(wanted), message) == [wanted]


def test_an_index_is_read_in_one_direction_only() -> None:
    ascending = declared("country ASC, population ASC")
    assert answer(ascending, cities(USA, order="population DESC")) == [
        "Add to the indexes in infra/topology.yaml: {collection: cities, fields: [country ASC, population DESC]}"
    ]


def test_the_direction_and_place_of_a_field_with_one_value_are_of_no_matter() -> None:
    index = "state DESC, country ASC, population ASC"
    assert answer(declared(index), cities(USA, ("state", "==", "CA"), BIG)) == [index]


def test_a_field_that_the_query_does_not_hold_is_in_the_way() -> None:
    (refused,) = answer(declared("country ASC, state ASC, population ASC"), cities(USA, BIG))
    assert refused.startswith("Add")


def test_an_index_with_more_orders_leaves_documents_out() -> None:
    (refused,) = answer(declared("country ASC, population ASC, name ASC"), cities(USA, BIG))
    assert refused.startswith("Add")


def test_equalities_that_go_on_with_the_same_order_are_merged() -> None:
    by_rating = ["category ASC, rating ASC", "city ASC, rating ASC", "pick ASC, rating ASC"]
    query = cities(("category", "==", 1), ("city", "==", 2), ("pick", "==", 3), order="rating ASC")
    assert answer(declared(*by_rating), query) == by_rating
    assert answer(declared(*by_rating[:2]), query)[0].endswith(
        "[category ASC, city ASC, pick ASC, rating ASC]}"
    )


def test_an_index_for_the_query_alone_is_preferred() -> None:
    query = cities(("category", "==", 1), ("city", "==", 2), order="rating ASC")
    whole = "category ASC, city ASC, rating ASC"
    assert answer(declared("category ASC, rating ASC", "city ASC, rating ASC", whole), query) == [whole]


@pytest.mark.parametrize(
    "choice",
    [
        ("category", "in", [1, 4]),
        ("tags", "array_contains", "new"),
        Or([FieldFilter("category", "==", 1), FieldFilter("category", "==", 4)]),
    ],
)
def test_nothing_in_an_order_is_merged_but_equalities(choice: Any) -> None:
    parts = declared("category ASC, rating ASC", "city ASC, rating ASC", "tags CONTAINS, rating ASC")
    assert answer(parts, cities(choice, ("city", "==", 2), order="rating ASC"))[0].startswith("Add")


def test_a_field_with_a_value_and_an_order_counts_as_ordered() -> None:
    query = cities(USA, ("state", "==", "CA"), order="state DESC")
    assert answer(declared("country ASC, state DESC"), query) == ["country ASC, state DESC"]
    assert answer(declared("state ASC, country ASC"), query)[0].startswith("Add")


def test_a_sum_needs_its_field_in_the_index() -> None:
    assert answer(declared(), cities(), summed=("population",)) == ["population ASC"]
    index = "country ASC, population ASC"
    assert answer(declared(), cities(USA), summed=("population",))[0].endswith(f"[{index}]}}")
    assert answer(declared(index), cities(USA), summed=("population",)) == [index]


@pytest.mark.parametrize("message", [cities(("map.text", "==", 1)), cities(order="map.text DESC")])
def test_an_exempt_field_and_what_is_below_it_serve_nothing_by_themselves(message: Any) -> None:
    assert answer(declared(exempt="map"), message) == [
        "Remove from the exemptions in infra/topology.yaml: {collection: cities, field: map}"
    ]


def test_an_exempt_field_serves_in_a_composite_index() -> None:
    index = "country ASC, population ASC"
    assert answer(declared(index, exempt="population"), cities(USA, BIG)) == [index]


@pytest.mark.parametrize(
    "message", [cities(USA, group=True), cities(BIG, group=True), cities(order="population ASC", group=True)]
)
def test_a_collection_group_has_no_indexes(message: Any) -> None:
    assert answer(declared("country ASC, population ASC"), message) == [
        "It asks all collections cities, for which infra/topology.yaml can declare none."
    ]
