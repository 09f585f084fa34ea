"""The local Eventarc, put together: what it takes over from Cloud Storage, and what the host asks of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.attempt_faults import AttemptRates
from infra.local.clock import Clock
from infra.local.delivery import Courier
from infra.local.eventarc.dispatcher import Counters, Dispatcher, Environment, Trigger
from infra.local.eventarc.events import EventSource, ObjectEvent, body_of, headers_of
from infra.local.eventarc.store import DeliveryRecord, DeliveryStore
from infra.local.http_target import TokenMinter
from infra.local.progress import Progress

_EVENTS_AT_ONCE = 500


class EventarcService:
    """Eventarc on a laptop.

    Delivery is at least once and in no certain order: an event leaves the file when its function has acknowledged it.

    Args:
        path: the SQLite file that keeps what is owed; None keeps it in memory.
        clock: the time that retries follow.
        mint_token: makes the OIDC tokens; called once for each attempt, so it had better cache them.
        service_account: as whom functions are called.
        triggers: events that are of none of these are dropped.
        source: the events; told of new ones by ``take``.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Clock,
        mint_token: TokenMinter,
        service_account: str,
        triggers: Sequence[Trigger],
        source: EventSource,
    ) -> None:
        self._clock = clock
        self._source = source
        self._store = DeliveryStore(path)
        self._store.keep_only(trigger.name for trigger in triggers)
        self._rates = AttemptRates()
        self._progress = Progress()
        self._courier = Courier()
        environment = Environment(
            *(self._store, clock, self._courier.deliver, mint_token, service_account),
            *(lambda: self._rates, self._progress.note),
        )
        self._dispatchers = [Dispatcher(trigger, environment) for trigger in triggers]
        clock.on_advance(self._wake)
        self.take()

    def take(self) -> None:
        """Take over the events that the source keeps.

        They are ours before the source forgets them, and not delivered before it has: a death in between has them
        taken twice, which is once, and never delivered and then taken again.
        """
        while events := self._source.pending(_EVENTS_AT_ONCE):
            with self._store.transaction():
                for event in events:
                    self._owe(event)
            self._source.forget([event.id for event in events])
        self._wake()

    def _owe(self, event: ObjectEvent) -> None:
        now = self._clock.time()
        for dispatcher in self._dispatchers:
            trigger = dispatcher.trigger
            if (trigger.bucket, trigger.event_type) == (event.bucket, event.type):
                headers, body = headers_of(event), body_of(event)
                self._store.add(DeliveryRecord(trigger.name, event.id, headers, body, accepted=now, due=now))

    async def start(self) -> None:
        """Begin to deliver, first of all what was cut off."""
        self._store.unmark_running()
        for dispatcher in self._dispatchers:
            dispatcher.start()

    async def stop(self) -> None:
        """Abandon deliveries; they happen again after the next ``start``, here or in another process."""
        under_way = [task for dispatcher in self._dispatchers for task in dispatcher.stop()]
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._courier.close()

    async def close(self) -> None:
        """Stop, and close the file."""
        await self.stop()
        self._store.close()

    def set_faults(self, settings: Mapping[str, Any]) -> None:
        """Inject faults from now on, such as ``{"seed": 7, "duplicate_rate": 0.2}``; ``{}`` ends them.

        Raises:
            ValueError: an unknown key, or a value out of range.
        """
        self._rates = AttemptRates().changed(settings, "events")

    async def idle(self, timeout: float) -> bool:  # noqa: ASYNC109  # its answer is a bool, not an error
        """Wait until no delivery is under way or due; False if one is after ``timeout`` real seconds."""
        return await self._progress.until(
            lambda: not any(dispatcher.busy() for dispatcher in self._dispatchers), timeout
        )

    def next_due(self) -> datetime | None:
        """When the next event that waits is delivered."""
        times = [due for dispatcher in self._dispatchers if (due := dispatcher.next_due()) is not None]
        return datetime.fromtimestamp(min(times), UTC) if times else None

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """By trigger: ``attempts``, of which ``acknowledged`` and ``failed``; events ``dropped`` after 24 hours."""
        return {dispatcher.trigger.name: asdict(dispatcher.counters) for dispatcher in self._dispatchers}

    def reset_stats(self) -> None:
        """Begin to count anew."""
        for dispatcher in self._dispatchers:
            dispatcher.counters = Counters()

    def owed(self) -> list[dict[str, Any]]:
        """The events that are not acknowledged yet, in the order in which they came."""
        return [_shown(record) for record in self._store.owed()]

    def _wake(self) -> None:
        for dispatcher in self._dispatchers:
            dispatcher.wake()
        self._progress.note()


def _shown(record: DeliveryRecord) -> dict[str, Any]:
    due = datetime.fromtimestamp(record.due, UTC).isoformat().replace("+00:00", "Z")
    return {
        "trigger": record.trigger,
        "id": record.event,
        "type": record.headers["ce-type"],
        "subject": record.headers["ce-subject"],
        "attempts": record.attempts,
        "next_attempt": due,
        "reason": record.reason,
    }
