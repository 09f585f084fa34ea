"""Many stores through the queues: what one of them costs, whether there are ten or a thousand."""

import asyncio
import sys
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tests.benchmarks.report import Bound, show
from tests.benchmarks.storefront.driving import BUILT, GATHERED_SECONDS, Storefronts
from tests.benchmarks.system import Span

# The first, the middle and the last stores of a wave are each a tenth of it.
_TENTHS = (("first", 0), ("middle", 5), ("last", 9))
_LOOK_SECONDS = 0.1
# All stores sell something below it.
_RENAMED = "d0"
# Of fewer stores' work, beginning and end say more than a store does.
_LEAST_FOR_SHAPE = 100
_FLAT = 1.3
_MEGABYTE = 1_000_000


class Moment(NamedTuple):
    """How much CPU functions and stand-ins had used by some time, in seconds."""

    at: float
    cpu: float


@dataclass(frozen=True)
class Wave:
    """Many stores rebuilt for the same reason.

    Attributes:
        span: from the reason to the last rebuilt storefront.
        built_at: when each was rebuilt, in seconds since the epoch, in this order.
        moments: from before the first until after the last.
    """

    span: Span
    built_at: Sequence[float]
    moments: Sequence[Moment]

    @property
    def stores(self) -> int:
        return len(self.built_at)

    @property
    def cpu(self) -> float:
        """CPU seconds a store."""
        return self.span.cpu / self.stores

    def tenth(self, number: int) -> tuple[float, float]:
        """Seconds and CPU seconds a store, from the first to the last of one tenth of the wave."""
        size = self.stores // 10
        began, ended = self.built_at[number * size], self.built_at[(number + 1) * size - 1]
        stores = max(size - 1, 1)
        return (ended - began) / stores, (self._cpu_at(ended) - self._cpu_at(began)) / stores

    def _cpu_at(self, at: float) -> float:
        """By the last look before then."""
        return self.moments[max(bisect_right(self.moments, (at,)) - 1, 0)].cpu


@dataclass(frozen=True)
class Fleet:
    """New stores that come in by one feed; then all stores there are, when a category has changed."""

    stores: int
    products: int
    fed: Wave
    told: Wave
    memory: int

    @property
    def waves(self) -> dict[str, Wave]:
        return {"fed by a feed": self.fed, "told of a category": self.told}


async def measure(stores: Storefronts, sizes: Sequence[int], products: int) -> list[Fleet]:
    """Let stores come in, more and more of them in one feed, and change a category in between.

    Args:
        products: of each store.

    Raises:
        RuntimeError: not each store was rebuilt once for each reason.
    """
    fleets, there = [], 0
    for size in sizes:
        there += size
        feed = stores.feed([(number, f"shop-{size}-{number}") for number in range(size)], products)
        fed = await _wave(stores, size, lambda feed=feed: stores.drop(feed))  # type: ignore[misc]
        feed.unlink()
        await stores.rename(_RENAMED, f"Everything for {size}")
        told = await _wave(stores, there, lambda: stores.later(GATHERED_SECONDS))
        fleets.append(Fleet(size, products, fed, told, stores.system.memory.bytes))
        print(f"{size:,} stores: {1 / fed.cpu:,.1f} a CPU second", file=sys.stderr)
    return fleets


async def _wave(stores: Storefronts, expected: int, cause: Callable[[], Awaitable[object]]) -> Wave:
    before = len(stores.logged(BUILT))
    async with stores.system.measured() as spans, _looking(stores) as moments:
        await cause()
    built = [line.at for line in stores.logged(BUILT)[before:]]
    if len(built) != expected:
        raise RuntimeError(f"{expected} stores should have been rebuilt, and {len(built)} were")
    return Wave(spans[0], built, moments)


@asynccontextmanager
async def _looking(stores: Storefronts) -> AsyncIterator[list[Moment]]:
    """The CPU that is used, looked at all the time during the block."""
    moments: list[Moment] = []

    async def look() -> None:
        while True:
            moments.append(Moment(time.time(), stores.system.cpu))
            await asyncio.sleep(_LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield moments
    finally:
        looking.cancel()


def show_fleets(fleets: Sequence[Fleet]) -> None:
    """Print what a store takes, by the number of stores and by its turn among them."""
    show(
        f"Stores of {fleets[0].products:,} products through the queues: what one of them takes",
        (
            "new",
            "",
            "stores",
            "ms",
            "CPU ms: functions",
            "stand-ins",
            "reads",
            "writes",
            "stores/s",
            "RSS MB",
        ),
        [_row(fleet, name, wave) for fleet in fleets for name, wave in fleet.waves.items()],
    )
    show(
        "The largest fleet, by turn: a tenth of the stores each",
        ("", "tenth", "ms a store", "CPU ms a store"),
        [
            (name, which, *(figure * 1e3 for figure in wave.tenth(number)))
            for name, wave in fleets[-1].waves.items()
            for which, number in _TENTHS
        ],
    )


def _row(fleet: Fleet, name: str, wave: Wave) -> tuple[object, ...]:
    span, stores = wave.span, wave.stores
    return (
        f"{fleet.stores:,}",
        name,
        stores,
        span.wall / stores * 1e3,
        span.functions_cpu / stores * 1e3,
        span.stand_ins_cpu / stores * 1e3,
        span.counts["reads"] / stores,
        span.counts["writes"] / stores,
        stores / span.wall,
        fleet.memory / _MEGABYTE,
    )


def bounds(fleets: Sequence[Fleet]) -> list[Bound]:
    """What is claimed: a store costs the same, whether it is one of few or of many, of the first or of the last."""
    large = [fleet for fleet in fleets if fleet.stores >= _LEAST_FOR_SHAPE]
    if not large:
        return []
    claims = []
    for name, largest in large[-1].waves.items():
        costs = [fleet.waves[name].cpu for fleet in large]
        first, *_, last = (largest.tenth(number)[1] for _, number in _TENTHS)
        claims += [
            Bound(f"CPU a store {name}: the dearest fleet over the cheapest", max(costs) / min(costs), _FLAT),
            Bound(f"CPU a store {name}: the last tenth over the first", last / first, _FLAT),
        ]
    return claims
