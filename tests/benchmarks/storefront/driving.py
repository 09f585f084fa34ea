"""The local cloud as retailers, the platform's people and customers use it: over HTTP only."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from tests.benchmarks.standstill import pause_schedules
from tests.benchmarks.storefront import feeds
from tests.benchmarks.storefront.market import Item, Market
from tests.benchmarks.system import Span, System, running

RETAILER = "grocer"
_IDLE = "/_local/idle?timeout=1800"
_AT_ONCE = 4
# What a rebuild says when it has moved the pointer.
BUILT = "storefront.built"
# Longer than changes of categories are gathered, and than a generation is kept that is not served any more.
GATHERED_SECONDS, GRACE_SECONDS = 60, 660


@dataclass(frozen=True)
class Logged:
    """A line of the functions' log. ``at`` is in seconds since the epoch, by this process's clock."""

    at: float
    fields: Mapping[str, Any]


class Storefronts:
    """A market's stores in a local cloud in which no schedule fires by itself.

    Args:
        directory: for feeds that are to be uploaded.
    """

    def __init__(self, system: System, market: Market, directory: Path) -> None:
        self.system = system
        self.market = market
        # By how many seconds the functions' clock is before ours.
        self._ahead = 0.0
        self._directory = directory
        self._feeds = 0

    async def plant(self) -> None:
        """Write the market's categories."""
        for body in feeds.categories(self.market):
            await self.system.call("POST", "/categories/batch", json=body)
        await self.later(GATHERED_SECONDS)

    async def rename(self, category_id: str, name: str) -> None:
        """Give a top category another name; all stores are told of it after a while."""
        await self.system.call("PUT", f"/categories/{category_id}", json={"name": name, "parent_id": None})

    def feed(self, stores: Sequence[tuple[int, str]], products: int) -> Path:
        """A file with the feed of these stores, by number and id."""
        self._feeds += 1
        path = self._directory / f"prices-{self._feeds}.csv"
        with path.open("wb") as file:
            file.writelines(feeds.feed(self.market, stores, products))
        return path

    async def drop(self, feed: Path) -> Span:
        """Upload a feed, and wait until its stores have been rebuilt.

        Raises:
            RuntimeError: its run has not ended as it should.
        """
        async with self.system.measured() as spans:
            with feed.open("rb") as body:
                await self.system.call("PUT", f"/_local/feeds/{RETAILER}/{feed.name}", data=body)
            await self.settled()
        newest = (await self.system.call("GET", "/price-runs?limit=1"))["runs"][0]
        if newest["status"] != "done":
            raise RuntimeError(f"the run of {feed.name} has not ended well: {newest}")
        return spans[0]

    async def see(self, store_id: str, name: str, items: Iterable[Item]) -> None:
        """Report the views and orders of a store's items; they show after its next rebuild.

        Args:
            name: under which the same report is not counted twice.
        """
        waiting = feeds.events(name, items)

        async def send() -> None:
            for body in waiting:
                await self.system.call("POST", f"/storefront/{store_id}/events", json=body)

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))

    async def rebuild(self, store_id: str) -> Span:
        """Ask for a rebuild, and wait until it is done."""
        async with self.system.measured() as spans:
            await self.system.call("POST", f"/storefront/{store_id}:rebuild")
            await self.settled()
        return spans[0]

    async def settled(self) -> None:
        """Wait until no task and no event is due."""
        await self.system.call("POST", _IDLE)

    async def later(self, seconds: float) -> None:
        """Let time pass, and what is due then come to its end."""
        moved = await self.system.call("POST", "/_local/clock:advance", json={"seconds": seconds})
        self._ahead = moved["offset"]
        await self.settled()

    async def sweep(self) -> Span:
        """Let the sweeper remove what is not needed any more."""
        async with self.system.measured() as spans:
            await self.system.call("POST", "/_local/schedules/storefrontSweeper:run")
            await self.settled()
        return spans[0]

    def logged(self, message: str) -> list[Logged]:
        """The lines of the functions' log that say so, in their order. Times are right since the clock moved last."""
        lines = (self.system.cloud.data_dir / "functions.log").read_bytes().splitlines()
        # Most lines are of other messages: only those that have the words are parsed.
        entries = (orjson.loads(line) for line in lines if message.encode() in line and line[:1] == b"{")
        return [
            Logged(datetime.fromisoformat(entry["time"]).timestamp() - self._ahead, entry)
            for entry in entries
            if entry["message"] == message
        ]


@asynccontextmanager
async def storefronts(market: Market) -> AsyncIterator[Storefronts]:
    """A fresh local cloud with the market's categories and no stores."""
    async with running() as system:
        pause_schedules(system.cloud.environment)
        with TemporaryDirectory(prefix="bench-storefront-") as directory:
            stores = Storefronts(system, market, Path(directory))
            await stores.plant()
            yield stores
