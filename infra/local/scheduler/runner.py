"""Run jobs when their time comes, one execution of each at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.rpc.code_pb2 import Code

from infra.local.alarm import Alarm
from infra.local.clock import Clock
from infra.local.delivery import Delivery, Outcome, unanswered
from infra.local.http_target import Sender, TokenMinter, headers_of, method_of
from infra.local.prototime import length_of, seconds_of, timestamp
from infra.local.scheduler.cron import next_time, zone
from infra.local.scheduler.jobs import ENABLED, retry_policy, short
from infra.local.scheduler.store import JobRecord, JobStore

_log = logging.getLogger(__name__)

_SENDER = Sender("Google-Cloud-Scheduler", "X-CloudScheduler")


@dataclass(frozen=True)
class Run:
    """A forced run that has ended.

    Attributes:
        http_status: the target's answer; None when there was none.
        reason: why it failed, for a person; empty when it succeeded.
        dispatched_at: when it began, by the local cloud's clock.
        seconds: how long it took.
    """

    http_status: int | None
    reason: str
    dispatched_at: datetime
    seconds: float


class Runner:
    """The jobs, and their executions.

    A job fires once when its time has come, however many of its times have passed meanwhile because the
    clock was moved, the laptop slept or the last execution took long; its next time is the first one after
    that dispatch. Google never has two executions of a job outstanding and delays the next one instead,
    so that a backlog of missed times would only run the same work again.
    """

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        deliver: Callable[[Delivery], Awaitable[Outcome]],
        mint_token: TokenMinter,
        on_progress: Callable[[], None],
    ) -> None:
        self.jobs = store.load()
        self._store = store
        self._clock = clock
        self._deliver = deliver
        self._mint_token = mint_token
        self._on_progress = on_progress
        self._alarm = Alarm()
        self._loop_task: asyncio.Task[None] | None = None
        self._deliveries: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin to fire jobs."""
        self._loop_task = asyncio.create_task(self._alarm.run(self._fire_due))

    async def stop(self) -> None:
        """Abandon executions; they happen again after the next start."""
        under_way = [task for task in (self._loop_task, *self._deliveries) if task]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def wake(self) -> None:
        """Look again for due jobs: the clock or a job has changed."""
        self._alarm.ring()
        self._on_progress()

    def schedule(self, record: JobRecord) -> None:
        """Let the job wait for its first time after now; any retry that was pending is forgotten."""
        self._await_next(record, self._clock.time())
        self.save(record)

    def save(self, record: JobRecord) -> None:
        """Keep a new or changed job."""
        self.jobs[record.job.name] = record
        self._store.save(record)
        self.wake()

    def remove(self, name: str) -> None:
        """Delete a job; the outcome of an execution under way no longer matters."""
        del self.jobs[name]
        self._store.delete(name)
        self.wake()

    def busy(self) -> bool:
        """Whether an execution is under way or due."""
        due = self.next_due()
        return bool(self._deliveries) or (due is not None and due <= self._clock.time())

    def next_due(self) -> float | None:
        """When the next job fires, in seconds since the epoch; None when no enabled job waits."""
        waiting = (r.job for r in self.jobs.values() if r.job.state == ENABLED and not r.running)
        return min((seconds_of(job.schedule_time) for job in waiting), default=None)

    def force(self, record: JobRecord) -> asyncio.Task[Run]:
        """Deliver a job now, even while it runs or is paused (RunJob). A failure is not retried."""
        return self._spawn(self._forced_run(record, self._clock.time()))

    def _fire_due(self) -> float | None:
        """Start the jobs whose time has come; returns the seconds until the next one, None without one."""
        now = self._clock.time()
        for record in self.jobs.values():
            job = record.job
            if job.state == ENABLED and not record.running and seconds_of(job.schedule_time) <= now:
                if record.failures == 0:
                    record.first_attempt = now
                    record.occurrence = seconds_of(job.schedule_time)
                record.running = True
                self._spawn(self._scheduled_run(record, now))
        due = self.next_due()
        return None if due is None else due - now

    async def _scheduled_run(self, record: JobRecord, now: float) -> None:
        try:
            outcome = await self._send(record, record.occurrence, now)
        finally:
            record.running = False
        if self.jobs.get(record.job.name) is not record:
            return  # deleted meanwhile
        following = next_time(record.job.schedule, record.job.time_zone, now)
        retry_at = None if outcome.succeeded else self._next_retry(record)
        if retry_at is not None and retry_at < following:
            record.job.schedule_time.CopyFrom(timestamp(retry_at))
        else:
            self._await_next(record, now)
        self.save(record)

    def _next_retry(self, record: JobRecord) -> float | None:
        record.failures += 1
        policy = retry_policy(record.job)
        return policy.next_attempt(record.failures, record.first_attempt, self._clock.time())

    def _await_next(self, record: JobRecord, after: float) -> None:
        job = record.job
        record.failures = 0
        job.schedule_time.CopyFrom(timestamp(next_time(job.schedule, job.time_zone, after)))

    async def _forced_run(self, record: JobRecord, now: float) -> Run:
        outcome = await self._send(record, now, now)
        if self.jobs.get(record.job.name) is record:
            self.save(record)
        dispatched_at = timestamp(now).ToDatetime(tzinfo=UTC)
        return Run(outcome.http_status, outcome.reason, dispatched_at, self._clock.time() - now)

    async def _send(self, record: JobRecord, occurrence: float, now: float) -> Outcome:
        record.job.last_attempt_time.CopyFrom(timestamp(now))
        try:
            request = request_of(record.job, occurrence, self._mint_token)
        except Exception as error:  # the token minter is not ours: whatever it raises, there is no token
            outcome = unanswered(Code.UNAUTHENTICATED, f"no OIDC token: {error}")
        else:
            outcome = await self._deliver(request)
        record.job.status.CopyFrom(outcome.status())
        return outcome

    def _spawn(self, delivery: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(delivery)
        self._deliveries.add(task)

        def finished(done: asyncio.Task[Any]) -> None:
            self._deliveries.discard(done)
            if not done.cancelled() and done.exception():
                _log.error("a job's execution broke", exc_info=done.exception())
            self.wake()

        task.add_done_callback(finished)
        return task


def request_of(job: Any, occurrence: float, mint_token: TokenMinter) -> Delivery:
    """The HTTP request of a job's attempt for the time ``occurrence`` of its schedule.

    Source for the headers: ``google.cloud.scheduler.v1.HttpTarget.headers``.
    """
    target = job.http_target
    local = datetime.fromtimestamp(occurrence, zone(job.time_zone)).isoformat(timespec="seconds")
    headers = headers_of(target, target.uri, _SENDER, mint_token)
    headers |= {
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": short(job.name),
        "X-CloudScheduler-ScheduleTime": local.replace("+00:00", "Z"),
    }
    return Delivery(method_of(target), target.uri, headers, target.body, length_of(job.attempt_deadline))
