"""The geometry of the timeline of runs: pure, in a box of :data:`WIDTH` by :data:`HEIGHT`, which the page stretches.

Runs stand side by side, so that neither a quarter of an hour without any nor ten in a minute takes the room of the
others. Where none was for much longer than is usual, a gap is left and said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Literal

from functions.ops.runs import Run, RunStatus

WIDTH = 960.0
HEIGHT = 100.0
MAX_RUNS = 48
# Of a slot, between two bars.
_SPACE = 0.22
_NARROWEST_SLOTS = 24
_LOWEST = 1.5
# How much longer than usual no run has to begin for a gap.
_LONG = 2.5
_WRITTEN = ("saved", "deleted")

Look = Literal["good", "active", "bad", "stopped"]
_LOOKS: dict[RunStatus, Look] = {
    "waiting": "active",
    "running": "active",
    "cancelling": "active",
    "done": "good",
    "partial": "bad",
    "failed": "bad",
    "taken-over": "bad",
    "cancelled": "stopped",
}


@dataclass(frozen=True)
class Bar:
    """A run in a chart: ``value`` is what its height stands for."""

    run: Run
    look: Look
    x: float
    y: float
    width: float
    height: float
    value: float


@dataclass(frozen=True)
class Gap:
    """For ``seconds`` no run began; ``x`` is the middle of the place that is left."""

    x: float
    seconds: float


@dataclass(frozen=True)
class Timeline:
    """Two charts of the same runs, the oldest first, over one another: how long each took, and how many records.

    Args:
        records: those that a run has been through; ``written``, in the same scale, those that had changed.
    """

    durations: Sequence[Bar]
    records: Sequence[Bar]
    written: Sequence[Bar]
    gaps: Sequence[Gap]
    longest: float
    most: float


def timeline(newest_first: Sequence[Run], now: datetime) -> Timeline:
    """The newest :data:`MAX_RUNS` runs as charts."""
    runs = sorted(newest_first[:MAX_RUNS], key=lambda run: run.created_at)
    gaps = _gaps(runs)
    slots = max(_NARROWEST_SLOTS, len(runs) + len(gaps))
    width = WIDTH / slots
    # To the right: the latest run is always at the same place.
    place, places, shown = slots - len(runs) - len(gaps), [], []
    for index in range(len(runs)):
        if index in gaps:
            shown.append(Gap(round((place + 0.5) * width, 2), gaps[index]))
            place += 1
        places.append(place * width)
        place += 1
    seconds = [run.seconds(now) for run in runs]
    records = [float(run.done or 0) for run in runs]
    written = [float(sum(run.counts.get(name, 0) for name in _WRITTEN)) for run in runs]
    most = max(records, default=0.0)
    return Timeline(
        _bars(runs, places, width, seconds, max(seconds, default=0.0)),
        _bars(runs, places, width, records, most),
        _bars(runs, places, width, written, most),
        shown,
        max(seconds, default=0.0),
        most,
    )


def _gaps(runs: Sequence[Run]) -> dict[int, float]:
    """The seconds before a run that began much later than is usual, by its place."""
    pauses = [(after.created_at - before.created_at).total_seconds() for before, after in pairwise(runs)]
    usual = median(pauses) if pauses else 0.0
    return {place: pause for place, pause in enumerate(pauses, 1) if pause > max(_LONG * usual, 60.0)}


def _bars(
    runs: Sequence[Run], places: Sequence[float], width: float, values: Sequence[float], highest: float
) -> list[Bar]:
    """A bar for each run; the least that there is can still be seen, and nothing is nothing."""
    bars = []
    for run, x, value in zip(runs, places, values, strict=True):
        height = min(HEIGHT, max(_LOWEST, value / highest * HEIGHT)) if value else 0.0
        left, top = round(x + width * _SPACE / 2, 2), round(HEIGHT - height, 2)
        bars.append(
            Bar(run, _LOOKS[run.status], left, top, round(width * (1 - _SPACE), 2), round(height, 2), value)
        )
    return bars
