"""Our renderer and sharp at the same originals, one after another, round after round."""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.images.photographs import Original
from tests.benchmarks.images.workers import OURS, SHARP, Job, Worker, workers

_CORES = 2


@dataclass(frozen=True)
class Entry:
    """A way to do a work: who does it, and what the worker calls it."""

    kind: str
    work: str


ALL_OURS, SHARED, SEPARATE = Entry(OURS, "all"), Entry(SHARP, "shared"), Entry(SHARP, "separate")
COPY_OURS, COPY_SHARP = Entry(OURS, "one"), Entry(SHARP, "one")
ALL = (ALL_OURS, SHARED, SEPARATE)
COPIES = (COPY_OURS, COPY_SHARP)

# Seconds of CPU for an original, by its name: the median of each round.
Times = Mapping[tuple[Entry, str], Sequence[float]]


@dataclass(frozen=True)
class Contest:
    """What is rendered, where the results go, and how often each is done in a round."""

    originals: Sequence[Original]
    directory: Path
    times: int

    def files(self, entry: Entry, original: Original) -> Path:
        """Where the entry's renditions of the original are, once there was a round."""
        return self.directory / entry.kind / entry.work / original.path.stem

    def rounds(self, count: int) -> Times:
        """Let each entry render each original, all on the same core, which one of them uses at a time."""
        found: dict[tuple[Entry, str], list[float]] = {}
        with ExitStack() as stack:
            ready = {kind: stack.enter_context(workers(kind))[0] for kind in (OURS, SHARP)}
            for number in range(count + 1):
                print(f"round {number} of {count}" if number else "warming up", file=sys.stderr)
                for original in self.originals:
                    for entry in (*ALL, *COPIES):
                        spent = ready[entry.kind].do(self._job(entry, original))
                        if number:
                            found.setdefault((entry, original.name), []).append(median(spent))
        return found

    def scaling(self, original: Original, count: int) -> Mapping[Entry, tuple[float, float]]:
        """Renditions of ``original`` on one core and on two: uploads a second by the clock, medians of rounds."""
        found: dict[Entry, list[tuple[float, float]]] = {entry: [] for entry in ALL[:2]}
        with ExitStack() as stack:
            ready = {kind: stack.enter_context(workers(kind, _CORES)) for kind in (OURS, SHARP)}
            for _ in range(count + 1):
                for entry, rates in found.items():
                    pair, job = ready[entry.kind], self._job(entry, original)
                    rates.append((_rate(pair[:1], job), _rate(pair, job)))
        # The first round warms up.
        return {
            entry: (median(one for one, _ in rates[1:]), median(two for _, two in rates[1:]))
            for entry, rates in found.items()
        }

    def memory(self, original: Original) -> Mapping[Entry, float]:
        """The peak in MB of a fresh process that renders ``original`` once."""
        found = {}
        for entry in ALL:
            with workers(entry.kind) as (worker,):
                worker.do(Job(entry.work, original.path, 1, self.files(entry, original)))
                found[entry] = worker.peak_megabytes
        return found

    def _job(self, entry: Entry, original: Original) -> Job:
        return Job(entry.work, original.path, self.times, self.files(entry, original))


def _rate(team: Sequence[Worker], job: Job) -> float:
    began = time.perf_counter()
    for worker in team:
        worker.begin(job)
    for worker in team:
        worker.finish()
    return len(team) * job.times / (time.perf_counter() - began)
