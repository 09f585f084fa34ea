"""What came of the rounds: a table, and the claims held against them."""

from collections.abc import Sequence
from statistics import median

from tests.benchmarks.comparison import CACHED, PLAIN, UNCHANGED, Outcome, works
from tests.benchmarks.contest import FASTAPI, HELLO, OURS, OURS_WITH_REDIS, Round
from tests.benchmarks.report import Bound, show

_OURS = (OURS, OURS_WITH_REDIS)


def show_rounds(rounds: Sequence[Round]) -> None:
    """Print each server at each work."""
    show(
        f"Side by side, 32 connections (medians of {len(rounds)} rounds)",
        ("", "server", "requests/s", "of rounds", "p50 ms", "p99 ms", "CPU µs a request"),
        [_row(outcomes) for outcomes in zip(*rounds, strict=True)],
    )
    busiest = max(rounds[0], key=lambda outcome: outcome.load.rate)
    rate, busy = busiest.load.rate, busiest.load.busy
    print(f"  The load generator is busy {busy:.0%} of the time while it gets {rate:,.0f} answers a second.")


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
    """What is claimed, against what was measured: counts in each round, and the median of the rounds' ratios."""
    claims = [
        Bound(f"{work.name}: {kind} a request", _most(rounds, work.name, kind), getattr(work, kind))
        for work in works(0)
        if work.name != PLAIN
        for kind in ("reads", "writes")
    ]
    for work in (CACHED, UNCHANGED):
        for ours in _OURS:
            beside_fastapi = _ratio(rounds, (FASTAPI, work), (ours, work))
            beside_hello = _ratio(rounds, (HELLO, PLAIN), (ours, work))
            claims += [
                Bound(f"{work}: {FASTAPI} over {ours}, requests/s", beside_fastapi, 0.5),
                Bound(f"{work}: {HELLO} over {ours}, requests/s", beside_hello, 2.0),
            ]
    return claims


def _ratio(rounds: Sequence[Round], above: tuple[str, str], below: tuple[str, str]) -> float:
    return median(_rate(found, above) / _rate(found, below) for found in rounds)


def _rate(outcomes: Round, wanted: tuple[str, str]) -> float:
    return next(found.load.rate for found in outcomes if (found.server, found.work) == wanted)


def _most(rounds: Sequence[Round], work: str, kind: str) -> float:
    """The most Firestore operations of one kind that a request cost either of ours, in any round."""
    return max(
        getattr(found, kind)
        for outcomes in rounds
        for found in outcomes
        if found.work == work and found.server in _OURS
    )
