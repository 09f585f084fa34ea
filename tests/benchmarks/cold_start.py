"""Cold starts, measured: ``python -m tests.benchmarks.cold_start`` (``make bench-cold-start``).

From spawning a function's server process to the end of its first answer, which is a real one: the functions are the
unzipped bundle's, in an environment of its own, started as the platform starts them, with the local cloud behind them.
Each start is followed by one of a function that does nothing, and by one of the same function in a ``main.py`` that
imports everything; all are asked the same. The last row is a function with nothing but Google's clients of Firestore
and Cloud Tasks: no function that uses both starts sooner. Ends with status 1 when a claimed bound is broken.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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

OURS, BARE, EVERYTHING = "ours", "bare", "everything"
_VARIANTS = Path(__file__).with_name("cold")
_LIBRARIES = ("functions-framework", "gunicorn", "uvicorn", "grpcio", "protobuf", "pydantic")
_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.001
_MEGABYTE = 1_000_000
# Holds the record that says whether a run of the sync is active.
_RUNS = "order_return_algolia_sync"
_READING = "products, reading"
_MOST_OF_BARE = {"products": 2.0, _READING: 2.0, "returns-cron": 2.0}
_MOST_OF_EVERYTHING = 0.45


@dataclass(frozen=True)
class Start:
    """Milliseconds to the first answer, those of CPU in it, and the bytes that the server then held resident."""

    took: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Contest:
    """What starts side by side, asked the same: a function, and what it is measured against."""

    name: str
    first: Exchange
    entrants: Mapping[str, Launch]
    starts: defaultdict[str, list[Start]] = field(default_factory=lambda: defaultdict(list))

    async def round(self, db: AsyncClient) -> None:
        """Start each once."""
        for entrant, launch in self.entrants.items():
            await _end_run(db)
            self.starts[entrant].append(await _start(launch, self.first))

    def took(self, entrant: str) -> float:
        """The median, in milliseconds."""
        return median(start.took for start in self.starts[entrant])

    def cpu(self, entrant: str) -> float:
        """The median, in milliseconds."""
        return median(start.cpu for start in self.starts[entrant])

    def ratio(self, rival: str) -> float:
        """Of the function's time to the rival's."""
        return self.took(OURS) / self.took(rival)


def _other(launch: Launch, target: str, source: str) -> Launch:
    """A function of a file in ``cold/``, started as ``launch`` would start."""
    environment = {**launch.environment, "FUNCTION_SOURCE": f"{source}.py"}
    return replace(launch, target=target, environment=environment)


def _contest(name: str, launch: Launch, first: Exchange) -> Contest:
    entrants = {
        OURS: launch,
        BARE: _other(launch, "bare", "bare"),
        EVERYTHING: _other(launch, launch.target, "everything"),
    }
    return Contest(name, first, entrants)


def _clients_alone(launch: Launch, first: Exchange) -> Contest:
    entrants = {OURS: _other(launch, "clients", "clients"), BARE: _other(launch, "bare", "bare")}
    return Contest("(Google's clients alone)", first, entrants)


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
    _show_server(options.python)
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


def _show_server(interpreter: str) -> None:
    version = subprocess.check_output([interpreter, "--version"], text=True).strip()
    print(f"The functions run on {version}")


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
    contests = [
        _contest(label, shop.deployment.launch(name), first)
        for label, (name, first) in firsts.items()
        if not wanted or name in wanted
    ]
    return [*contests, _clients_alone(shop.deployment.launch("products"), asked["products"][-1])]


async def _end_run(db: AsyncClient) -> None:
    """Let no run of the sync be active, so that the next call of the cron begins one."""
    async for record in db.collection(_RUNS).stream():
        await record.reference.update({"status": 0})


async def _start(launch: Launch, first: Exchange) -> Start:
    port = free_port()
    began = time.perf_counter()
    process = launch.start(port, subprocess.DEVNULL)
    try:
        await _answer(process, port, first)
        took = (time.perf_counter() - began) * 1e3
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        cpu = sum(sum(member.cpu_times()[:2]) for member in family) * 1e3
        return Start(took, cpu, max(member.memory_info().rss for member in family))
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
    header = (
        "function",
        "first answer",
        "ms",
        "p90",
        "bare",
        "of bare",
        "of everything",
        "CPU ms",
        "bare",
        "RSS MB",
    )
    title = (
        f"Cold starts, process to first answer (medians of {rounds} starts, interleaved; ratios of medians)"
    )
    show(title, header, [_row(contest) for contest in contests])


def _row(contest: Contest) -> Sequence[object]:
    starts = contest.starts[OURS]
    return (
        contest.name,
        f"{contest.first.method} {contest.first.status}",
        contest.took(OURS),
        quantiles((start.took for start in starts), n=10, method="inclusive")[-1],
        contest.took(BARE),
        contest.ratio(BARE),
        contest.ratio(EVERYTHING) if EVERYTHING in contest.entrants else "",
        contest.cpu(OURS),
        contest.cpu(BARE),
        median(start.memory for start in starts) / _MEGABYTE,
    )


def _bounds(contests: Sequence[Contest]) -> list[Bound]:
    bare = [
        Bound(f"{contest.name}: times the bare function", contest.ratio(BARE), _MOST_OF_BARE[contest.name])
        for contest in contests
        if contest.name in _MOST_OF_BARE
    ]
    everything = [
        Bound(f"{contest.name}: share of import-everything", contest.ratio(EVERYTHING), _MOST_OF_EVERYTHING)
        for contest in contests
        if EVERYTHING in contest.entrants
    ]
    return bare + everything


def main() -> int:
    """Measure, print, and judge; the exit status."""
    return 0 if asyncio.run(_run(_options(sys.argv[1:]))) else 1


if __name__ == "__main__":
    sys.exit(main())
