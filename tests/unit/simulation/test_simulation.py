"""The simulated queues of docs/scale.md keep the laws that Cloud Tasks and the theory of queues give them."""

import math
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.tasks.rates import burst_size
from infra.topology import Function, Queue, Topology, load
from shared.jobs.queues import EVERY_QUEUE
from tests.benchmarks.simulation.day import PARTS, simulate
from tests.benchmarks.simulation.figures import show_limits, show_load
from tests.benchmarks.simulation.fleet import Fleet
from tests.benchmarks.simulation.load import DAY, PEAK, curve
from tests.benchmarks.simulation.queues import Attempt, Handler, Task, TaskQueue, retry_policy
from tests.benchmarks.simulation.raised import raised
from tests.benchmarks.simulation.services import TIMINGS

SCALE = Path(__file__).parents[3] / "docs" / "scale.md"


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load()


def limits(
    rate: float = 500, at_once: int = 1000, attempts: int = 10, backoff: tuple[int, int, int] = (1, 60, 4)
) -> Queue:
    shortest, longest, doublings = backoff
    return Queue(
        target="work",
        max_dispatches_per_second=rate,
        max_concurrent_dispatches=at_once,
        max_attempts=attempts,
        min_backoff=f"{shortest}s",
        max_backoff=f"{longest}s",
        max_doublings=doublings,
    )


def function(instances: int = 100, concurrency: int = 100) -> Function:
    return Function(
        entry_point="work",
        room="shop",
        access="tasks",
        memory="512Mi",
        cpu=1,
        concurrency=concurrency,
        timeout=60,
        min_instances=0,
        max_instances=instances,
    )


class Bench:
    """A queue, and what was seen of it."""

    def __init__(self, queue: Queue, handle: Handler, target: Function | None = None) -> None:
        self.env = simpy.Environment()
        self.begun: list[float] = []
        self.most_running = 0
        self._handle = handle
        self.queue = TaskQueue(self.env, queue, Fleet(self.env, target or function(), 0.0), self._seen)

    def _seen(self, task: Task, now: float) -> Attempt:
        self.begun.append(now)
        self.most_running = max(self.most_running, self.queue.running)
        return self._handle(task, now)

    def at(self, when: float, act: Callable[[], None]) -> None:
        self.env.timeout(when - self.env.now).callbacks.append(lambda _: act())


def takes(seconds: float, *, succeeds: bool = True) -> Handler:
    return lambda task, now: Attempt(0.0, seconds, succeeds)


def test_no_task_is_lost() -> None:
    random = Random(7)
    bench = Bench(
        limits(rate=20, at_once=5, attempts=3),
        lambda task, now: Attempt(0.01, random.expovariate(5), random.random() < 0.6),
        function(instances=1, concurrency=4),
    )
    for second in range(200):
        bench.at(second, lambda: bench.queue.add(random.randint(1, 20)))
    for stop in (10.5, 100.5, 300.5, 10_000):
        bench.env.run(stop)
        record = bench.queue.record
        assert record.added == record.done + record.dead + bench.queue.waiting + bench.queue.running
        assert record.attempts == len(bench.begun)
    assert (bench.queue.waiting, bench.queue.running) == (0, 0)
    assert record.dead > 0
    assert len(record.latencies) == record.done


def test_a_task_pauses_as_in_googles_example_and_is_dead_after_its_last_attempt() -> None:
    ends: list[bool] = []
    bench = Bench(limits(attempts=9, backoff=(10, 300, 3)), takes(0, succeeds=False))
    bench.queue.put(Task(0.0, then=ends.append))
    bench.env.run()
    pauses = [later - earlier for earlier, later in pairwise(bench.begun)]
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 240, 300, 300])
    assert ends == [False]
    assert bench.queue.record.dead == 1


def test_the_supply_chain_is_tried_over_three_days(topology: Topology) -> None:
    policy = retry_policy(topology.queues["supplyChainSync"])
    hours = sum(policy.interval(retry) for retry in range(1, policy.max_attempts)) / 3600
    assert hours == pytest.approx(71.9, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(
    rate=st.floats(0.5, 60),
    at_once=st.integers(1, 30),
    arrivals=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60)), min_size=1, max_size=8),
    service=st.floats(0, 2),
)
def test_no_window_has_more_dispatches_than_rate_and_burst_allow(
    rate: float, at_once: int, arrivals: list[tuple[float, int]], service: float
) -> None:
    bench = Bench(limits(rate, at_once), takes(service))
    for when, tasks in arrivals:
        bench.at(when, lambda tasks=tasks: bench.queue.add(tasks))
    bench.env.run()
    assert bench.most_running <= at_once
    assert len(bench.begun) == sum(tasks for _, tasks in arrivals)
    for first, start in enumerate(bench.begun):
        for number, end in enumerate(bench.begun[first:], start=1):
            assert number <= burst_size(rate) + rate * (end - start) + 1e-3


def test_a_queue_that_gets_more_than_it_may_dispatch_grows_and_drains_as_it_must() -> None:
    """D/D/1: 20 a second for 100 s, at 5 a second: 1,500 are left, less the burst, and last 300 s more."""
    bench = Bench(limits(rate=5), takes(0.01))
    for tick in range(10, 110):
        bench.at(tick, lambda: bench.queue.add(20))
    bench.env.run(9.9)
    assert bench.queue.waiting == 0
    bench.env.run(109.5)
    assert bench.queue.waiting == pytest.approx(20 * 100 - 5 * 99.5 - burst_size(5), abs=2)
    bench.env.run()
    assert bench.env.now == pytest.approx(10 + (2_000 - burst_size(5)) / 5, abs=1)


def erlang_c(servers: int, offered: float) -> float:
    """The probability that a customer of M/M/c waits."""
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return last / (sum(terms) + last)


@pytest.mark.parametrize(("servers", "arrivals"), [(1, 3.5), (4, 17.0)])
def test_waiting_is_as_long_as_in_theory(servers: int, arrivals: float) -> None:
    """M/M/c: Poisson arrivals, exponential service of 200 ms in the mean, as many at once as there are servers."""
    random, service, tasks = Random(3), 0.2, 20_000
    bench = Bench(
        limits(at_once=servers), lambda task, now: Attempt(0, random.expovariate(1 / service), True)
    )

    def arrive(left: int) -> None:
        bench.queue.add()
        if left:
            bench.at(bench.env.now + random.expovariate(arrivals), lambda: arrive(left - 1))

    arrive(tasks)
    bench.env.run()
    latency = sum(bench.queue.record.latencies) / bench.queue.record.done
    wait = erlang_c(servers, arrivals * service) * service / (servers - arrivals * service)
    assert latency == pytest.approx(wait + service, rel=0.08)


def test_as_many_are_in_the_system_as_come_in_during_a_stay() -> None:
    """Little's law, exact once all have left: the integral of the number in the system is the sum of the stays."""
    random = Random(11)
    bench = Bench(
        limits(rate=4, at_once=3), lambda task, now: Attempt(0.05, random.random(), random.random() < 0.9)
    )
    changes: deque[tuple[float, int]] = deque()
    for _ in range(400):
        arrival = random.uniform(0, 200)
        changes.append((arrival, 1))
        task = Task(arrival, then=lambda _: changes.append((bench.env.now, -1)))
        bench.at(arrival, lambda task=task: bench.queue.put(task))
    bench.env.run()
    area, level, ordered = 0.0, 0, sorted(changes)
    for (at, change), (until, _) in pairwise(ordered):
        level += change
        area += level * (until - at)
    assert bench.queue.record.done == 400
    assert area == pytest.approx(sum(bench.queue.record.latencies))


def test_a_cpu_does_one_thing_at_a_time() -> None:
    bench = Bench(limits(), lambda task, now: Attempt(0.5, 0.1, True), function(instances=2, concurrency=50))
    bench.queue.add(100)
    bench.env.run()
    # Sixty of a hundred places are what an instance is to have taken; two instances have room for all.
    assert bench.queue.fleet.cpu_seconds == pytest.approx(50)
    assert bench.env.now == pytest.approx(25.1, abs=0.6)


def test_an_instance_is_busy_for_as_long_as_a_request_is_in_it() -> None:
    bench = Bench(limits(), takes(30), function(instances=1, concurrency=10))
    bench.queue.put(Task(0.0))
    bench.at(20, lambda: bench.queue.put(Task(20.0)))
    bench.env.run(40)
    assert bench.queue.fleet.busy_seconds == pytest.approx(40)
    bench.env.run()
    assert bench.queue.fleet.busy_seconds == pytest.approx(50)


def test_a_fleet_that_is_full_fails_the_attempt() -> None:
    bench = Bench(limits(at_once=10), takes(30), function(instances=1, concurrency=2))
    bench.queue.add(3)
    bench.env.run(1)
    assert (bench.queue.running, bench.queue.waiting) == (2, 1)


def test_the_topology_has_room_for_all_that_its_queues_let_through(topology: Topology) -> None:
    for each in (topology, raised(topology)):
        for name, queue in each.queues.items():
            target = each.functions[queue.target]
            assert queue.max_concurrent_dispatches <= target.max_instances * target.concurrency, name


def test_every_queue_of_the_topology_is_simulated(topology: Topology) -> None:
    simulated = [name for names, _ in PARTS.values() for name in names]
    # Jobs are one task after the other, begun by an operator or once a night: no load of a day.
    jobs = [queue.name for queue in EVERY_QUEUE.values()]
    assert sorted([*simulated, *jobs]) == sorted([*TIMINGS, *jobs]) == sorted(topology.queues)


def test_a_day_of_the_same_seed_is_the_same_and_of_another_is_not(topology: Topology) -> None:
    first, again, other = (simulate(topology, "prices", 0.02, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.outcomes["priceUpdates"].latency != other.outcomes["priceUpdates"].latency


def test_a_store_is_rebuilt_after_its_last_chunk_and_by_the_walk_if_that_comes_before(
    topology: Topology,
) -> None:
    stores = 200
    outcomes = simulate(topology, "prices", stores / 1000, seed=1).outcomes
    assert outcomes["priceUpdates"].done == 4 * stores
    assert stores <= outcomes["storefrontRebuild"].done <= 2 * stores


def test_every_change_of_the_day_is_in_a_run(topology: Topology) -> None:
    runs = simulate(topology, "returns", 1, seed=1).runs
    assert len(runs) == DAY / 900
    # A run goes 30 minutes over its beginning: each change is in about three of them.
    assert sum(run.returns for run in runs) == pytest.approx(3 * 1e6 * 4 / 30, rel=0.02)
    assert all(run.oldest >= run.ended - run.begun for run in runs)


def test_the_curve_has_the_days_mean_and_its_peak() -> None:
    rates = curve(range(DAY))
    assert rates.mean() == pytest.approx(1)
    assert rates.max() == pytest.approx(PEAK)
    assert pytest.approx(2.5, abs=0.01) == PEAK


def test_the_page_shows_the_load_and_the_limits_as_they_are(
    topology: Topology, capsys: pytest.CaptureFixture[str]
) -> None:
    show_load()
    show_limits(topology)
    page = SCALE.read_text()
    for line in capsys.readouterr().out.splitlines():
        assert line.strip() in page
