"""Joining ordered stores: nothing is left out and nothing comes twice, wherever pages end and a walk goes on."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs.joining import Group, grouped, joined, paged, settled

keys = st.text("abc", min_size=1, max_size=3)
stores = st.lists(st.lists(keys, max_size=12).map(sorted), min_size=1, max_size=4)
limits = st.integers(1, 5)


def walked(store: Sequence[str], limit: int, after: str = "") -> AsyncIterator[Group]:
    """A store of items that are their own keys, several of some, a page of ``limit`` at a time."""
    items = [(key, place) for place, key in enumerate(store) if key > after]

    async def page(last: Any, limit: int) -> list[Any]:
        return [item for item in items if last is None or item[1] > last[1]][:limit]

    return grouped(paged(page, limit), lambda item: str(item[0]))


def summary(key: str, groups: list[list[Any]]) -> tuple[str, list[int]]:
    return key, [len(group) for group in groups]


def expected(every: Sequence[Sequence[str]], after: str = "") -> list[tuple[str, list[int]]]:
    counts = [Counter(store) for store in every]
    known = sorted({key for store in every for key in store if key > after})
    return [(key, [count[key] for count in counts]) for key in known]


@given(stores, limits)
async def test_each_key_comes_once_in_order_with_all_that_each_store_has_of_it(
    every: list[list[str]], limit: int
) -> None:
    pairs = joined([walked(store, limit) for store in every])
    assert [summary(key, groups) async for key, groups in pairs] == expected(every)


@given(stores, limits, keys)
async def test_a_walk_that_goes_on_behind_a_key_finds_the_rest(
    every: list[list[str]], limit: int, after: str
) -> None:
    pairs = joined([walked(store, limit, after) for store in every])
    assert [summary(key, groups) async for key, groups in pairs] == expected(every, after)


async def test_a_store_out_of_order_is_not_believed() -> None:
    with pytest.raises(ValueError, match="'a' comes after 'b'"):
        async for _ in joined([walked(["b", "a"], 5)]):
            pass


async def test_a_page_is_not_read_before_it_is_wanted() -> None:
    read: list[Any] = []

    async def page(after: Any, limit: int) -> list[int]:
        read.append(after)
        first = 0 if after is None else after + 1
        return list(range(first, first + limit))

    items = paged(page, 3)
    for _ in range(3):
        await anext(items)
    assert read == [None]


class Changing:
    """Something that is looked at."""

    def __init__(self, *looks: str) -> None:
        self.looks = list(looks)

    async def look(self) -> str:
        return self.looks.pop(0)


@pytest.mark.parametrize(
    ("looks", "found"),
    [(["a", "x"], "a"), (["b", "b", "x"], "b"), (["b", "c", "c"], "c"), (["b", "a", "b", "a"], None)],
)
async def test_what_two_looks_in_a_row_agree_on_is_so(looks: list[str], found: str | None) -> None:
    assert await settled("a", Changing(*looks).look) == found
