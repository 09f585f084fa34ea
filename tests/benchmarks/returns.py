"""The returns sync, measured: ``python -m tests.benchmarks.returns`` (``make bench-returns``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.benchmarks import throughput
from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.per_document import compare, show_comparison
from tests.benchmarks.profile import show_profile
from tests.benchmarks.report import show_bounds
from tests.benchmarks.search_latency import show_latency
from tests.benchmarks.system import running

# From this size on, once is enough: a run takes minutes and settles by itself.
_MEASURED_ONCE = 50_000
_LIBRARIES = (
    "google-cloud-firestore",
    "grpcio",
    "proto-plus",
    "algoliasearch",
    "functions-framework",
    "uvicorn",
)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.returns", description="Measure the returns sync."
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], metavar="N")
    parser.add_argument("--repeats", type=int, default=3, help="of sizes below 50,000 (default 3)")
    parser.add_argument(
        "--compared", type=int, default=2_000, metavar="N", help="returns for the per-document way"
    )
    parser.add_argument("--quick", action="store_true", help="small and once: a look, in half a minute")
    options = parser.parse_args(arguments)
    if options.quick:
        options.sizes, options.repeats, options.compared = [500, 2_000], 1, 500
    return options


async def _run(options: argparse.Namespace) -> bool:
    show_machine(_LIBRARIES)
    sizes = sorted(options.sizes)
    runs = [
        await throughput.measure(size)
        for repeat in range(options.repeats)
        for size in sizes[:-1]
        if repeat == 0 or size < _MEASURED_ONCE
    ]
    async with running() as system:
        runs.append(await throughput.measure_on(system, sizes[-1]))
        throughput.show_runs(runs)
        await show_latency(system, 20 if options.quick else 200)
    show_comparison(await compare(options.compared, max(1, options.repeats)))
    await show_profile(min(sizes[-1], 5_000))
    show_load()
    return show_bounds(throughput.bounds(runs))


def main() -> int:
    """Measure, print, and judge; the exit status."""
    return 0 if asyncio.run(_run(_options(sys.argv[1:]))) else 1


if __name__ == "__main__":
    sys.exit(main())
