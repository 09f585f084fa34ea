"""What is written at once fits: a page into a document, changes into a request, a store's lines into chunks."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.prices.assortments import commits
from functions.prices.merging import Filled, PageChange
from functions.prices.planning import CHUNK_LINES, chunk_of, chunks_of
from shared.assortments import MAX_PAGE_ITEMS, Page, encode_page

MIB = 1024 * 1024


def page(name: str) -> Page:
    """A page of as many and as long items as there may be."""
    skus = [f"{number:064}" for number in range(MAX_PAGE_ITEMS)]
    prices = [10**14] * MAX_PAGE_ITEMS
    currencies, available = ["EUR"] * MAX_PAGE_ITEMS, [False] * MAX_PAGE_ITEMS
    ids, names = ["i" * 64] * MAX_PAGE_ITEMS, [name] * MAX_PAGE_ITEMS
    return Page(skus, prices, currencies, available, ids, ids, names)


LARGEST = page("🧼" * 200)


def change(prefix: str, page: Page | None) -> PageChange:
    return PageChange(prefix, {prefix: Filled(page, ())}, 0)


def test_the_largest_page_fits_into_a_document() -> None:
    assert len(encode_page(LARGEST)) < MIB - 10_000


def test_changes_fit_into_requests_and_none_is_lost() -> None:
    changes = [change(f"{number:b}", LARGEST) for number in range(12)]
    parts = list(commits(changes))
    assert [each.change for part in parts for each in part] == changes
    assert all(sum(each.size for each in part) < 9 * MIB for part in parts)
    assert len(parts) == 2


@pytest.mark.parametrize(("pages", "expected"), [(0, [0]), (64, [64]), (65, [64, 1])])
def test_a_commit_has_as_many_pages(pages: int, expected: list[int]) -> None:
    small = Page(("a",), (1,), ("EUR",), (True,), ("c",), ("",), ("n",))
    parts = commits(change(str(number), small) for number in range(pages))
    assert [sum(each.pages for each in part) for part in parts] == expected


def test_changes_of_the_ledger_alone_need_no_commit_of_their_own() -> None:
    assert len(list(commits(change(str(number), None) for number in range(500)))) == 1


@given(st.integers(1, 3_000_000))
def test_a_store_is_cut_into_as_few_chunks_as_will_do(lines: int) -> None:
    chunks = chunks_of(lines)
    assert chunks.bit_count() == 1
    assert lines <= chunks * CHUNK_LINES
    assert chunks == 1 or lines > chunks // 2 * CHUNK_LINES


def test_each_chunk_has_its_share_of_the_items() -> None:
    shares = Counter(chunk_of(f"sku-{number}", 8) for number in range(8_000))
    assert sorted(shares) == list(range(8))
    assert all(800 < share < 1_200 for share in shares.values())
