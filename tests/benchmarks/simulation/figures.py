"""The tables of docs/scale.md."""

from collections.abc import Sequence

from docs.costs.model import Prices
from infra.topology import Topology
from tests.benchmarks.report import show
from tests.benchmarks.simulation.cost import cost, operations
from tests.benchmarks.simulation.day import Day, Outcome
from tests.benchmarks.simulation.load import load_rows

_QUEUE_HEADER = (
    "queue",
    "tasks",
    "attempts",
    "dead",
    "left over",
    "most waiting",
    "p50",
    "p95",
    "p99",
    "longest",
)
_EFFORT_HEADER = (
    "queue",
    "most busy instances",
    "instance hours",
    "vCPU hours used",
    "task operations",
    "US$",
)


def show_load() -> None:
    """What comes in each second."""
    header = ("", "a month at 1x", "mean a second", *(f"peak {factor:,}x" for factor in (1, 10, 100, 1_000)))
    show("Each second: the mean of an average day, and the busiest of a sale day", header, load_rows())


def show_limits(topology: Topology) -> None:
    """The queues as they are."""
    rows = []
    for name, queue in topology.queues.items():
        function = topology.functions[queue.target]
        room = function.max_instances * function.concurrency
        rate, at_once = int(queue.max_dispatches_per_second), queue.max_concurrent_dispatches
        rows.append((name, rate, at_once, queue.max_attempts, queue.target, room))
    header = ("queue", "a second", "at once", "attempts", "target", "its instances take")
    show("The queues' limits (infra/topology.yaml)", header, rows)


def show_days(title: str, days: Sequence[Day], topology: Topology, prices: Prices) -> None:
    """What the queues made of a day, and what it took."""
    outcomes = [outcome for day in days for outcome in day.outcomes.values()]
    show(title, _QUEUE_HEADER, [_queue_row(outcome) for outcome in outcomes])
    show(f"{title}: what it took", _EFFORT_HEADER, _effort_rows(outcomes, topology, prices))
    for day in days:
        if day.runs:
            _show_runs(title, day)


def _queue_row(outcome: Outcome) -> tuple[object, ...]:
    times = [duration(each) for each in outcome.latency] or ["-"] * 4
    counts = (outcome.added, outcome.attempts, outcome.dead, outcome.waiting, outcome.most_waiting)
    return (outcome.queue, *counts, *times)


def _effort_rows(outcomes: Sequence[Outcome], topology: Topology, prices: Prices) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for outcome in outcomes:
        function = topology.functions[topology.queues[outcome.queue].target]
        hours = (outcome.busy_seconds / 3600, outcome.cpu_seconds / 3600)
        amount = f"{cost(outcome, function, prices):,.2f}"
        rows.append((outcome.queue, outcome.instances, *hours, operations(outcome), amount))
    return rows


def _show_runs(title: str, day: Day) -> None:
    lengths = sorted(run.ended - run.begun for run in day.runs)
    oldest = sorted(run.oldest for run in day.runs)
    times = (_median(lengths), lengths[-1], _median(oldest), oldest[-1])
    header = ("runs", "length, median", "longest", "oldest change at a run's end, median", "oldest")
    show(f"{title}: runs of the returns sync", header, [[len(day.runs), *map(duration, times)]])


def _median(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
