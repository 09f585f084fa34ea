"""Merging lines of a feed into an assortment: pure, on pages and their ledger (:mod:`shared.assortments`).

The last writer wins, item by item: of all feeds that have a line for an item, the one with the latest stamp decides,
and of its lines the last. That makes the result independent of the order in which feeds, and chunks of them, come in,
and of how often (docs/decisions/0012).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.prices.lines_of_parts import Line
from shared.assortments import EMPTY_PAGE, Ledger, Page, page_of, sku_hash

# An item of a page, in the order of a line's fields.
_Row = tuple[str, int, str, bool, str, str, str]
# And the stamp of the feed that decides about it.
_Item = tuple[_Row, str]

EMPTY_LEDGER = Ledger(feeds=(), pages={"": ()})
"""Of an assortment without items: one page."""


@dataclass(frozen=True)
class Filled:
    """A page after a merge: its items and, for each, the stamp of the feed that decides.

    Args:
        page: ``None`` for one whose items are as they were, and which need not be written.
    """

    page: Page | None
    stamps: Sequence[str]


@dataclass(frozen=True)
class PageChange:
    """What a merge makes of one page.

    Args:
        prefix: of the page as it was.
        becomes: by prefix; the page itself, or those that it was split into.
        items: how many of its items are new or other than before.
    """

    prefix: str
    becomes: Mapping[str, Filled]
    items: int

    @property
    def is_split(self) -> bool:
        """Whether the page as it was is gone."""
        return self.prefix not in self.becomes


def last_lines(lines: Iterable[Line]) -> dict[str, Line]:
    """By SKU, the last line of each."""
    return {line[0]: line for line in lines}


def by_page(prefixes: Iterable[str], lines: Mapping[str, Line]) -> dict[str, list[Line]]:
    """The lines of each page that has any."""
    known = frozenset(prefixes)
    pages: defaultdict[str, list[Line]] = defaultdict(list)
    for sku, line in lines.items():
        pages[page_of(known, sku_hash(sku))].append(line)
    return dict(pages)


def merge(
    ledger: Ledger,
    pages: Mapping[str, Page],
    lines: Mapping[str, Iterable[Line]],
    stamp: str,
    max_items: int,
) -> list[PageChange]:
    """What the feed of ``stamp`` changes: pages, or only who decides about their items.

    Args:
        pages: those that have lines, as they are.
        lines: by page, as :func:`by_page` has them: at most one for each SKU.
        max_items: a page with more is split.
    """
    changes = []
    for prefix, said in lines.items():
        stamps = deciding(ledger, prefix)
        items = list(zip(zip(*pages[prefix], strict=True), stamps, strict=True))
        merged, changed = _merged(items, said, stamp)
        if changed:
            changes.append(PageChange(prefix, dict(_split(prefix, merged, max_items)), changed))
        elif merged != items:
            filled = Filled(None, [decides for _, decides in merged])
            changes.append(PageChange(prefix, {prefix: filled}, 0))
    return changes


def deciding(ledger: Ledger, prefix: str) -> list[str]:
    """For each item of a page, the stamp of the feed that decides."""
    return [ledger.feeds[feed] for feed in ledger.pages[prefix]]


def _merged(items: Sequence[_Item], lines: Iterable[Line], stamp: str) -> tuple[list[_Item], int]:
    """The items of a page with lines of a feed among them, by SKU; and how many are new or other than before."""
    merged = {item[0][0]: item for item in items}
    changed = 0
    for line in lines:
        known = merged.get(line.sku)
        # Of the same feed it is what was merged before, by an attempt that died later on.
        if known is None or known[1] <= stamp:
            changed += known is None or known[0] != line
            merged[line.sku] = (line, stamp)
    return [merged[sku] for sku in sorted(merged)], changed


def _split(prefix: str, items: Sequence[_Item], max_items: int) -> Iterator[tuple[str, Filled]]:
    if len(items) <= max_items:
        yield prefix, _filled(items)
        return
    sides: tuple[list[_Item], list[_Item]] = ([], [])
    for item in items:
        # The next bit of the hash. To find enough SKUs that have all 32 in common would take longer than it is worth.
        sides[sku_hash(item[0][0]) >> (31 - len(prefix)) & 1].append(item)
    for bit, side in enumerate(sides):
        yield from _split(f"{prefix}{bit}", side, max_items)


def _filled(items: Sequence[_Item]) -> Filled:
    if not items:
        return Filled(EMPTY_PAGE, ())
    columns: tuple[Any, ...] = tuple(zip(*(row for row, _ in items), strict=True))
    return Filled(Page(*columns), [stamp for _, stamp in items])


def entered(ledger: Ledger, changes: Iterable[PageChange]) -> Ledger:
    """The ledger after some changes. Feeds that decide nothing any more are not in it."""
    numbers = {feed: number for number, feed in enumerate(ledger.feeds)}
    pages = dict(ledger.pages)
    for change in changes:
        del pages[change.prefix]
        for prefix, filled in change.becomes.items():
            pages[prefix] = [numbers.setdefault(stamp, len(numbers)) for stamp in filled.stamps]
    return _compacted(list(numbers), pages)


def _compacted(feeds: Sequence[str], pages: Mapping[str, Sequence[int]]) -> Ledger:
    used = sorted(set[int]().union(*pages.values()))
    if len(used) == len(feeds):
        return Ledger(feeds, pages)
    renumbered = {number: place for place, number in enumerate(used)}
    return Ledger(
        [feeds[number] for number in used],
        {prefix: [renumbered[number] for number in page] for prefix, page in pages.items()},
    )
