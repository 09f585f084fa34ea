"""Where the CPU time goes, by sampling both processes with py-spy (``pip install py-spy``) while they work.

A profile is a run of its own: sampling slows what it looks at, so the shares are to be read and not the speed.
"""

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.benchmarks.report import show
from tests.benchmarks.system import System, running
from tests.benchmarks.workload import returns

_SAMPLES_A_SECOND = 250
_ATTACH_SECONDS = 1.5

# A sample is the first stage's of which its stack holds a frame; a frame reads "function (file:line)".
_IN_FUNCTIONS = {
    "ingest: read what is stored": ("Ingestion._read",),
    "ingest: encode and commit": ("Ingestion._write",),
    "ingest: parse, validate, plan": ("ReturnsApi.put_batch",),
    "plan: cut into batches": ("Planner.run",),
    "process: decide": (";decide (functions/returns/projection",),
    "process: read and decode the batch": ("Processor._decide",),
    "process: push": ("SearchIndex.",),
    "process: manifest, claim, latch": ("Processor.run",),
}
_IN_STAND_INS = {
    "Firestore: commit": ("WriteRpcs.",),
    "Firestore: query and get": ("ReadRpcs.", "(infra/local/firestore"),
    "Algolia": ("(infra/local/algolia",),
    "Tasks and Scheduler": ("(infra/local/tasks", "(infra/local/scheduler"),
    "gateway": ("(infra/local/gateway",),
}
_REST = "server, event loop, gRPC"


async def show_profile(size: int) -> None:
    """Print the CPU time a return of each stage, by process; without py-spy, say so."""
    if shutil.which("py-spy") is None:
        print("\nWhere the time goes: not shown, py-spy is not installed (pip install py-spy).")
        return
    entries = returns(size)
    async with running() as system:
        async with _sampled(system) as ingesting:
            ingest = await system.ingest(entries)
        async with _sampled(system) as syncing:
            sync = await system.sync()
    for title, span, samples in (("ingestion", ingest, ingesting), ("the sync", sync, syncing)):
        rows = [
            *_rows("functions", samples["functions"], _IN_FUNCTIONS, span.functions_cpu / size),
            *_rows("stand-ins", samples["stand_ins"], _IN_STAND_INS, span.stand_ins_cpu / size),
        ]
        show(
            f"Where the CPU time of {title} goes ({size:,} returns, sampled)",
            ("stage", "share", "µs a return"),
            rows,
        )


def _rows(
    process: str, samples: Counter[str], stages: Mapping[str, tuple[str, ...]], seconds: float
) -> list[tuple[str, str, float]]:
    found: Counter[str] = Counter()
    for stack, count in samples.items():
        found[_stage(stack, stages)] += count
    total = found.total() or 1
    return [
        (f"{process} · {stage}", f"{count / total:.0%}", count / total * seconds * 1e6)
        for stage, count in found.most_common()
    ]


def _stage(stack: str, stages: Mapping[str, tuple[str, ...]]) -> str:
    return next((stage for stage, frames in stages.items() if any(frame in stack for frame in frames)), _REST)


@asynccontextmanager
async def _sampled(system: System) -> AsyncIterator[dict[str, Counter[str]]]:
    """Sample both processes during the block; the dictionary has their stacks, counted, afterwards."""
    found: dict[str, Counter[str]] = {}
    with TemporaryDirectory() as directory:
        async with AsyncExitStack() as stack:
            for name, process in (("functions", system.functions), ("stand_ins", system.stand_ins)):
                await stack.enter_async_context(_recording(process, Path(directory, name)))
            yield found
        for name in ("functions", "stand_ins"):
            found[name] = _stacks(Path(directory, name))


@asynccontextmanager
async def _recording(process: psutil.Process, file: Path) -> AsyncIterator[None]:
    sampler = await asyncio.create_subprocess_exec(
        *("py-spy", "record", "--gil", "--format", "raw", "--rate", str(_SAMPLES_A_SECOND)),
        *("--duration", "3600", "--output", str(file), "--pid", str(process.pid)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    # It says nothing that could be waited for when it is attached.
    await asyncio.sleep(_ATTACH_SECONDS)
    try:
        yield
    finally:
        sampler.send_signal(signal.SIGINT)
        await sampler.wait()


def _stacks(file: Path) -> Counter[str]:
    stacks: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        stacks[stack] += int(count)
    return stacks
