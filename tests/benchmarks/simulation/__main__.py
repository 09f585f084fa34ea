"""A sale day, simulated: ``python -m tests.benchmarks.simulation`` (``make simulate``).

Prints the tables of docs/scale.md and draws its plots anew: the same for the same seed and topology.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing import Pool
from pathlib import Path

from docs.costs.model import load as load_costs
from infra.topology import Topology, load
from tests.benchmarks.simulation import plots, raised
from tests.benchmarks.simulation.day import PARTS, Day, Outcome, simulate
from tests.benchmarks.simulation.figures import show_days, show_limits, show_load

_LOADS = (1, 10, 100)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--loads", type=int, nargs="+", default=list(_LOADS), metavar="N", help="times the load"
    )
    parser.add_argument("--folder", type=Path, default=Path("docs/scale"), help="of the plots")
    parser.add_argument("--load", action="store_true", help="only what comes in each second, and the limits")
    return parser.parse_args(arguments)


# A topology, a part of the day, and how many times the load.
Job = tuple[Topology, str, int]


def _simulated(seed: int, job: Job) -> Day:
    topology, part, factor = job
    return simulate(topology, part, factor, seed)


def _run(topology: Topology, options: argparse.Namespace) -> None:
    jobs: list[Job] = [(topology, part, factor) for factor in options.loads for part in PARTS]
    jobs += [(raised.raised(topology), part, raised.FACTOR) for part in raised.PARTS]
    with Pool() as pool:
        # The longest first, so that no processor waits for one that began last.
        longest_first = sorted(jobs, key=lambda job: -job[2])
        days = pool.map(partial(_simulated, options.seed), longest_first, chunksize=1)
    by_job = list(zip(longest_first, days, strict=True))
    as_it_is = {
        factor: [day for job, day in by_job if job[2] == factor and job[0] is topology]
        for factor in options.loads
    }
    prices = load_costs(topology).prices
    for factor, of_factor in as_it_is.items():
        show_days(f"{factor:,}x", of_factor, topology, prices)
    of_raised = [day for job, day in by_job if job[0] is not topology]
    show_days(f"{raised.FACTOR}x, limits raised", of_raised, topology, prices)
    outcomes = {factor: _by_queue(of_factor) for factor, of_factor in as_it_is.items()}
    for file in plots.draw(topology, outcomes, options.folder):
        print(f"drawn: {file}")


def _by_queue(days: Sequence[Day]) -> dict[str, Outcome]:
    return {name: outcome for day in days for name, outcome in day.outcomes.items()}


def main(arguments: Sequence[str]) -> None:
    """Simulate, print and draw."""
    options = _options(arguments)
    topology = load()
    show_load()
    show_limits(topology)
    if not options.load:
        _run(topology, options)


if __name__ == "__main__":
    main(sys.argv[1:])
