"""The law of merging: in whatever order feeds and their chunks come in, and how often, an item's last writer wins."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from functions.prices.lines_of_parts import Line
from functions.prices.merging import EMPTY_LEDGER, by_page, entered, last_lines, merge
from functions.prices.planning import chunk_of
from shared.assortments import EMPTY_PAGE, Ledger, Page, page_of, sku_hash

MAX_ITEMS = 3
CHUNKS = 2
SKUS = [f"sku-{number}" for number in range(20)]


def line(sku: str, price: int = 100, name: str = "Soap") -> Line:
    return Line(sku, price, "EUR", True, "care", "", name)


class Store:
    """An assortment in memory."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {"": EMPTY_PAGE}
        self.ledger: Ledger = EMPTY_LEDGER
        self.written = 0

    def merge(self, lines: Sequence[Line], stamp: str) -> None:
        changes = merge(
            self.ledger, self.pages, by_page(self.ledger.pages, last_lines(lines)), stamp, MAX_ITEMS
        )
        self.ledger = entered(self.ledger, changes)
        for change in changes:
            if change.is_split:
                del self.pages[change.prefix]
            written = {prefix: filled.page for prefix, filled in change.becomes.items() if filled.page}
            self.pages |= written
            self.written += len(written)

    @property
    def items(self) -> dict[str, Line]:
        rows = [Line(*row) for page in self.pages.values() for row in zip(*page, strict=True)]
        assert len(rows) == len({row.sku for row in rows}), "an item is on two pages"
        return {row.sku: row for row in rows}

    @property
    def deciding(self) -> dict[str, str]:
        return {
            sku: self.ledger.feeds[number]
            for prefix, page in self.pages.items()
            for sku, number in zip(page.skus, self.ledger.pages[prefix], strict=True)
        }

    def check(self) -> None:
        assert self.ledger.pages.keys() == self.pages.keys()
        for prefix, page in self.pages.items():
            assert list(page.skus) == sorted(page.skus)
            assert len(page.skus) <= MAX_ITEMS
            assert all(page_of(self.pages, sku_hash(sku)) == prefix for sku in page.skus)


feeds = st.dictionaries(
    st.sampled_from(["stamp-1", "stamp-2", "stamp-3"]),
    st.lists(st.builds(line, st.sampled_from(SKUS), st.integers(1, 3)), max_size=25),
    min_size=1,
)


def last_word(feeds: Mapping[str, Sequence[Line]]) -> dict[str, tuple[Line, str]]:
    """By SKU, the line that decides, and the stamp of its feed."""
    return {line.sku: (line, stamp) for stamp in sorted(feeds) for line in feeds[stamp]}


@given(feeds, st.data())
def test_the_last_writer_wins_whatever_the_order(
    feeds: Mapping[str, Sequence[Line]], data: st.DataObject
) -> None:
    chunks = [(stamp, chunk) for stamp in feeds for chunk in range(CHUNKS)]
    repeated = data.draw(st.lists(st.sampled_from(chunks), max_size=4))
    store = Store()
    for stamp, chunk in data.draw(st.permutations(chunks + repeated)):
        store.merge([each for each in feeds[stamp] if chunk_of(each.sku, CHUNKS) == chunk], stamp)
        store.check()
    expected = last_word(feeds)
    assert store.items == {sku: line for sku, (line, _) in expected.items()}
    assert store.deciding == {sku: stamp for sku, (_, stamp) in expected.items()}
    assert set(store.ledger.feeds) == set(store.deciding.values())


def test_a_feed_that_repeats_what_is_known_writes_no_page_and_has_the_last_word() -> None:
    store = Store()
    lines = [line(sku) for sku in SKUS]
    store.merge(lines, "stamp-1")
    written = store.written
    store.merge(lines, "stamp-3")
    store.merge([line(SKUS[0], price=1)], "stamp-2")
    assert store.written == written
    assert set(store.deciding.values()) == {"stamp-3"}


def test_only_the_page_of_a_changed_item_is_written() -> None:
    store = Store()
    store.merge([line(sku) for sku in SKUS], "stamp-1")
    written = store.written
    store.merge([line(sku, price=100 + (sku == SKUS[7])) for sku in SKUS], "stamp-2")
    assert store.written == written + 1


def test_a_feed_that_is_merged_again_changes_nothing_at_all() -> None:
    store = Store()
    lines = [line(sku) for sku in SKUS]
    store.merge(lines, "stamp-1")
    said = by_page(store.ledger.pages, last_lines(lines))
    assert merge(store.ledger, store.pages, said, "stamp-1", MAX_ITEMS) == []
