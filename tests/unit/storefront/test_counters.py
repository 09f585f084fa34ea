from hypothesis import given
from hypothesis import strategies as st

from functions.storefront.counters import MAX_ITEMS, decode, encode, fold

SKUS = [f"sku-{number}" for number in range(8)]
events = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(0, 10**9), st.integers(0, 10**9)))


@given(events)
def test_counts_come_back_as_they_were_kept(sent: list[tuple[str, int, int]]) -> None:
    counts = fold({}, sent, SKUS)
    assert decode(encode(counts)) == counts


@given(events, events)
def test_events_add_up_whatever_they_come_with(
    first: list[tuple[str, int, int]], second: list[tuple[str, int, int]]
) -> None:
    assert fold(fold({}, first, SKUS), second, SKUS) == fold({}, second + first, SKUS)


def test_what_the_store_does_not_sell_counts_for_nothing() -> None:
    assert fold({"apple": (1, 1)}, [("pear", 1, 1), ("apple", 2, 0)], {"apple"}) == {"apple": (3, 1)}


def test_counts_are_in_as_many_documents_as_they_need() -> None:
    counts = {f"{number:064}": (number, 1) for number in range(MAX_ITEMS + 1)}
    contents = encode(counts)
    assert decode(contents) == counts
    assert len(contents) == 2
    assert all(len(content) < 2**20 for content in contents)
    assert encode({}) == []
