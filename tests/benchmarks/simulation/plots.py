"""The plots of docs/scale.md: the same bytes for the same day, and readable on light and dark pages alike."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from infra.topology import Topology
from tests.benchmarks.simulation.day import Outcome
from tests.benchmarks.simulation.figures import duration
from tests.benchmarks.simulation.load import HOUR
from tests.benchmarks.simulation.queues import Sample
from tests.benchmarks.simulation.services import ALGOLIA_SLOW, PARTNER_DOWN

# Halfway between black and white, and colours that stand out from both.
_INK = "#808080"
_DUE, _PAUSING, _LIMIT = "#d9822b", "#3d8fd1", "#c0504d"
_LOADS = ("#3d8fd1", "#d9822b", "#c0504d")
# The most of each ten minutes, to a hundredth of a point's width: finer than the lines are wide.
_BIN = 600
_DIGITS = re.compile(r"(\.\d\d)\d+")
_TROUBLES = {
    "returnSync": ALGOLIA_SLOW,
    "returnSyncProcessing": ALGOLIA_SLOW,
    "supplyChainSync": PARTNER_DOWN,
}
_STYLE: Any = {
    "svg.hashsalt": "backstock",
    "svg.fonttype": "none",
    "path.simplify": True,
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _INK,
    "grid.alpha": 0.25,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}

# Outcomes by load, and there by queue.
Outcomes = Mapping[int, Mapping[str, Outcome]]


def draw(topology: Topology, outcomes: Outcomes, folder: Path) -> list[Path]:
    """Draw all plots; the files."""
    queues = list(topology.queues)
    with matplotlib.rc_context(_STYLE):
        drawings = {
            "backlog.svg": _backlog(outcomes, queues),
            "latency.svg": _latency(outcomes, queues),
            "instances.svg": _instances(topology, outcomes, queues),
        }
        return [_save(figure, folder / name) for name, figure in drawings.items()]


def _save(figure: Figure, file: Path) -> Path:
    figure.savefig(file, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    # Matplotlib leaves spaces at the ends of lines.
    lines = (_DIGITS.sub(r"\1", line.rstrip()) for line in file.read_text().splitlines())
    file.write_text("\n".join(lines) + "\n")
    return file


def _backlog(outcomes: Outcomes, queues: Sequence[str]) -> Figure:
    figure = Figure(figsize=(10, 1.5 * len(queues)), layout="tight")
    grid = figure.subplots(len(queues), len(outcomes), sharex=True, squeeze=False)
    for column, (load, by_queue) in enumerate(outcomes.items()):
        for row, queue in enumerate(queues):
            axes = grid[row][column]
            axes.set_title(f"{queue}, {load:,}x", color=_INK, fontsize=8)
            _waiting(axes, by_queue[queue])
    grid[0][0].legend(frameon=False, loc="upper left", fontsize=7)
    return figure


def _waiting(axes: Axes, outcome: Outcome) -> None:
    hours, due = _most(outcome, lambda sample: sample.due)
    _, pausing = _most(outcome, lambda sample: sample.pausing)
    axes.stackplot(hours, due, pausing, colors=[_DUE, _PAUSING], labels=["due", "in a pause"], linewidth=0)
    _day(axes, outcome.queue)
    axes.set_ylim(0, max(1, *(a + b for a, b in zip(due, pausing, strict=True))) * 1.05)


def _most(outcome: Outcome, value: Callable[[Sample], int]) -> tuple[list[float], list[int]]:
    """The highest value of each stretch of time, by the hour in which it begins."""
    most: dict[int, int] = {}
    for sample in outcome.samples:
        stretch = int(sample.at // _BIN)
        most[stretch] = max(most.get(stretch, 0), value(sample))
    return [stretch * _BIN / HOUR for stretch in most], list(most.values())


def _instances(topology: Topology, outcomes: Outcomes, queues: Sequence[str]) -> Figure:
    figure = Figure(figsize=(10, 7), layout="tight")
    grid = figure.subplots((len(queues) + 1) // 2, 2, sharex=True, squeeze=False)
    cells = [axes for row in grid for axes in row]
    for axes, queue in zip(cells, queues, strict=False):
        _busy(axes, topology.queues[queue].target, {load: each[queue] for load, each in outcomes.items()})
        most = topology.functions[topology.queues[queue].target].max_instances
        axes.axhline(most, color=_INK, lw=0.8, ls=":")
        axes.set_ylim(0, most * 1.1)
    cells[0].legend(frameon=False, loc="upper left", fontsize=7, bbox_to_anchor=(0, 0.9))
    for axes in cells[len(queues) :]:
        axes.set_visible(False)
    return figure


def _busy(axes: Axes, function: str, by_load: Mapping[int, Outcome]) -> None:
    # The largest load first, so that the others are drawn over it.
    for colour, (load, outcome) in reversed(list(zip(_LOADS, by_load.items(), strict=False))):
        hours, busy = _most(outcome, lambda sample: sample.instances)
        axes.plot(hours, busy, color=colour, lw=0.9, label=f"{load:,}x")
    axes.set_title(function, color=_INK, fontsize=8)
    _day(axes, next(iter(by_load.values())).queue)


def _day(axes: Axes, queue: str) -> None:
    """A day's hours, with the time in which something is wrong."""
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    if trouble := _TROUBLES.get(queue):
        axes.axvspan(trouble.start / HOUR, trouble.end / HOUR, color=_LIMIT, alpha=0.2, lw=0, zorder=0)


def _short(value: float, _position: int) -> str:
    """A number on an axis: 20k, 1.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _latency(outcomes: Outcomes, queues: Sequence[str]) -> Figure:
    figure = Figure(figsize=(10, 4))
    axes = figure.subplots()
    for index, (colour, (load, by_queue)) in enumerate(zip(_LOADS, outcomes.items(), strict=False)):
        for row, queue in enumerate(queues):
            _range(axes, by_queue[queue], row + (index - 1) * 0.25, colour)
        axes.plot([], [], color=colour, marker="o", ms=4, label=f"{load:,}x")
    axes.set_xscale("log")
    axes.set_yticks(range(len(queues)), queues)
    axes.invert_yaxis()
    axes.set_xticks([0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value)))
    axes.minorticks_off()
    axes.set_xlabel("from being enqueued to being done: p50 (dot), p95 and p99 (ticks)")
    axes.legend(frameon=False)
    return figure


def _range(axes: Axes, outcome: Outcome, row: float, colour: str) -> None:
    if not outcome.latency:
        return
    p50, p95, p99, _ = outcome.latency
    axes.plot([p50, p99], [row, row], color=colour, lw=1)
    axes.plot([p50], [row], color=colour, marker="o", ms=4)
    axes.plot([p95, p99], [row, row], color=colour, marker="|", ms=6, ls="none")
