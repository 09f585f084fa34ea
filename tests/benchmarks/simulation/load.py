"""How much comes in, and when: a month's work, a sale day's curve, and the work of each second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

DAY = 86_400
HOUR = 3_600
_MONTH_DAYS = 30

SALE_DAY = 4.0
"""How much more comes in on a sale day than on an average day."""

FEEDS_BEGIN, FEEDS_END = 1 * HOUR, 5 * HOUR
"""When retailers' feeds come in, each night."""

PEAK_HOUR = 19
# The curve's sharpness: at 1.3 the busiest second has 2.5 times the mean of its day.
_SHARPNESS = 1.3


@dataclass(frozen=True)
class Month:
    """A month's work at 1x. The first four are issued figures; the others are assumptions about the same shop.

    Args:
        changes: products that sellers create, change or delete: one for each ten that are read.
        removals: images that are replaced, or go with their product: one in five.
        stores: that get a feed, and so a rebuild, each day.
    """

    returns: int = 1_000_000
    product_reads: int = 10_000_000
    images: int = 1_000_000
    stores: int = 1_000
    changes: int = 1_000_000
    removals: int = 200_000
    store_items: int = 50_000
    stores_a_feed: int = 50

    @property
    def events(self) -> int:
        """What the supply chain is told: each change, and each image, since a done one changes its product."""
        return self.changes + self.images


MONTH = Month()


def curve(second: ArrayLike) -> Any:
    """The rate at seconds of the day, over the day's mean: ``exp(k cos) / I0(k)``, the von Mises density.

    It is smooth, repeats each day, has its peak at :data:`PEAK_HOUR` and its trough twelve hours from there.
    """
    angle = 2 * np.pi * (np.asarray(second) - PEAK_HOUR * HOUR) / DAY
    return np.exp(_SHARPNESS * np.cos(angle)) / np.i0(_SHARPNESS)


PEAK = float(curve(PEAK_HOUR * HOUR))


def mean_rate(a_month: float) -> float:
    """Each second of an average day, of so many a month."""
    return a_month / (_MONTH_DAYS * DAY)


@dataclass(frozen=True)
class Stream:
    """What comes in over a sale day, of so many a month."""

    a_month: float

    def rate(self, second: ArrayLike) -> Any:
        """Arrivals a second, at seconds of the day."""
        return mean_rate(self.a_month) * SALE_DAY * curve(second)

    def counts(self, generator: np.random.Generator, ticks: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many arrive in each of some equal ticks, drawn as a Poisson process has them."""
        counts: NDArray[np.int64] = generator.poisson(self.rate(ticks) * (ticks[1] - ticks[0]))
        return counts


@dataclass(frozen=True)
class Flow:
    """Something that comes in: how much a month, and its busiest second over the month's mean."""

    a_month: float
    peak: float

    @property
    def mean(self) -> float:
        """Each second of an average day."""
        return mean_rate(self.a_month)


def flows(month: Month = MONTH) -> Mapping[str, Flow]:
    """What comes in at 1x. Shoppers and sellers have sale days; retailers send a feed a night, whatever the day."""
    by_day = {
        "returns that change": month.returns,
        "product reads": month.product_reads,
        "product changes": month.changes,
        "supply-chain events": month.events,
        "images": month.images,
    }
    a_month = month.stores * _MONTH_DAYS
    by_night = {"stores rebuilt": a_month, "feed lines": a_month * month.store_items}
    return {
        **{name: Flow(many, SALE_DAY * PEAK) for name, many in by_day.items()},
        **{name: Flow(many, DAY / (FEEDS_END - FEEDS_BEGIN)) for name, many in by_night.items()},
    }


def load_rows(factors: Sequence[int] = (1, 10, 100, 1_000)) -> list[list[object]]:
    """Each flow: a month at 1x, and its mean and peak a second at each factor."""
    return [
        [name, int(flow.a_month), flow.mean, *(flow.mean * flow.peak * factor for factor in factors)]
        for name, flow in flows().items()
    ]
