"""Feeds of prices, read beside a loop over lines: ``python -m tests.benchmarks.prices`` (``make bench-prices``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import csv
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.prices_contestants import JSON_LOOP, LOOP, OURS
from tests.benchmarks.report import Bound, show, show_bounds

_LIBRARIES = ("pyarrow", "orjson", "pydantic")
_FEEDS = ("feed.csv", "feed.csv.gz", "feed.jsonl")
_STORES, _CATEGORIES = 1_000, 3_000
_WORDS = ("oat", "rice", "milk", "soap", "lemon", "honey", "bread", "paper", "large", "fresh", "dark", "cold")


@dataclass(frozen=True)
class Reading:
    """A feed, read once.

    Attributes:
        seconds, cpu: from the first byte to the last store, without imports.
        good, bad: how many lines are.
        megabytes: the most memory that the process had.
    """

    seconds: float
    cpu: float
    good: int
    bad: int
    megabytes: float

    @property
    def lines(self) -> int:
        return self.good + self.bad


# By feed and contestant, one a round.
Readings = Mapping[tuple[str, str], Sequence[Reading]]


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.prices", description="Measure the reading of feeds beside a loop."
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000, metavar="N")
    parser.add_argument(
        "--quick", action="store_true", help="one round of 200,000 lines: a look, in a minute"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.lines = 1, 200_000
    return options


def _items(count: int) -> Iterator[dict[str, str]]:
    """Lines in no order of their stores; one of ten has a comma in its name, one of a thousand is bad."""
    dice = random.Random(5)
    for number in range(count):
        name = " ".join(dice.choices(_WORDS, k=4)).capitalize()
        yield {
            "store_id": f"store-{dice.randrange(_STORES):04}",
            "sku": f"SKU-{number:08}",
            "price": f"{dice.randrange(1, 100_000) / 100:.2f}" if number % 1_000 else "on request",
            "currency": "EUR",
            "available": dice.choice(["true", "true", "true", "false"]),
            "name": name if number % 10 else f"{name}, {dice.randrange(1, 12)} pieces",
            "category_id": f"category-{dice.randrange(_CATEGORIES)}",
            "product_id": f"{number:020x}" if number % 3 else "",
        }


def _write_feeds(directory: Path, count: int) -> None:
    plain, packed, lines = (directory / name for name in _FEEDS)
    fields = list(next(_items(1)))
    with plain.open("w", newline="") as text, lines.open("w") as objects:
        writer = csv.DictWriter(text, fields, lineterminator="\n")
        writer.writeheader()
        for item in _items(count):
            writer.writerow(item)
            objects.write(json.dumps(item) + "\n")
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
        while piece := source.read(2**20):
            target.write(piece)


def _read(contestant: str, path: Path) -> Reading:
    command = [sys.executable, "-m", "tests.benchmarks.prices_contestants", contestant, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Reading(**json.loads(done.stdout))


def _rounds(directory: Path, count: int) -> Readings:
    found: dict[tuple[str, str], list[Reading]] = {}
    for number in range(1, count + 1):
        print(f"round {number} of {count}", file=sys.stderr)
        for feed in _FEEDS:
            for contestant in (OURS, LOOP, *([JSON_LOOP] if feed == "feed.jsonl" else [])):
                reading = _read(contestant, directory / feed)
                found.setdefault((feed, contestant), []).append(reading)
            if (
                len({(rounds[-1].good, rounds[-1].bad) for (of, _), rounds in found.items() if of == feed})
                > 1
            ):
                raise RuntimeError(f"The contestants do not agree on which lines of {feed} are good.")
    return found


def _ratio(readings: Readings, feed: str, contestant: str) -> float:
    """The contestant's CPU time over ours: the median of the rounds' ratios, as they take turns.

    Each of them uses one core, so on a quiet machine it is also the ratio of their lines a second.
    """
    pairs = zip(readings[feed, contestant], readings[feed, OURS], strict=True)
    return median(theirs.cpu / ours.cpu for theirs, ours in pairs)


def _show(readings: Readings) -> None:
    rounds = len(readings["feed.csv", OURS])
    show(
        f"A feed of {readings['feed.csv', OURS][0].lines:,} lines for {_STORES:,} stores (medians of {rounds} rounds)",
        ("feed", "by", "lines/s", "of rounds", "CPU ns a line", "peak RSS MB", "CPU time over ours"),
        [_row(readings, *key) for key in readings],
    )


def _row(readings: Readings, feed: str, contestant: str) -> tuple[object, ...]:
    found = readings[feed, contestant]
    rates = [reading.lines / reading.seconds for reading in found]
    return (
        feed,
        contestant,
        median(rates),
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        median(reading.cpu / reading.lines * 1e9 for reading in found),
        max(reading.megabytes for reading in found),
        "" if contestant == OURS else f"{_ratio(readings, feed, contestant):.1f}x",
    )


def _bounds(readings: Readings) -> list[Bound]:
    peaks = {feed: max(each.megabytes for each in readings[feed, OURS]) for feed in _FEEDS}
    return [
        *(Bound(f"{feed}: peak memory, MB", peak, 300) for feed, peak in peaks.items()),
        Bound("feed.csv: Backstock over loop, CPU time", 1 / _ratio(readings, "feed.csv", LOOP), 1 / 5),
        Bound("feed.jsonl: Backstock over loop, CPU time", 1 / _ratio(readings, "feed.jsonl", LOOP), 1 / 2),
    ]


def main() -> int:
    """Measure, print, and judge; the exit status."""
    options = _options(sys.argv[1:])
    show_machine(_LIBRARIES)
    with TemporaryDirectory(prefix="bench-prices-") as directory:
        _write_feeds(Path(directory), options.lines)
        readings = _rounds(Path(directory), options.rounds)
    _show(readings)
    show_load()
    return 0 if show_bounds(_bounds(readings)) else 1


if __name__ == "__main__":
    sys.exit(main())
