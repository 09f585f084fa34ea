from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.local.algolia.docset import bits_of, mask_of
from infra.local.algolia.order import StaticOrder

prices = st.none() | st.integers(0, 3)


@given(st.lists(st.lists(st.tuples(prices, st.booleans()), max_size=6), max_size=4))
def test_an_order_kept_up_to_date_equals_a_sort_of_the_living(rounds: list[list[tuple[Any, bool]]]) -> None:
    columns: dict[str, list[Any]] = {"price": []}
    ids: list[str] = []
    order = StaticOrder([("price", True)], columns, ids)
    alive: set[int] = set()
    # Enough to begin with that what comes later is merged in; it comes before, between and after by its ids.
    many = [(doc % 4, False) for doc in range(150)]
    for added in [many, *rounds]:
        for price, kills_oldest in added:
            if kills_oldest and alive:
                alive.remove(min(alive))
            alive.add(len(ids))
            columns["price"].append(price)
            ids.append(f"id{len(ids) * 7919 % 1000:03}")
        bits = bits_of(alive, len(ids))
        order.update(bits, len(ids))

        price_of = columns["price"]
        expected = sorted(alive, key=lambda doc: (price_of[doc] is None, -(price_of[doc] or 0), ids[doc]))
        assert list(order.among(mask_of(bits, len(ids)))) == expected
        assert [order.rank()[doc] for doc in expected] == list(range(len(expected)))


def test_missing_values_come_last_and_texts_descend() -> None:
    columns: dict[str, list[Any]] = {"name": ["a", None, "c", "b"]}

    for descending, expected in ((True, [2, 3, 0, 1]), (False, [0, 3, 2, 1])):
        order = StaticOrder([("name", descending)], columns, ["0", "1", "2", "3"])
        order.update(0b1111, 4)
        assert list(order.among(b"\1\1\1\1")) == expected
