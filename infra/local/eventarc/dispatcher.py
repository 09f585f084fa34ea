"""Deliver the events of one trigger to its function, each until it is acknowledged or 24 hours old."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from infra.local.alarm import Alarm
from infra.local.attempt_faults import AttemptRates, Deliver, Faults, attempt
from infra.local.backoff import RetryPolicy
from infra.local.clock import Clock
from infra.local.delivery import Delivery, Outcome
from infra.local.eventarc.events import traceparent
from infra.local.eventarc.store import DeliveryRecord, DeliveryStore
from infra.local.http_target import TokenMinter

_log = logging.getLogger(__name__)

# https://cloud.google.com/eventarc/docs/retry-events: from 10 to 600 seconds, for 24 hours.
_RETRIES = RetryPolicy(
    max_attempts=-1, max_retry_duration=24 * 3600.0, min_backoff=10.0, max_backoff=600.0, max_doublings=16
)
# The longest acknowledgement deadline of the Pub/Sub subscription below a trigger.
_DEADLINE_SECONDS = 600.0
# Pub/Sub's, by which Eventarc delivers.
_USER_AGENT = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"


@dataclass(frozen=True)
class Trigger:
    """Which events go where.

    Attributes:
        bucket: its name in Cloud Storage.
        url: the function's, which is also the audience of the tokens.
        limit: how many deliveries may be under way at once: what the function's instances take together.
    """

    name: str
    bucket: str
    event_type: str
    url: str
    limit: int


@dataclass
class Counters:
    """What became of attempts since this process started, or since the last reset."""

    attempts: int = 0
    acknowledged: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Environment:
    """What all dispatchers share.

    Attributes:
        store: the deliveries; the only truth about them.
        deliver: sends one HTTP request.
        service_account: as whom the functions are called.
        fault_rates: the faults that are set at the moment.
        on_progress: called whenever a trigger looked for due deliveries, or one finished.
    """

    store: DeliveryStore
    clock: Clock
    deliver: Deliver
    mint_token: TokenMinter
    service_account: str
    fault_rates: Callable[[], AttemptRates]
    on_progress: Callable[[], None]


class Dispatcher:
    """One trigger's deliveries. ``start`` begins them, ``stop`` abandons what is under way."""

    def __init__(self, trigger: Trigger, environment: Environment) -> None:
        self.trigger = trigger
        self.counters = Counters()
        self._env = environment
        self._alarm = Alarm()
        self._loop_task: asyncio.Task[None] | None = None
        self._regular: set[asyncio.Task[Any]] = set()
        self._duplicates: set[asyncio.Task[Any]] = set()  # outside the limit

    def start(self) -> None:
        """Begin to deliver."""
        self._loop_task = asyncio.create_task(self._alarm.run(self._dispatch_due))

    def stop(self) -> list[asyncio.Task[Any]]:
        """Abandon everything; returns what was under way, to be awaited."""
        under_way = [task for task in (self._loop_task, *self._regular, *self._duplicates) if task]
        for task in under_way:
            task.cancel()
        return under_way

    def wake(self) -> None:
        """Look again for due deliveries: the clock has moved, or an event has come."""
        self._alarm.ring()

    def next_due(self) -> float | None:
        """When the next delivery that waits is due, in seconds since the epoch."""
        return self._env.store.next_due(self.trigger.name)

    def busy(self) -> bool:
        """Whether a delivery is under way or due."""
        due = self.next_due()
        return bool(self._regular or self._duplicates) or (due is not None and due <= self._env.clock.time())

    def _dispatch_due(self) -> float | None:
        """Begin the deliveries whose time has come; returns the seconds until the next, None: see ``wake``."""
        now = self._env.clock.time()
        free = self.trigger.limit - len(self._regular)
        started = self._begin_due(now, free) if free > 0 else []
        for record, faults in started:
            self._spawn(self._regular, self._attempt(record, faults))
        self._env.on_progress()
        due = self.next_due()
        return None if due is None or len(self._regular) >= self.trigger.limit else due - now

    def _begin_due(self, now: float, limit: int) -> list[tuple[DeliveryRecord, Faults]]:
        started: list[tuple[DeliveryRecord, Faults]] = []
        with self._env.store.transaction():
            for record in self._env.store.due(self.trigger.name, now, limit):
                faults = self._env.fault_rates().choose(record.event, record.attempts + 1)
                if faults.delay and record.put_back != record.attempts + 1:
                    record.put_back = record.attempts + 1
                    record.due = now + faults.delay
                    self._env.store.save(record, running=False)
                else:
                    record.attempts += 1
                    self._env.store.save(record, running=True)
                    started.append((record, faults))
        self.counters.attempts += len(started)
        return started

    def _spawn(self, group: set[asyncio.Task[Any]], delivery: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(delivery)
        group.add(task)

        def finished(done: asyncio.Task[Any]) -> None:
            group.discard(done)
            if not done.cancelled() and done.exception():
                _log.error("a delivery of %s broke", self.trigger.name, exc_info=done.exception())
            self.wake()
            self._env.on_progress()

        task.add_done_callback(finished)

    async def _attempt(self, record: DeliveryRecord, faults: Faults) -> None:
        outcome = await attempt(
            lambda: self._request(record),
            self._env.deliver,
            faults,
            lambda duplicate: self._spawn(self._duplicates, duplicate),
        )
        if outcome.succeeded:
            self._env.store.remove(record)
            self.counters.acknowledged += 1
        else:
            self._retry(record, outcome)

    def _request(self, record: DeliveryRecord) -> Delivery:
        token = self._env.mint_token(self._env.service_account, self.trigger.url)
        headers = {
            **record.headers,
            "traceparent": traceparent(record.event, record.attempts),
            "Authorization": f"Bearer {token}",
            "User-Agent": _USER_AGENT,
        }
        return Delivery("POST", self.trigger.url, headers, record.body, _DEADLINE_SECONDS)

    def _retry(self, record: DeliveryRecord, outcome: Outcome) -> None:
        """Note a failed attempt, and let the event wait for its next one or drop it."""
        self.counters.failed += 1
        record.failures += 1
        record.reason = outcome.reason
        retry_at = _RETRIES.next_attempt(record.failures, record.accepted, self._env.clock.time())
        if retry_at is None:
            self.counters.dropped += 1
            _log.warning(
                "%s: event %s is dropped after %d attempts: %s",
                *(self.trigger.name, record.event, record.attempts, outcome.reason),
            )
            self._env.store.remove(record)
            return
        record.due = retry_at
        self._env.store.save(record, running=False)
