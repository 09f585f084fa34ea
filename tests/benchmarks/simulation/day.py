"""A sale day: what puts tasks on the queues, hour by hour, and what the queues make of it."""

import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
import simpy

from infra.topology import Topology
from tests.benchmarks.simulation.fleet import Fleet
from tests.benchmarks.simulation.load import DAY, FEEDS_BEGIN, FEEDS_END, HOUR, MONTH, Stream
from tests.benchmarks.simulation.queues import Sample, Task, TaskQueue
from tests.benchmarks.simulation.services import COLD_START, LINES_A_CHUNK, handler

SAMPLE_SECONDS = 10.0
_TICK = 0.2

# functions/returns: the schedule, how far a run reaches back, and how it is cut.
CRON_SECONDS = 900.0
OVERLAP = 1_800.0
BATCH = 1_000
BATCHES_PER_PAGE = 10
# Measured: 1.6 µs a line. Assumed: as long again for the network, and 5 s for the plan.
_READ_LINE = 3.2e-6
_PLAN = 5.0
# The nightly walk: the schedule, and its pages (functions/storefront/refreshing.py). Assumed: a second for each.
_WALK_AT = 2 * HOUR
_WALK_PAGE = 100
_WALK_SECONDS = 1.0

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Outcome:
    """What a queue did in a day.

    Args:
        waiting: tasks that were neither done nor dead at the end of the day.
        latency: seconds from being enqueued to being done: p50, p95, p99 and the longest, of those done.
        instances: the most of its target that were busy at once.
        cpu_seconds: of those instances, used.
        busy_seconds: of those instances, with at least one request in them: what Cloud Run bills.
    """

    queue: str
    added: int
    attempts: int
    done: int
    dead: int
    waiting: int
    latency: tuple[float, ...]
    samples: Sequence[Sample]
    instances: int
    cpu_seconds: float
    busy_seconds: float

    @property
    def most_waiting(self) -> int:
        """The most that were seen waiting at once."""
        return max(sample.due + sample.pausing for sample in self.samples)


@dataclass(frozen=True)
class Run:
    """A run of the returns sync. ``oldest``: seconds from the oldest change in it to the run's end."""

    begun: float
    ended: float
    returns: float
    oldest: float


@dataclass(frozen=True)
class Day:
    """A simulated day: each queue's outcome, and the runs of the returns sync."""

    factor: float
    outcomes: Mapping[str, Outcome]
    runs: Sequence[Run]


class World:
    """Some of the topology's queues, and the time that passes for them.

    Args:
        factor: how much of :data:`MONTH` there is.
    """

    def __init__(self, topology: Topology, names: Sequence[str], factor: float, seed: int) -> None:
        self.env = simpy.Environment()
        self.factor = factor
        self.seed = seed
        self.queues = {name: self._queue(topology, name) for name in names}
        self.runs: list[Run] = []

    def _queue(self, topology: Topology, name: str) -> TaskQueue:
        limits = topology.queues[name]
        fleet = Fleet(self.env, topology.functions[limits.target], COLD_START)
        return TaskQueue(self.env, limits, fleet, handler(name, self.random(name)))

    def random(self, name: str) -> Random:
        """Numbers of its own for each part, so that one more part changes no other."""
        return Random(self._seed(name))

    def generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng(self._seed(name))

    def _seed(self, name: str) -> int:
        return zlib.crc32(f"{self.seed}/{self.factor}/{name}".encode())

    def live(self, until: float) -> None:
        """Let time pass."""
        self.env.process(self._sampling())
        self.env.run(until)

    def _sampling(self) -> Process:
        # A second late, so that what a schedule begins is seen.
        yield self.env.timeout(1)
        while True:
            for queue in self.queues.values():
                queue.sample()
            yield self.env.timeout(SAMPLE_SECONDS)

    def outcomes(self) -> dict[str, Outcome]:
        return {name: _outcome(name, queue) for name, queue in self.queues.items()}


def _outcome(name: str, queue: TaskQueue) -> Outcome:
    record, fleet = queue.record, queue.fleet
    return Outcome(
        queue=name,
        added=record.added,
        attempts=record.attempts,
        done=record.done,
        dead=record.dead,
        waiting=queue.waiting + queue.running,
        latency=tuple(np.percentile(record.latencies, (50, 95, 99, 100)).tolist() if record.done else ()),
        samples=record.samples,
        instances=fleet.most,
        cpu_seconds=fleet.cpu_seconds,
        busy_seconds=fleet.busy_seconds,
    )


def stream(world: World, queue: str, a_month: float) -> None:
    """Tasks that come one by one, all day."""
    source = Stream(a_month * world.factor)
    generator = world.generator(queue)

    def arrive() -> Process:
        for hour in range(DAY // HOUR):
            ticks = hour * HOUR + np.arange(0, HOUR, _TICK)
            for tick, tasks in zip(ticks, source.counts(generator, ticks), strict=True):
                if tasks:
                    yield world.env.timeout(max(0.0, float(tick) - world.env.now))
                    world.queues[queue].add(int(tasks))

    world.env.process(arrive())


class ReturnRuns:
    """The runs of the returns sync: every quarter of an hour, unless one is active."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._planning, self._pushing = world.queues["returnSync"], world.queues["returnSyncProcessing"]
        self._changed = _cumulated(Stream(MONTH.returns * world.factor))
        self._covered = -CRON_SECONDS
        self._active = False
        world.env.process(self._cron())

    def _cron(self) -> Process:
        while True:
            if not self._active:
                self._begin(self._world.env.now)
            yield self._world.env.timeout(CRON_SECONDS)

    def _begin(self, now: float) -> None:
        old = self._changed(self._covered) - self._changed(self._covered - OVERLAP)
        new = self._changed(now) - self._changed(self._covered)
        self._active, self._begun, self._from = True, now, self._covered
        self._returns, self._left = old + new, 0
        self._covered = now
        self._batches = [*_batches(old, is_new=False), *_batches(new, is_new=True)]
        self._page()

    def _page(self) -> None:
        self._left += 1
        self._planning.put(Task(self._world.env.now, then=self._planned))

    def _planned(self, _: bool) -> None:
        page, self._batches = self._batches[:BATCHES_PER_PAGE], self._batches[BATCHES_PER_PAGE:]
        self._left += len(page)
        if self._batches:
            self._page()
        now = self._world.env.now
        for size, is_new in page:
            self._pushing.put(Task(now, size, is_new, then=self._arrived))
        self._arrived(True)

    def _arrived(self, _: bool) -> None:
        self._left -= 1
        if not self._left:
            now = self._world.env.now
            self._world.runs.append(Run(self._begun, now, self._returns, now - self._from))
            self._active = False


def _batches(returns: float, *, is_new: bool) -> list[tuple[float, bool]]:
    whole, rest = divmod(round(returns), BATCH)
    return [(float(BATCH), is_new)] * whole + ([(float(rest), is_new)] if rest else [])


def _cumulated(source: Stream) -> Callable[[float], float]:
    """How many have come by a time; before the day, they came at its first rate."""
    minutes = np.arange(0, DAY + 60, 60)
    rates = source.rate(minutes)
    steps = (rates[1:] + rates[:-1]) / 2 * 60
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    return lambda at: at * float(rates[0]) if at < 0 else float(np.interp(at, minutes, sums))


class Feeds:
    """Retailers' feeds: each a run, whose stores are rebuilt as their chunks have come in.

    And the walk of the night, which has those rebuilt whose feed of today has not come yet: they were built yesterday.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._unfed = 0
        random = world.random("feeds")
        stores = round(MONTH.stores * world.factor)
        for first in range(0, stores, MONTH.stores_a_feed):
            of_feed = min(MONTH.stores_a_feed, stores - first)
            world.env.process(self._feed(random.uniform(FEEDS_BEGIN, FEEDS_END), of_feed))
        world.env.process(self._walk())

    def _feed(self, comes_at: float, stores: int) -> Process:
        self._unfed += stores
        lines = stores * MONTH.store_items
        yield self._world.env.timeout(comes_at + _PLAN + lines * _READ_LINE)
        self._unfed -= stores
        for _ in range(stores):
            self._store()

    def _walk(self) -> Process:
        yield self._world.env.timeout(_WALK_AT)
        for left in range(self._unfed, 0, -_WALK_PAGE):
            self._world.queues["storefrontRebuild"].add(min(_WALK_PAGE, left))
            yield self._world.env.timeout(_WALK_SECONDS)

    def _store(self) -> None:
        chunks = MONTH.store_items // LINES_A_CHUNK
        missing = [chunks]
        for _ in range(chunks):
            task = Task(self._world.env.now, LINES_A_CHUNK, then=partial(self._came_in, missing))
            self._world.queues["priceUpdates"].put(task)

    def _came_in(self, missing: list[int], _: bool) -> None:
        missing[0] -= 1
        if not missing[0]:
            self._world.queues["storefrontRebuild"].add()


def _returns(world: World) -> None:
    ReturnRuns(world)


def _prices(world: World) -> None:
    Feeds(world)


# What shares no queue with the others is a world of its own, and can be simulated beside them.
PARTS: Mapping[str, tuple[Sequence[str], Callable[[World], Any]]] = {
    "returns": (("returnSync", "returnSyncProcessing"), _returns),
    "supply chain": (
        ("supplyChainSync",),
        partial(stream, queue="supplyChainSync", a_month=MONTH.events),
    ),
    "fetching": (("imageFetch",), partial(stream, queue="imageFetch", a_month=MONTH.images)),
    "removal": (("imageRemoval",), partial(stream, queue="imageRemoval", a_month=MONTH.removals)),
    "prices": (("priceUpdates", "storefrontRebuild"), _prices),
}


def simulate(topology: Topology, part: str, factor: float, seed: int, until: float = DAY) -> Day:
    """A day of one of the :data:`PARTS`."""
    names, begin = PARTS[part]
    world = World(topology, names, factor, seed)
    begin(world)
    world.live(until)
    return Day(factor, world.outcomes(), world.runs)
