"""What came of the rounds: a table, and the claims held against them."""

from collections.abc import Sequence
from statistics import median

from tests.benchmarks.comparison import CACHED, UNCHANGED, Outcome
from tests.benchmarks.contest import FASTAPI, HELLO, OURS, OURS_WITH_REDIS, PLAIN, Round
from tests.benchmarks.report import Bound, show

_FAST = (CACHED, UNCHANGED)
_OURS = (OURS, OURS_WITH_REDIS)


def show_rounds(rounds: Sequence[Round]) -> None:
    """Print each server at each work."""
    show(
        f"Side by side, 32 connections (medians of {len(rounds)} rounds)",
        (
            "",
            "server",
            "requests/s",
            "of rounds",
            "p50 ms",
            "p99 ms",
            "CPU µs a request",
        ),
        [_row(outcomes) for outcomes in zip(*rounds, strict=True)],
    )
    busiest = max(rounds[0], key=lambda outcome: outcome.load.rate)
    print(
        f"  At {busiest.load.rate:,.0f} requests/s the load generator is busy {busiest.load.busy:.0%} of the time."
    )


def _row(outcomes: Sequence[Outcome]) -> tuple[object, ...]:
    first = outcomes[0]
    loads = [outcome.load for outcome in outcomes]
    rates = [load.rate for load in loads]
    return (
        first.work,
        first.server,
        median(rates),
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        median(load.p50 for load in loads),
        median(load.p99 for load in loads),
        median(outcome.cpu for outcome in outcomes),
    )


def bounds(rounds: Sequence[Round]) -> list[Bound]:
    """What is claimed, against what was measured: ratios within a round, medians over all."""
    return [
        bound
        for work in _FAST
        for ours in _OURS
        for bound in (
            Bound(
                f"{work}: {FASTAPI} over {ours}, requests/s",
                _ratio(rounds, (FASTAPI, work), (ours, work)),
                0.5,
            ),
            Bound(
                f"{work}: {HELLO} over {ours}, requests/s",
                _ratio(rounds, (HELLO, PLAIN), (ours, work)),
                2.0,
            ),
        )
    ]


def _ratio(rounds: Sequence[Round], above: tuple[str, str], below: tuple[str, str]) -> float:
    return median(_rate(found, above) / _rate(found, below) for found in rounds)


def _rate(outcomes: Round, wanted: tuple[str, str]) -> float:
    return next(found.load.rate for found in outcomes if (found.server, found.work) == wanted)
