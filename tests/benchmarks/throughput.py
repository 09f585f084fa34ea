"""From ingestion to searchable, at several sizes: how fast, at what cost, and whether the cost stays flat."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.report import Bound, show
from tests.benchmarks.system import Span, System, running
from tests.benchmarks.workload import returns, searchable

# More records than this per request is more than Algolia takes.
_RECORDS_PER_REQUEST = 1_000
_MEGABYTE = 1_000_000
# Figures of less work than this say more about how a run starts and ends than about a return.
_LEAST_FOR_SHAPE = 1_000


@dataclass(frozen=True)
class Run:
    """One size, measured once: ingestion, the sync of it, and the next sync, whose window overlaps.

    ``planned`` is the number of seconds into the sync at which its last batch was enqueued, by the functions' log.
    """

    size: int
    ingest: Span
    sync: Span
    again: Span
    planned: float
    peak_memory: int

    @property
    def wall(self) -> float:
        """Microseconds from ingestion to searchable, a return."""
        return (self.ingest.wall + self.sync.wall) / self.size * 1e6

    @property
    def cpu(self) -> float:
        """CPU microseconds of both processes, a return."""
        return (self.ingest.cpu + self.sync.cpu) / self.size * 1e6


async def measure(size: int) -> Run:
    """Measure one size on a local cloud of its own."""
    async with running() as system:
        return await measure_on(system, size)


async def measure_on(system: System, size: int) -> Run:
    """Measure one size on an empty local cloud.

    Raises:
        RuntimeError: not everything has become searchable.
    """
    entries = returns(size)
    ingest, sync = await system.ingest(entries), await system.sync()
    found, wanted = await system.found(), searchable(entries)
    if found != wanted:
        raise RuntimeError(f"{wanted} returns should be searchable, and {found} are")
    planned = system.logged_at("sync.planned") - sync.began
    run = Run(size, ingest, sync, await system.sync(), planned, system.memory.bytes)
    print(f"{size:,}: {1e6 / run.wall:,.0f} returns/s, {run.cpu:,.0f} µs of CPU each", file=sys.stderr)
    return run


def show_runs(runs: Sequence[Run]) -> None:
    """Print speed, cost and counts by size."""
    by_size = _by_size(runs)
    show(
        "From ingestion to searchable (medians)",
        ("returns", "runs", "returns/s", "ingest/s", "sync/s", "µs a return", "CPU µs a return", "RSS MB"),
        [_speed(size, group) for size, group in by_size.items()],
    )
    show(
        "Phase by phase (medians; planned: seconds until the last batch was enqueued)",
        ("returns", "phase", "seconds", "planned", "CPU µs a return: functions", "stand-ins"),
        [row for size, group in by_size.items() for row in _phases(size, group)],
    )
    show(
        "What it takes, whatever the machine",
        (
            *("returns", "phase", "Algolia writes", "index operations", "reads a return", "writes a return"),
            *("deletes", "Firestore calls"),
        ),
        [row for size, group in by_size.items() for row in _counts(size, group[0])],
    )


def _speed(size: int, group: Sequence[Run]) -> tuple[object, ...]:
    return (
        f"{size:,}",
        len(group),
        median(1e6 / run.wall for run in group),
        median(size / run.ingest.wall for run in group),
        median(size / run.sync.wall for run in group),
        median(run.wall for run in group),
        median(run.cpu for run in group),
        max(run.peak_memory for run in group) / _MEGABYTE,
    )


def _phases(size: int, group: Sequence[Run]) -> list[tuple[object, ...]]:
    planned = {"sync": median(run.planned for run in group)}
    return [
        (
            f"{size:,}",
            phase,
            median(span.wall for span in spans),
            planned.get(phase, ""),
            median(span.functions_cpu for span in spans) / size * 1e6,
            median(span.stand_ins_cpu for span in spans) / size * 1e6,
        )
        for phase, spans in (
            ("ingest", [run.ingest for run in group]),
            ("sync", [run.sync for run in group]),
            ("sync again", [run.again for run in group]),
        )
    ]


def _counts(size: int, run: Run) -> list[tuple[object, ...]]:
    return [
        (
            f"{size:,}",
            phase,
            span.counts["write_requests"],
            span.counts["index_operations"],
            span.counts["reads"] / size,
            span.counts["writes"] / size,
            span.counts["deletes"],
            span.rpcs,
        )
        for phase, span in (("ingest", run.ingest), ("sync", run.sync), ("sync again", run.again))
    ]


def bounds(runs: Sequence[Run]) -> list[Bound]:
    """What is claimed, against what was measured."""
    by_size = _by_size(runs)
    claims = []
    costs = [median(run.cpu for run in group) for size, group in by_size.items() if size >= _LEAST_FOR_SHAPE]
    if len(costs) > 1:
        claims.append(Bound("CPU a return: the dearest size over the cheapest", max(costs) / min(costs), 1.3))
    for size, group in by_size.items():
        claims += _bounds_of(size, group)
    return claims


def _bounds_of(size: int, group: Sequence[Run]) -> list[Bound]:
    requests = -(-size // _RECORDS_PER_REQUEST)
    worst = {
        name: max(run.sync.counts[name] for run in group)
        for name in ("write_requests", "index_operations", "reads")
    }
    pushed_again = max(run.again.counts["index_operations"] for run in group)
    claims = [
        Bound(f"{size:,}: Algolia write requests", worst["write_requests"], requests + 2),
        Bound(f"{size:,}: index operations a return", worst["index_operations"] / size, 1.0),
        Bound(f"{size:,}: index operations of the overlapping run", pushed_again, 0),
        Bound(f"{size:,}: functions' memory, MB", max(run.peak_memory for run in group) / _MEGABYTE, 200),
    ]
    if size >= _LEAST_FOR_SHAPE:
        claims.append(Bound(f"{size:,}: reads a return in the sync", worst["reads"] / size, 2.2))
    return claims


def _by_size(runs: Sequence[Run]) -> dict[int, list[Run]]:
    return {size: [run for run in runs if run.size == size] for size in sorted({run.size for run in runs})}
