"""A Cloud Tasks queue as a discrete-event model: token bucket, concurrency, and each task's own pauses.

Bucket and pauses are the local cloud's (``infra/local``), which are tested against Google's documentation. The queue
offers the task that has been due longest, where Cloud Tasks promises no order. What it does to a whole queue after
errors (https://cloud.google.com/tasks/docs/common-pitfalls) has no published numbers and is left out.
"""

import heapq
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import simpy

from infra.local.backoff import RetryPolicy
from infra.local.tasks.rates import TokenBucket
from infra.topology import Queue, seconds
from tests.benchmarks.simulation.fleet import Fleet, Instance

# Of the clock, at a day's end, is far finer; a shorter wait could be no wait at all.
_SHORTEST_WAIT = 1e-6


@dataclass(slots=True, eq=False)
class Task:
    """A task.

    Args:
        enqueued: when.
        size: of its work, in the unit of its queue's handler.
        is_new: whether there is work in it, rather than the discovery that it has been done.
        then: told of its end: whether it was done, or is dead.
        failures: attempts that have failed.
        held_until: a failed attempt's claim keeps others away until then.
        is_hopeless: whether no attempt can succeed.
    """

    enqueued: float
    size: float = 1.0
    is_new: bool = True
    then: Callable[[bool], None] | None = None
    failures: int = 0
    held_until: float = 0.0
    is_hopeless: bool = False


class Attempt(NamedTuple):
    """What an attempt takes, in seconds of CPU and of waiting for others, and whether it succeeds."""

    cpu: float
    wait: float
    succeeds: bool


class Sample(NamedTuple):
    """A queue at one moment: tasks that are due, tasks in a pause, tasks at work, and busy instances."""

    at: float
    due: int
    pausing: int
    running: int
    instances: int


@dataclass
class Record:
    """What has come of a queue's tasks. ``latencies``: seconds from being enqueued to being done, of those done."""

    added: int = 0
    attempts: int = 0
    done: int = 0
    dead: int = 0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    samples: list[Sample] = field(default_factory=list)


Handler = Callable[[Task, float], Attempt]


def retry_policy(limits: Queue) -> RetryPolicy:
    """A queue's pauses, as the topology has them."""
    return RetryPolicy(
        max_attempts=limits.max_attempts,
        max_retry_duration=seconds(limits.max_retry_duration),
        min_backoff=seconds(limits.min_backoff),
        max_backoff=seconds(limits.max_backoff),
        max_doublings=limits.max_doublings,
    )


class TaskQueue:
    """One queue and the fleet of its target.

    Args:
        handle: what an attempt at a task, begun at a time, takes.
    """

    def __init__(self, env: simpy.Environment, limits: Queue, fleet: Fleet, handle: Handler) -> None:
        policy = retry_policy(limits)
        self.fleet = fleet
        self.record = Record()
        self.running = 0
        self._env = env
        self._limits = limits
        self._handle = handle
        self._pauses = [policy.interval(failures) for failures in range(1, limits.max_attempts)]
        self._bucket = TokenBucket.full(limits.max_dispatches_per_second, env.now)
        # Tasks that were never tried: many that came at once are one entry, [when, how many], until they are tried.
        self._plain: deque[list[float]] = deque()
        # The others, by when they are due: those that pause, and those whose time has come.
        self._pausing: list[tuple[float, int, Task]] = []
        self._ripe: deque[tuple[float, Task]] = deque()
        self._numbers = count()
        self._untried = 0
        self._wakes_at: float | None = None

    @property
    def waiting(self) -> int:
        """Tasks that are neither at work nor at their end."""
        return self._untried + len(self._pausing) + len(self._ripe)

    def add(self, tasks: int = 1) -> None:
        """Enqueue some tasks, one at least, that are all alike."""
        self.record.added += tasks
        self._untried += tasks
        self._plain.append([self._env.now, tasks])
        self._dispatch()

    def put(self, task: Task) -> None:
        """Enqueue one task."""
        self.record.added += 1
        self._push(task, self._env.now)
        self._dispatch()

    def sample(self) -> None:
        """Note how things stand."""
        now = self._env.now
        self._ripen(now)
        due, pausing = self._untried + len(self._ripe), len(self._pausing)
        self.record.samples.append(Sample(now, due, pausing, self.running, self.fleet.busy))

    def _push(self, task: Task, due: float) -> None:
        heapq.heappush(self._pausing, (due, next(self._numbers), task))

    def _ripen(self, now: float) -> None:
        while self._pausing and self._pausing[0][0] <= now:
            due, _, task = heapq.heappop(self._pausing)
            self._ripe.append((due, task))

    def _dispatch(self) -> None:
        """Begin what may begin now, and come back when there may be more."""
        now = self._env.now
        self._ripen(now)
        while self.running < self._limits.max_concurrent_dispatches:
            if not (self._plain or self._ripe):
                if self._pausing:
                    self._wake_at(self._pausing[0][0])
                return
            if not self._bucket.available(now):
                self._wake_at(self._bucket.next_token_at())
                return
            self._bucket.take(1)
            self._begin(self._take())

    def _take(self) -> Task:
        """The task that has been due longest."""
        if not self._plain or (self._ripe and self._ripe[0][0] < self._plain[0][0]):
            return self._ripe.popleft()[1]
        first = self._plain[0]
        first[1] -= 1
        self._untried -= 1
        if not first[1]:
            self._plain.popleft()
        return Task(first[0])

    def _begin(self, task: Task) -> None:
        now = self._env.now
        self.record.attempts += 1
        self.running += 1
        attempt = self._handle(task, now)
        admitted = self.fleet.admit(attempt.cpu, attempt.wait)
        instance, ends = admitted or (None, now)
        self._after(ends - now, self._ended, (task, attempt.succeeds and admitted is not None, instance))

    def _ended(self, event: Any) -> None:
        task, succeeded, instance = event.value
        self.running -= 1
        self._release(instance)
        if succeeded:
            self.record.done += 1
            self.record.latencies.append(self._env.now - task.enqueued)
            self._tell(task, True)
        else:
            self._failed(task)
        self._dispatch()

    def _release(self, instance: Instance | None) -> None:
        if instance:
            self.fleet.release(instance)

    def _failed(self, task: Task) -> None:
        task.failures += 1
        if task.failures < self._limits.max_attempts:
            self._push(task, self._env.now + self._pauses[task.failures - 1])
            return
        self.record.dead += 1
        self._tell(task, False)

    def _tell(self, task: Task, is_done: bool) -> None:
        if task.then:
            task.then(is_done)

    def _wake_at(self, when: float) -> None:
        now = self._env.now
        if self._wakes_at is None or when < self._wakes_at - _SHORTEST_WAIT:
            self._wakes_at = max(when, now + _SHORTEST_WAIT)
            self._after(self._wakes_at - now, self._woken, self._wakes_at)

    def _woken(self, event: simpy.Event) -> None:
        # Only the latest wish counts: an earlier one has been overtaken.
        if event.value == self._wakes_at:
            self._wakes_at = None
            self._dispatch()

    def _after(self, delay: float, call: Callable[[simpy.Event], None], value: object) -> None:
        timeout = self._env.timeout(delay, value)
        timeout.callbacks.append(call)
