"""What the database did, counted as Google bills it. https://cloud.google.com/firestore/pricing"""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

_INDEX_ENTRIES_PER_READ = 1_000


@dataclass
class Stats:
    """Billed document reads, writes and deletes, and RPCs by name."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    rpcs: Counter[str] = field(default_factory=Counter)

    def count_query(self, documents: int) -> None:
        """A query costs a read for each document, and one at least."""
        self.reads += max(1, documents)

    def count_aggregation(self, entries: int) -> None:
        """An aggregation costs a read for each 1,000 index entries, and one at least."""
        self.reads += max(1, ceil(entries / _INDEX_ENTRIES_PER_READ))
