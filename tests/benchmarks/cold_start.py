"""Cold starts, measured: ``python -m tests.benchmarks.cold_start`` (``make bench-cold-start``).

From spawning a function's server process to the end of its first answer, which is a real one: the functions are the
unzipped bundle's, in an environment of its own, started as the platform starts them, with the local cloud behind them.
Each start is followed by one of a function that does nothing, and by one of the same function in a ``main.py`` that
imports everything; all are asked the same. Ends with status 1 when a claimed bound is broken.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copy
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import aiohttp
import psutil
from google.cloud.firestore import AsyncClient
from yarl import URL

from infra.bundle import write
from infra.local.environment import PROJECT
from tests.benchmarks.machine import show_load, show_machine
from tests.benchmarks.report import Bound, show, show_bounds
from tests.bundle import conversation
from tests.bundle.deployment import Exchange
from tests.bundle.installed import Installed, compiled, install
from tests.bundle.launch import Launch
from tests.bundle.shop import Shop, open_shop
from tests.e2e.harness import free_port

_VARIANTS = Path(__file__).with_name("cold")
_LIBRARIES = ("functions-framework", "gunicorn", "uvicorn", "grpcio", "protobuf", "pydantic")
_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.001
_MEGABYTE = 1_000_000
# The record that says that a run of the sync is active: without it, the next call of the cron begins one.
_RUNS = "order_return_algolia_sync"
_READING = "products, reading"
_MOST_OF_BARE = {"products": 2.0, _READING: 2.0, "returns-cron": 2.0}
_MOST_OF_EVERYTHING = 0.45


@dataclass(frozen=True)
class Start:
    """Milliseconds to the first answer, and the bytes that the server then held resident."""

    took: float
    memory: int


@dataclass
class Contest:
    """A function's first request, and what the three took to answer it, round by round."""

    name: str
    launch: Launch
    first: Exchange
    ours: list[Start] = field(default_factory=list)
    bare: list[Start] = field(default_factory=list)
    everything: list[Start] = field(default_factory=list)

    async def round(self, db: AsyncClient) -> None:
        """Start each of the three once."""
        environment = self.launch.environment
        bare = replace(self.launch, target="bare", environment={**environment, "FUNCTION_SOURCE": "bare.py"})
        eager = replace(self.launch, environment={**environment, "FUNCTION_SOURCE": "everything.py"})
        for launch, starts in ((self.launch, self.ours), (bare, self.bare), (eager, self.everything)):
            await _end_run(db)
            starts.append(await _start(launch, self.first))

    @property
    def of_bare(self) -> float:
        return _took(self.ours) / _took(self.bare)

    @property
    def of_everything(self) -> float:
        return _took(self.ours) / _took(self.everything)


def _took(starts: Sequence[Start]) -> float:
    return median(start.took for start in starts)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.cold_start", description="Measure the functions' cold starts."
    )
    parser.add_argument("--rounds", type=int, default=11, help="starts of each (default 11)")
    parser.add_argument("--functions", nargs="+", default=[], metavar="NAME", help="all, if none is named")
    parser.add_argument("--python", default=sys.executable, help="that serves (default: the one of .venv)")
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace) -> bool:
    show_machine(_LIBRARIES)
    with TemporaryDirectory(prefix="bench-cold-start-") as directory:
        installed = _installed(Path(directory), options.python)
        async with open_shop(installed, Path(directory)) as shop:
            contests = await _contests(shop, options.functions)
            os.environ["FIRESTORE_EMULATOR_HOST"] = shop.cloud.addresses.firestore
            db = AsyncClient(project=PROJECT)
            for _ in range(options.rounds):
                for contest in contests:
                    await contest.round(db)
    _show(contests, options.rounds)
    show_load()
    return show_bounds(_bounds(contests))


def _installed(directory: Path, interpreter: str) -> Installed:
    write(directory / "backstock.zip")
    installed = install(directory / "backstock.zip", directory / "installed", interpreter)
    for variant in _VARIANTS.glob("*.py"):
        copy(variant, installed.folder)
    return compiled(installed)


async def _contests(shop: Shop, wanted: Collection[str]) -> list[Contest]:
    """What each function was asked first in a conversation with all, which has come to its end, and so on.

    Nothing is delivered any more: what a function enqueues stays where it is.
    """
    await conversation.whole(shop)
    product = await shop.ask("POST", "/products", "seller", json=conversation.PRODUCT, expect=201)
    await shop.ask("GET", f"/products/{product['id']}", "seller")
    await shop.quiet()
    await shop.cloud.stop_deliveries()
    asked = shop.deployment.exchanges
    firsts = {name: (name, asked[name][0]) for name in shop.cloud.topology.functions}
    firsts[_READING] = ("products", asked["products"][-1])
    shop.deployment.stop()
    return [
        Contest(label, shop.deployment.launch(name), first)
        for label, (name, first) in firsts.items()
        if not wanted or name in wanted
    ]


async def _end_run(db: AsyncClient) -> None:
    """Let no run of the sync be active."""
    async for record in db.collection(_RUNS).stream():
        await record.reference.delete()


async def _start(launch: Launch, first: Exchange) -> Start:
    port = free_port()
    began = time.perf_counter()
    process = launch.start(port, subprocess.DEVNULL)
    try:
        await _answer(process, port, first)
        took = (time.perf_counter() - began) * 1e3
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return Start(took, max(member.memory_info().rss for member in family))
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _answer(process: "subprocess.Popen[bytes]", port: int, first: Exchange) -> None:
    """Ask until there is an answer.

    Raises:
        RuntimeError: the process has ended, or answers with an error.
    """
    url = URL(f"http://127.0.0.1:{port}{first.target}", encoded=True)
    timeout = aiohttp.ClientTimeout(total=_LONGEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        while process.poll() is None:
            try:
                async with http.request(first.method, url, headers=first.headers, data=first.body) as answer:
                    if not answer.ok:
                        raise RuntimeError(f"{first.method} {url}: {answer.status} {await answer.text()}")
                    await answer.read()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"the process has ended with status {process.returncode}")


def _show(contests: Sequence[Contest], rounds: int) -> None:
    rows = [
        (
            contest.name,
            f"{contest.first.method} {contest.first.status}",
            _took(contest.ours),
            quantiles((start.took for start in contest.ours), n=10, method="inclusive")[-1],
            contest.of_bare,
            contest.of_everything,
            median(start.memory for start in contest.ours) / _MEGABYTE,
        )
        for contest in contests
    ]
    header = ("function", "first answer", "ms", "p90", "of bare", "of everything", "RSS MB")
    show(f"Cold starts, process to first answer (medians of {rounds}; ratios of medians)", header, rows)
    bare = [start.took for contest in contests for start in contest.bare]
    everything = [start.took for contest in contests for start in contest.everything]
    print(f"bare: {median(bare):.0f} ms; importing everything: {median(everything):.0f} ms")


def _bounds(contests: Sequence[Contest]) -> list[Bound]:
    bare = [
        Bound(f"{contest.name}: times the bare function", contest.of_bare, _MOST_OF_BARE[contest.name])
        for contest in contests
        if contest.name in _MOST_OF_BARE
    ]
    everything = [
        Bound(f"{contest.name}: share of import-everything", contest.of_everything, _MOST_OF_EVERYTHING)
        for contest in contests
    ]
    return bare + everything


def main() -> int:
    """Measure, print, and judge; the exit status."""
    return 0 if asyncio.run(_run(_options(sys.argv[1:]))) else 1


if __name__ == "__main__":
    sys.exit(main())
