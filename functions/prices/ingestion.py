"""Taking in a feed that a retailer has dropped, from its first byte to the tasks of its stores.

Events come late and twice, and attempts die at any line. What has been read is in the workspace, part by part, each
written on the condition that it is not there; so whoever comes next, or at the same time, goes on behind the last part,
and all end with the same run.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Protocol

from functions.prices.feeds import START, Feed, FeedRefusedError, Position, run_id, stamp
from functions.prices.planning import Planning
from functions.prices.runs import NewRun, Run, Runs
from functions.prices.summary import Summary
from functions.prices.workspace import PartIndex
from shared.clock import Clock
from shared.errors import TransientError
from shared.events import StoredObject

if TYPE_CHECKING:
    from functions.prices.splitting import Part

_log = logging.getLogger(__name__)

FUNCTION = "ingest-price-feed"
# Of the function's 540 seconds; the rest is for the plan of a feed whose reading ends just then.
_READING = timedelta(minutes=5)

ReadParts = Callable[[BinaryIO, Feed, Position], Iterator["Part"]]


class Feeds(Protocol):
    """What this needs of the bucket of feeds."""

    def open(self, stored: StoredObject) -> BinaryIO:
        """One generation of a feed, to be read in a thread."""

    async def write_report(self, name: str, content: bytes) -> None:
        """Write a report, unless it is there."""


class Parts(Protocol):
    """What this needs of the workspace."""

    async def count(self, run_id: str) -> int:
        """How many parts of a run are there."""

    async def add(self, run_id: str, number: int, part: "Part") -> PartIndex:
        """Write a part, unless one of this number is there; the index of what is there now."""

    async def index(self, run_id: str, number: int) -> PartIndex:
        """The index of a part."""


@dataclass(frozen=True)
class Ingestion:
    """Works on events: for each part of a feed a request to write it and two for its index, beside the plan's writes.

    Args:
        read: cuts a stream into parts from a position on; it blocks.
        max_bad_share: of its lines, with which a feed is still taken.
    """

    runs: Runs
    planning: Planning
    feeds: Feeds
    workspace: Parts
    read: ReadParts
    max_bad_share: float
    clock: Clock

    async def run(self, stored: StoredObject) -> None:
        """Take in a feed, or see that there is nothing to be done about it.

        Raises:
            TransientError: something is out of reach, or the feed is so large that it goes on at the next delivery.
        """
        feed = Feed.of(stored.name)
        if feed is None:
            # One of our reports, or somebody else's business.
            return
        run = await self.runs.begin(_new_run(feed, stored))
        current = await self._take_in(run, feed, stored) if run.status == "ingesting" else run
        if current and current.status == "running" and not current.enqueued:
            await self.planning.enqueue(current)

    async def _take_in(self, run: Run, feed: Feed, stored: StoredObject) -> Run | None:
        """Read a feed and plan its run; ``None`` if it is refused."""
        try:
            await self._read(run.id, feed, stored)
        except FeedRefusedError as error:
            await self.runs.refuse(run, str(error))
            return None
        summary = await self._summary(run.id)
        report = await self._report(summary, feed.report_name(stored.generation))
        if refusal := summary.refusal(self.max_bad_share):
            await self.runs.refuse(run, refusal, summary.counts, report)
            return None
        stores = summary.stores()
        note = {
            "run": run.id,
            "lines": summary.counts.lines,
            "bad": summary.counts.bad,
            "stores": len(stores),
        }
        _log.info("prices.feed_read", extra=note)
        return await self.planning.plan(run, summary.counts, report, stores)

    async def _read(self, run_id: str, feed: Feed, stored: StoredObject) -> None:
        until = self.clock() + _READING
        while not await self._read_on(run_id, feed, stored, until):
            pass

    async def _read_on(self, run_id: str, feed: Feed, stored: StoredObject, until: datetime) -> bool:
        """Go on behind the last part; whether that led to the end of the feed."""
        number = await self.workspace.count(run_id)
        start = (await self.workspace.index(run_id, number - 1)).end if number else START
        with self.feeds.open(stored) as stream:
            parts = self.read(stream, feed, start)
            while part := await asyncio.to_thread(next, parts, None):
                index = await self.workspace.add(run_id, number, part)
                if index.end.offset != part.end:
                    # Somebody else has written this part, and with a version of this code that cuts elsewhere.
                    return False
                if self.clock() > until:
                    raise TransientError("The rest of this feed is read at the next delivery.")
                number += 1
        return True

    async def _summary(self, run_id: str) -> Summary:
        summary = Summary()
        for number in range(await self.workspace.count(run_id)):
            summary.add(number, await self.workspace.index(run_id, number))
        return summary

    async def _report(self, summary: Summary, name: str) -> str | None:
        content = summary.report()
        if content is None:
            return None
        await self.feeds.write_report(name, content)
        return name


def _new_run(feed: Feed, stored: StoredObject) -> NewRun:
    return NewRun(
        id=run_id(stored.bucket, stored.name, stored.generation),
        retailer=feed.retailer,
        feed=stored.name,
        generation=stored.generation,
        stamp=stamp(stored.time_created, stored.generation),
    )
