"""Plans a run whose feed has been read: a document and a latch for each store, a latch for the run, then the tasks.

All of it can be done again from the beginning, after a death or by a twin: the documents follow from the feed alone,
and are created, never replaced.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from functions.prices.runs import Counts, Run
from shared.assortments import sku_hash

MAX_STORES = 10_000
"""Stores in one feed; more are taken for a wrong column, and the feed is refused."""

# As many lines as a task is to have on average: some seconds' work, and some megabytes.
CHUNK_LINES = 20_000


class Range(NamedTuple):
    """Where lines of a store are: in a part's content, from a byte ``offset``, ``length`` bytes."""

    part: int
    offset: int
    length: int


@dataclass(frozen=True)
class StoreLines:
    """Where all lines of a store are, in the order of the feed, and how many they are."""

    ranges: Sequence[Range]
    lines: int


@dataclass(frozen=True)
class Planning:
    """Plans runs and enqueues their tasks."""

    async def plan(
        self, run: Run, counts: Counts, report: str | None, stores: Mapping[str, StoreLines]
    ) -> Run:
        """Make of an ``ingesting`` run a ``running`` one. Two writes a store, 200 stores a commit.

        Args:
            stores: by id, at least one and no more than :data:`MAX_STORES`.

        Returns:
            The run as it is now, also when somebody else has planned it meanwhile.

        Raises:
            TransientError: somebody else keeps writing the run.
        """
        raise NotImplementedError

    async def enqueue(self, run: Run) -> None:
        """Put all tasks of a run's latest series on the queue, each once however often this is done."""
        raise NotImplementedError


def chunks_of(lines: int) -> int:
    """Into how many chunks a store's lines are cut: a power of two, as chunks are made of hashes."""
    chunks = 1
    while lines > chunks * CHUNK_LINES:
        chunks *= 2
    return chunks


def chunk_of(sku: str, chunks: int) -> int:
    """The chunk of an item: the first bits of its hash, so that no two chunks share a page of a large assortment."""
    return sku_hash(sku) * chunks >> 32
