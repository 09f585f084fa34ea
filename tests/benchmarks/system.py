"""The local cloud under measurement: driven over HTTP only, watched from outside."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import orjson
import psutil

from tests.e2e.harness import LocalCloud, local_cloud

_BATCH = 500  # the most that POST /returns/batch takes
_AT_ONCE = 4
_LONGEST_SECONDS = 1_800
_RSS_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Span:
    """What happened between two moments: seconds of real time and of CPU, and what the services counted.

    ``began`` is the first moment, in seconds since the epoch.
    ``counts`` has Algolia's and Firestore's counters by name, and Firestore's RPCs as ``rpc.Commit`` and so on.
    """

    began: float
    wall: float
    functions_cpu: float
    stand_ins_cpu: float
    counts: Mapping[str, int]

    @property
    def cpu(self) -> float:
        return self.functions_cpu + self.stand_ins_cpu

    @property
    def rpcs(self) -> int:
        """Firestore calls."""
        return sum(count for name, count in self.counts.items() if name.startswith("rpc."))


class PeakMemory:
    """The most memory that a process has held resident, in bytes, looked at 20 times a second."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.bytes = 0

    async def watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, self._process.memory_info().rss)
            await asyncio.sleep(_RSS_EVERY_SECONDS)


class System:
    """One local cloud, empty and warm: each function has served, and the index has its settings."""

    def __init__(self, cloud: LocalCloud, session: aiohttp.ClientSession) -> None:
        self.cloud = cloud
        self._session = session
        self.stand_ins = psutil.Process(cloud.process.pid)
        self.functions = next(
            child
            for child in self.stand_ins.children(recursive=True)
            if "infra.local.functions_host" in child.cmdline()
        )
        self.memory = PeakMemory(self.functions)

    @property
    def cpu(self) -> float:
        """Seconds of CPU that functions and stand-ins have used so far."""
        return _cpu(self.functions) + _cpu(self.stand_ins)

    async def call(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of a successful answer.

        Raises:
            RuntimeError: any other answer.
        """
        async with self._session.request(method, path, **request) as response:
            if not response.ok:
                raise RuntimeError(f"{method} {path} answered {response.status}: {await response.text()}")
            return await response.json()

    async def ingest(self, returns: Sequence[Mapping[str, Any]]) -> "Span":
        """Store returns, in batches of 500, a few requests at a time."""
        # Encoded beforehand: the client shares the machine's cores with what it measures.
        bodies = [
            orjson.dumps({"returns": returns[start : start + _BATCH]})
            for start in range(0, len(returns), _BATCH)
        ]
        waiting = iter(bodies)
        outcomes: Counter[str] = Counter()

        async def send() -> None:
            for body in waiting:
                headers = {"Content-Type": "application/json"}
                answer = await self.call("POST", "/returns/batch", data=body, headers=headers)
                outcomes.update(result["outcome"] for result in answer["results"])

        async with self.measured() as spans:
            await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
        if outcomes["created"] + outcomes["updated"] != len(returns):
            raise RuntimeError(f"{len(returns)} returns were sent; the outcomes are {dict(outcomes)}")
        return spans[0]

    async def sync(self) -> "Span":
        """Run the cron and wait until the run has ended."""
        async with self.measured() as spans:
            started = await self.call("POST", "/_local/schedules/returnsUpdateCron:run")
            if started["status"] != 200:
                raise RuntimeError(f"returnsUpdateCron ended with {started}")
            await self.call("POST", f"/_local/idle?timeout={_LONGEST_SECONDS}")
        return spans[0]

    def logged_at(self, message: str) -> float:
        """When the functions logged ``message`` last, in seconds since the epoch."""
        lines = (self.cloud.data_dir / "functions.log").read_bytes().splitlines()
        entries = (orjson.loads(line) for line in reversed(lines) if line.startswith(b"{"))
        found = next(entry for entry in entries if entry["message"] == message)
        return datetime.fromisoformat(found["time"]).timestamp()

    async def found(self, query: str = "per_page=1") -> int:
        """How many returns a search finds; all of the searchable ones unless the query says otherwise."""
        answer = await self.call("GET", f"/search-order-return-index-data?{query}")
        return int(answer["total"])

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[list[Span]]:
        """Measure the block; the list that it is given holds the span afterwards."""
        spans: list[Span] = []
        counted, began = await self._counted(), time.time()
        started, functions, stand_ins = time.perf_counter(), _cpu(self.functions), _cpu(self.stand_ins)
        yield spans
        took = time.perf_counter() - started
        functions, stand_ins = _cpu(self.functions) - functions, _cpu(self.stand_ins) - stand_ins
        spans.append(Span(began, took, functions, stand_ins, await self._counted() - counted))

    async def _counted(self) -> Counter[str]:
        stats = await self.call("GET", "/_local/stats")
        rpcs = stats["firestore"].pop("rpcs")
        return Counter(
            stats["algolia"] | stats["firestore"] | {f"rpc.{name}": count for name, count in rpcs.items()}
        )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@asynccontextmanager
async def running() -> AsyncIterator[System]:
    """A fresh local cloud in a temporary directory, warmed up by one sync of nothing."""
    with _cloud() as cloud:
        session = aiohttp.ClientSession(
            cloud.base_url, headers=cloud.token("ops"), timeout=aiohttp.ClientTimeout(_LONGEST_SECONDS)
        )
        async with session:
            system = System(cloud, session)
            await system.sync()
            await system.found()
            watching = asyncio.create_task(system.memory.watch())
            try:
                yield system
            finally:
                watching.cancel()


@contextmanager
def _cloud() -> Iterator[LocalCloud]:
    with (
        TemporaryDirectory(prefix="bench-returns-") as directory,
        local_cloud(Path(directory) / "data") as cloud,
    ):
        yield cloud
