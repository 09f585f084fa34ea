"""The sweeper: makes good what died between two steps of the outbox.

An event that nobody has tried was never enqueued; one whose next attempt does not come has lost its task; one whose
last attempt did not end was killed in it. All show in the same way: pending, with the deadline past.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from shared.clock import Clock
from shared.outbox import FIRST_ATTEMPT_WITHIN, SUPPLY_CHAIN_SYNC, Outbox, StoredEvent, enqueue, reopened
from shared.tasks import TaskQueues

_log = logging.getLogger(__name__)

# As many as one sweep looks into, and how many at once. What is left over is the next sweep's.
_MAX_EVENTS = 1000
_AT_ONCE = 20

Remedy = Literal["enqueue", "restart", "bury"]
Result = Literal["enqueued", "restarted", "buried", "changed", "failed"]


def remedy(event: StoredEvent) -> Remedy:
    """What an overdue event lacks."""
    if event.attempts == 0:
        return "enqueue"
    return "bury" if event.attempts >= SUPPLY_CHAIN_SYNC.max_attempts else "restart"


@dataclass(frozen=True)
class Sweeper:
    """Looks into overdue events: one read each, and a write for what is mended."""

    outbox: Outbox
    queues: TaskQueues
    clock: Clock

    async def sweep(self) -> dict[str, int]:
        """Mend what is overdue; how many events had which :data:`Result`."""
        overdue = await self.outbox.overdue(_MAX_EVENTS)
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(event: StoredEvent) -> Result:
            async with several:
                return await self._mend(event)

        results = await asyncio.gather(*(one(event) for event in overdue))
        counts: dict[str, int] = Counter(results)
        if counts:
            _log.warning("outbox.swept", extra=counts)
        return counts

    async def _mend(self, event: StoredEvent) -> Result:
        """One event; a failure leaves it to the next sweep and the others alone."""
        try:
            match remedy(event):
                case "enqueue":
                    return await self._enqueue(event)
                case "restart":
                    return await self._restart(event)
                case "bury":
                    buried = await self.outbox.bury(
                        event, f"Killed in its last attempt. {event.error}".strip()
                    )
                    return "buried" if buried else "changed"
        except Exception as error:
            _log.exception("outbox.sweep_failed", extra={"event": event.task.event_id, "error": repr(error)})
            return "failed"

    async def _enqueue(self, event: StoredEvent) -> Result:
        # Before the task, which runs at once and would find the event changing under its hands.
        if not await self.outbox.change(event, {"deadline": self.clock() + FIRST_ATTEMPT_WITHIN}):
            return "changed"
        # If its task is there after all, because the queue is held up, the name makes this harmless.
        await enqueue(self.queues, event.task)
        return "enqueued"

    async def _restart(self, event: StoredEvent) -> Result:
        # A new series, since names of tasks are taken for a day; a straggler of the old one is ignored.
        series = event.series + 1
        if not await self.outbox.change(event, reopened(series, self.clock())):
            return "changed"
        await enqueue(self.queues, replace(event, series=series).task)
        return "restarted"
