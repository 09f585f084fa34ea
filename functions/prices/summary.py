"""What the parts of a feed come to: how many lines, where each store's are, and whether the feed is taken."""

from array import array
from collections.abc import Mapping, Sequence
from typing import overload

from functions.prices.planning import MAX_STORES, StoreLines
from functions.prices.reports import Report
from functions.prices.runs import Counts
from functions.prices.stores import Range
from functions.prices.workspace import PartIndex


class Summary:
    """Adds up the parts of a feed, in their order."""

    def __init__(self) -> None:
        self._good = 0
        self._bad = 0
        self._ranges: dict[str, _Ranges] = {}
        self._lines: dict[str, int] = {}
        self._report = Report()

    def add(self, number: int, index: PartIndex) -> None:
        """Add the next part."""
        self._good += index.good
        self._bad += index.bad
        self._report.add(index.bad_lines)
        for store, where in index.stores.items():
            if store not in self._ranges:
                if len(self._ranges) > MAX_STORES:
                    # Enough for a verdict; of a column of a million values only so many are kept.
                    continue
                self._ranges[store] = _Ranges()
            self._ranges[store].append(Range(number, where.offset, where.length))
            self._lines[store] = self._lines.get(store, 0) + where.lines

    @property
    def counts(self) -> Counts:
        return Counts(self._good + self._bad, self._good, self._bad)

    def report(self) -> bytes | None:
        """The report of the bad lines, if there are any."""
        return self._report.content(self._bad) if self._bad else None

    def stores(self) -> Mapping[str, StoreLines]:
        """Where each store's lines are."""
        return {store: StoreLines(ranges, self._lines[store]) for store, ranges in self._ranges.items()}

    def refusal(self, max_bad_share: float) -> str | None:
        """Why the feed cannot be taken, for its retailer to read; ``None`` if it can.

        Args:
            max_bad_share: of its lines, from 0 to 1, with which a feed is still taken.
        """
        good, bad = self._good, self._bad
        if not good and not bad:
            return "It has no lines."
        if not good or bad > max_bad_share * (good + bad):
            most = f"{max_bad_share * 100:g} %"
            return (
                f"{bad:,} of {good + bad:,} lines are bad, and a feed is taken with at most {most} of them. The report "
                "says what is wrong."
            )
        if len(self._ranges) > MAX_STORES:
            return f"It has lines of more than {MAX_STORES:,} stores. Is store_id the right column?"
        return None


class _Ranges(Sequence[Range]):
    """Ranges in 24 bytes each: a feed of thousands of stores in no order has a million of them."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def append(self, where: Range) -> None:
        self._numbers.extend(where)

    def __len__(self) -> int:
        return len(self._numbers) // 3

    @overload
    def __getitem__(self, index: int) -> Range: ...

    @overload
    def __getitem__(self, index: slice) -> list[Range]: ...

    def __getitem__(self, index: int | slice) -> Range | list[Range]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = range(len(self))[index] * 3
        return Range(*self._numbers[at : at + 3])
