"""What came of the rounds: tables, and the claims held against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.images.contest import (
    ALL,
    ALL_OURS,
    COPIES,
    COPY_OURS,
    COPY_SHARP,
    SEPARATE,
    SHARED,
    Entry,
    Times,
)
from tests.benchmarks.images.photographs import Original
from tests.benchmarks.images.quality import Likeness
from tests.benchmarks.report import Bound, show

NAMES: Mapping[Entry, str] = {
    ALL_OURS: "Backstock",
    SHARED: "sharp, shared raster",
    SEPARATE: "sharp, separate pipelines",
    COPY_OURS: "Backstock",
    COPY_SHARP: "sharp",
}
_LESS_ALIKE = 0.0005


@dataclass(frozen=True)
class Quality:
    """A rendition of ours and the same of sharp's shared raster."""

    original: Original
    name: str
    ours: Likeness
    theirs: Likeness
    our_bytes: int
    their_bytes: int


@dataclass(frozen=True)
class JpegBytes:
    """What our JPEG takes to be as like the original as sharp's is, over the bytes of sharp's."""

    original: Original
    by_colour: float
    by_brightness: float


def show_times(times: Times, originals: Sequence[Original]) -> None:
    """Print what each original takes."""
    for title, entries in (("All renditions of an upload", ALL), ("One JPEG of 1,200 pixels", COPIES)):
        rows = [_row(times, original, entry, entries[0]) for original in originals for entry in entries]
        rounds = len(times[entries[0], originals[0].name])
        show(
            f"{title}, one core (medians of {rounds} rounds)",
            ("original", "", "CPU ms", "of rounds", "uploads/s", "Backstock is faster"),
            rows,
        )


def _row(times: Times, original: Original, entry: Entry, ours: Entry) -> tuple[object, ...]:
    spent = times[entry, original.name]
    faster = "" if entry is ours else f"{_ratio(times, [original], entry, ours):.2f} x"
    milliseconds = [second * 1_000 for second in spent]
    return (
        original.name,
        NAMES[entry],
        median(milliseconds),
        f"{min(milliseconds):.1f} to {max(milliseconds):.1f}",
        1 / median(spent),
        faster,
    )


def _ratio(times: Times, originals: Sequence[Original], entry: Entry, ours: Entry) -> float:
    """How many times as long an entry takes for one of each of the originals: the median of the rounds."""
    theirs, mine = (
        [sum(round_) for round_ in zip(*(times[each, original.name] for original in originals), strict=True)]
        for each in (entry, ours)
    )
    return median(their / our for their, our in zip(theirs, mine, strict=True))


def show_quality(qualities: Sequence[Quality], jpegs: Sequence[JpegBytes]) -> None:
    """Print how like the renditions are to a careful downscale, and their bytes."""
    show(
        "Structural similarity to the reference, and bytes (sharp: shared raster)",
        ("original", "rendition", "RGB", "sharp", "luma", "sharp", "bytes", "sharp", "ratio"),
        [_quality_row(quality) for quality in qualities],
    )
    show(
        "Bytes of the large JPEG at sharp's similarity, over sharp's bytes",
        ("original", "by RGB", "by luma"),
        [(found.original.name, found.by_colour, found.by_brightness) for found in jpegs],
    )


def _quality_row(quality: Quality) -> tuple[object, ...]:
    pairs = (
        (quality.ours.colour, quality.theirs.colour),
        (quality.ours.brightness, quality.theirs.brightness),
    )
    alike = (f"{value:.4f}" if quality.original.has_reference else "" for pair in pairs for value in pair)
    ratio = quality.our_bytes / quality.their_bytes
    return (quality.original.name, quality.name, *alike, quality.our_bytes, quality.their_bytes, ratio)


def show_scaling(rates: Mapping[Entry, tuple[float, float]], memory: Mapping[Entry, float]) -> None:
    """Print what a second core brings, and how much memory a process needs."""
    show(
        "One and two worker processes, all renditions of 12 MP, by the clock",
        ("", "uploads/s", "with two", "times"),
        [(NAMES[entry], one, two, two / one) for entry, (one, two) in rates.items()],
    )
    show(
        "Most memory of a fresh process, all renditions of 12 MP",
        ("", "MB"),
        [(NAMES[entry], megabytes) for entry, megabytes in memory.items()],
    )


def speed_bounds(times: Times, originals: Sequence[Original]) -> list[Bound]:
    """Of one upload of each of the photographs, and of a single JPEG of each."""
    photographs = [original for original in originals if original.photograph]
    sizes = ", ".join(original.name.removeprefix("JPEG, ") for original in photographs)
    claims = [
        Bound(f"time of ours over {NAMES[entry]}: {sizes}", _over(times, photographs, entry, ours), most)
        for entry, ours, most in (
            (SHARED, ALL_OURS, 1 / 1.25),
            (SEPARATE, ALL_OURS, 1 / 1.6),
        )
    ]
    claims += [
        Bound(
            f"one JPEG, ours over sharp: {original.name}",
            _over(times, [original], COPY_SHARP, COPY_OURS),
            1 / 1.15,
        )
        for original in photographs
    ]
    return claims


def _over(times: Times, originals: Sequence[Original], entry: Entry, ours: Entry) -> float:
    return 1 / _ratio(times, originals, entry, ours)


def quality_bounds(qualities: Sequence[Quality], jpegs: Sequence[JpegBytes]) -> list[Bound]:
    """Of photographs: the rendition that falls behind most, and the JPEG that takes most."""
    photographs = [quality for quality in qualities if quality.original.photograph]
    behind = max(quality.theirs.colour - quality.ours.colour for quality in photographs)
    most = max(found.by_colour for found in jpegs if found.original.photograph)
    return [
        Bound("similarity (RGB): sharp's less ours, the worst rendition", behind, _LESS_ALIKE),
        Bound("JPEG bytes at sharp's similarity (RGB), the worst photograph", most, 0.92),
    ]


def resource_bounds(rates: Mapping[Entry, tuple[float, float]], memory: Mapping[Entry, float]) -> list[Bound]:
    """Of a second core, and of memory."""
    one, two = rates[ALL_OURS]
    return [
        Bound("one worker over two, uploads/s", one / two, 1 / 1.85),
        Bound("peak memory over sharp's shared raster", memory[ALL_OURS] / memory[SHARED], 0.5),
    ]
