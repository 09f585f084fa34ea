"""Rendering, measured beside npm's sharp: ``python -m tests.benchmarks.images`` (``make bench-images``).

Prints tables, and ends with status 1 when a claimed bound is broken. docs/performance.md says what they mean.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from functions.images.rendering import POLICY, render
from functions.images.rendering.policy import Size
from tests.benchmarks.images import verdict
from tests.benchmarks.images.contest import ALL_OURS, SHARED, Contest
from tests.benchmarks.images.photographs import Original, originals
from tests.benchmarks.images.quality import bytes_for, likeness
from tests.benchmarks.images.workers import SHARP, workers
from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.report import show_bounds

_LIBRARIES = ("pillow", "cykooz-resizer", "scikit-image")
_JPEG = Size("large", 1600, ("jpeg",))
# Percent of the encoder's tables, from coarse to fine: around what is as good as sharp's default.
_JPEG_QUALITIES = (80, 65, 55, 45, 38, 30)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.images", description="Measure the renderer of images beside sharp."
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=5, help="each work in a round (default 5)")
    parser.add_argument("--quick", action="store_true", help="small and once: a look, in a minute")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.times = 1, 3
    return options


def _run(options: argparse.Namespace, directory: Path) -> bool:
    _show_contestants()
    found = originals(directory)
    largest = max((each for each in found if each.photograph), key=lambda each: each.path.stat().st_size)
    contest = Contest(found, directory, options.times)
    times = contest.rounds(options.rounds)
    rates, memory = contest.scaling(largest, options.rounds), contest.memory(largest)
    qualities = [quality for original in found for quality in _qualities(contest, original)]
    jpegs = [_jpeg_bytes(contest, original) for original in found if original.photograph]
    verdict.show_times(times, found)
    verdict.show_scaling(rates, memory)
    verdict.show_quality(qualities, jpegs)
    show_load()
    bounds = verdict.speed_bounds(times, found) + verdict.quality_bounds(qualities, jpegs)
    return show_bounds(bounds + verdict.resource_bounds(rates, memory))


def _show_contestants() -> None:
    show_machine(_LIBRARIES)
    with workers(SHARP) as (sharp,):
        print(", ".join(f"{name} {version}" for name, version in sharp.versions.items()))


def _qualities(contest: Contest, original: Original) -> Iterator[verdict.Quality]:
    for theirs in sorted(contest.files(SHARED, original).iterdir()):
        pair = (contest.files(ALL_OURS, original) / theirs.name).read_bytes(), theirs.read_bytes()
        ours_like, theirs_like = (likeness(data, original.path) for data in pair)
        yield verdict.Quality(original, theirs.name, ours_like, theirs_like, *map(len, pair))


def _jpeg_bytes(contest: Contest, original: Original) -> verdict.JpegBytes:
    theirs = (contest.files(SHARED, original) / "large.jpeg").read_bytes()
    data = original.path.read_bytes()
    policies = [
        replace(POLICY, sizes=(_JPEG,), qualities={"jpeg": (percent,)}) for percent in _JPEG_QUALITIES
    ]
    ours = [render(data, policy).renditions[0].data for policy in policies]
    wanted = likeness(theirs, original.path)
    alike = {made: likeness(made, original.path) for made in ours}
    return verdict.JpegBytes(
        original,
        bytes_for(wanted.colour, ours, lambda made: alike[made].colour) / len(theirs),
        bytes_for(wanted.brightness, ours, lambda made: alike[made].brightness) / len(theirs),
    )


def main() -> int:
    """Measure, print, and judge; the exit status."""
    options = _options(sys.argv[1:])
    with TemporaryDirectory(prefix="bench-images-") as directory:
        return 0 if _run(options, Path(directory)) else 1


if __name__ == "__main__":
    sys.exit(main())
