"""Deliver one queue's tasks when their time comes, within its rates, until each is done or exhausted."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from infra.local.alarm import Alarm
from infra.local.attempt_faults import Deliver, Faults, attempt
from infra.local.clock import Clock
from infra.local.delivery import Outcome
from infra.local.http_target import TokenMinter
from infra.local.prototime import seconds_of, timestamp
from infra.local.tasks import attempts
from infra.local.tasks.faults import FaultPlan
from infra.local.tasks.names import short
from infra.local.tasks.queues import PAUSED, effective_retry, retry_policy
from infra.local.tasks.rates import TokenBucket, hold_seconds, retry_after_seconds
from infra.local.tasks.store import Depth, TaskRecord, TaskStore

_log = logging.getLogger(__name__)

# A task's name stays taken for up to 24 hours after its end (CreateTaskRequest.task): here always that long.
TASK_NAME_TAKEN_SECONDS = 24 * 3600.0
# https://cloud.google.com/tasks/docs/quotas: a task is kept for at most 31 days.
_RETENTION_SECONDS = 31 * 24 * 3600.0
_THROTTLING = (429, 503)


@dataclass
class Counters:
    """What happened on a queue since this process started."""

    created: int = 0
    dispatched: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    dropped: int = 0
    deduplicated: int = 0


@dataclass(frozen=True)
class Environment:
    """What all dispatchers share.

    Attributes:
        store: the tasks; the only truth about them.
        deliver: sends one HTTP request.
        fault_plan: the faults that are set at the moment.
        on_progress: called whenever a queue looked for due tasks, or a delivery finished.
    """

    store: TaskStore
    clock: Clock
    deliver: Deliver
    mint_token: TokenMinter
    fault_plan: Callable[[], FaultPlan]
    on_progress: Callable[[], None]


class Dispatcher:
    """One queue's deliveries. ``start`` begins them, ``stop`` abandons what is under way."""

    def __init__(self, queue: Any, environment: Environment) -> None:
        self._env = environment
        self._queue = queue
        self._bucket = TokenBucket.full(queue.rate_limits.max_dispatches_per_second, environment.clock.time())
        self._throttled = 0
        self._held_until = 0.0
        self._alarm = Alarm()
        self._loop_task: asyncio.Task[None] | None = None
        self._regular: set[asyncio.Task[Any]] = set()
        self._extra: set[asyncio.Task[Any]] = set()  # forced runs and duplicates: outside the queue's limits
        self.counters = Counters()

    @property
    def queue(self) -> Any:
        """The queue's settings."""
        return self._queue

    @property
    def paused(self) -> bool:
        """Whether the queue is paused."""
        return bool(self._queue.state == PAUSED)

    @property
    def delivering(self) -> bool:
        """Whether a delivery is under way."""
        return bool(self._regular or self._extra)

    def start(self) -> None:
        """Begin to dispatch."""
        self._loop_task = asyncio.create_task(self._alarm.run(self._dispatch_due))

    def stop(self) -> list[asyncio.Task[Any]]:
        """Abandon everything; returns what was under way, to be awaited.

        Tasks in delivery stay in the store and are delivered again after the next start.
        """
        under_way = [task for task in (self._loop_task, *self._regular, *self._extra) if task]
        for task in under_way:
            task.cancel()
        return under_way

    def configure(self, queue: Any) -> None:
        """Take new settings; a changed rate starts with a full bucket."""
        if queue.rate_limits.max_dispatches_per_second != self._bucket.rate:
            self._bucket = TokenBucket.full(
                queue.rate_limits.max_dispatches_per_second, self._env.clock.time()
            )
        self._queue = queue
        self.wake()

    def wake(self) -> None:
        """Look again for due tasks: the clock, the queue or its tasks have changed."""
        self._alarm.ring()

    def next_due(self) -> float | None:
        """When the next waiting task may be dispatched, in seconds since the epoch.

        None when none waits or the queue is paused. After a 429 or 503 that is not before the queue's rest
        is over.
        """
        due = None if self.paused else self._env.store.next_due(self._queue.name)
        return None if due is None else max(due, self._held_until)

    def depth(self) -> Depth:
        """How many tasks the queue has at the moment."""
        now = self._env.clock.time()
        depth = self._env.store.depth(self._queue.name, now)
        due = 0 if self.paused or now < self._held_until else depth.due
        return Depth(depth.total, depth.running, due)

    def force(self, record: TaskRecord) -> None:
        """Dispatch a task now, whatever the queue's state and limits (RunTask)."""
        now = self._env.clock.time()
        self._begin(record, now)
        faults = self._faults(record, record.task.dispatch_count)
        self._spawn(self._extra, self._attempt(record, faults, retry_from=now))

    def _dispatch_due(self) -> float | None:
        """Dispatch what may be dispatched; returns seconds until there may be more, None: see ``wake``."""
        now = self._env.clock.time()
        free = self._queue.rate_limits.max_concurrent_dispatches - len(self._regular)
        if not self.paused and now >= self._held_until:
            allowed = min(free, self._bucket.available(now))
            if allowed > 0:
                free -= self._dispatch(now, allowed)
        self._env.on_progress()
        due = self.next_due()
        if due is None or free <= 0:
            return None
        return max(due, self._bucket.next_token_at()) - now

    def _dispatch(self, now: float, allowed: int) -> int:
        """Start up to ``allowed`` deliveries; returns how many."""
        started: list[tuple[TaskRecord, Faults]] = []
        with self._env.store.transaction():
            for record in self._env.store.due_tasks(self._queue.name, now, allowed):
                attempt = record.task.dispatch_count + 1
                faults = self._faults(record, attempt)
                if faults.delay and record.put_back != attempt:
                    self._put_back(record, attempt, now + faults.delay)
                else:
                    self._begin(record, now)
                    started.append((record, faults))
        self._bucket.take(len(started))
        for record, faults in started:
            self._spawn(self._regular, self._attempt(record, faults))
        return len(started)

    def _faults(self, record: TaskRecord, attempt: int) -> Faults:
        return self._env.fault_plan().choose(short(self._queue.name), short(record.task.name), attempt)

    def _put_back(self, record: TaskRecord, attempt: int, until: float) -> None:
        record.put_back = attempt
        record.task.schedule_time.CopyFrom(timestamp(until))
        self._env.store.save_task(record, running=False)

    def _begin(self, record: TaskRecord, now: float) -> None:
        attempts.begin(record, now)
        self._env.store.save_task(record, running=True)
        self.counters.dispatched += 1
        self.counters.retried += record.failures > 0

    def _spawn(self, group: set[asyncio.Task[Any]], delivery: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(delivery)
        group.add(task)

        def finished(done: asyncio.Task[Any]) -> None:
            group.discard(done)
            if not done.cancelled() and done.exception():
                _log.error("a delivery of %s broke", self._queue.name, exc_info=done.exception())
            self.wake()
            self._env.on_progress()

        task.add_done_callback(finished)

    async def _attempt(self, record: TaskRecord, faults: Faults, retry_from: float | None = None) -> None:
        outcome = await attempt(
            lambda: attempts.request_of(record, self._env.mint_token),
            self._env.deliver,
            faults,
            lambda duplicate: self._spawn(self._extra, duplicate),
        )
        if outcome.succeeded:
            self._end(record.task.name)
            self.counters.succeeded += 1
            self._throttled = 0
        else:
            self._retry(record.task.name, outcome, retry_from)

    def _retry(self, name: str, outcome: Outcome, retry_from: float | None) -> None:
        """Note a failed attempt, and let the task wait for its next one or drop it."""
        now = self._env.clock.time()
        self.counters.failed += 1
        rest = self._throttle(outcome, now)
        record = self._env.store.task(name)
        if record is None:
            return  # deleted or purged meanwhile
        attempts.fail(record, outcome, now)
        retry_at = self._next_attempt(record, retry_from or now)
        if retry_at is None:
            self.counters.dropped += 1
            _log.warning("%s is dropped after %d attempts: %s", name, record.failures, outcome.reason)
            self._end(name)
            return
        record.task.schedule_time.CopyFrom(timestamp(max(retry_at, now + rest)))
        self._env.store.save_task(record, running=False)

    def _next_attempt(self, record: TaskRecord, failed_at: float) -> float | None:
        policy = retry_policy(effective_retry(self._queue, record.task))
        retry_at = policy.next_attempt(record.failures, attempts.first_dispatch(record), failed_at)
        kept_until = seconds_of(record.task.create_time) + _RETENTION_SECONDS
        return None if retry_at is None or retry_at > kept_until else retry_at

    def _throttle(self, outcome: Outcome, now: float) -> float:
        """Let the queue rest after a 429 or 503; returns the seconds that ``Retry-After`` asked for."""
        if outcome.http_status not in _THROTTLING:
            return 0.0
        retry_after = retry_after_seconds(outcome.retry_after, now)
        # Answers to deliveries that were under way when the rest began are one sign of trouble, not many.
        self._throttled += now >= self._held_until
        self._held_until = max(self._held_until, now + hold_seconds(self._throttled, retry_after))
        return retry_after

    def _end(self, name: str) -> None:
        self._env.store.end_task(name, self._env.clock.time() + TASK_NAME_TAKEN_SECONDS)
