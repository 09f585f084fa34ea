"""Trying dead work again: an event of the outbox is opened anew, any other task is put back on its queue.

Both can be repeated at any point without harm. An event is reopened in the commit that closes its letter, and enqueued
by the sweeper if we die before we do it. Any other task is enqueued, by a name made of the letter's, before the letter
is closed; handlers stand a task that comes twice. Work that dies again makes a letter of its own.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.ops.actions import Actions
from functions.ops.dead_letters import Closing, Letters, QueueName, StoredLetter
from shared.clock import Clock
from shared.http import TRANSIENT
from shared.outbox import Outbox, StoredEvent, publish, reopened
from shared.problems import Problem
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

# The function behind each queue, as in infra/topology.yaml. Letters name theirs too, but what happens to be stored
# must not decide whom tokens of the platform's identity are made for.
TARGETS: Mapping[str, str] = {
    "returnSync": "return-updated-task-queue",
    "returnSyncProcessing": "return-update-processing-queue",
    "supplyChainSync": "supply-chain-sync",
    "imageFetch": "fetch-image",
    "imageRemoval": "remove-image",
    "priceUpdates": "update-prices",
    "storefrontRebuild": "rebuild-storefront",
    "returnMaintenance": "maintain-return-index",
    "productAudit": "audit-products",
    "imageAudit": "audit-images",
}

MAX_LETTERS = 500
# How many at once, and for how long each: together well within the function's timeout.
_AT_ONCE = 40
_SECONDS = 5


@dataclass(frozen=True)
class Failure:
    """A letter that was not replayed, and why."""

    id: str
    detail: str


@dataclass(frozen=True)
class ReplayedAll:
    """What became of several letters; ``more``: whether there are open letters beyond those that were tried."""

    replayed: int
    failed: list[Failure]
    more: bool


@dataclass(frozen=True)
class Replays:
    """Replays dead letters. For a letter: one read and a commit, and for an event another read and write."""

    db: "AsyncClient"
    letters: Letters
    outbox: Outbox
    queues: TaskQueues
    clock: Clock
    actions: Actions

    async def one(self, letter_id: str, operator: str) -> StoredLetter:
        """Try a letter's work again, and close it.

        Raises:
            Problem: 404, there is no such letter; 409, it is closed, or its work cannot be tried again.
            TransientError: somebody else is changing what it is about.
        """
        async with self.actions.recorded(operator, "dead-letter.replay", letter_id):
            return await self._replay(await self.letters.get(letter_id), operator)

    async def oldest(self, queue: QueueName, limit: int, operator: str) -> ReplayedAll:
        """Try the work of up to ``limit`` open letters of a queue again, the oldest first.

        One that fails stays open and keeps none from its turn.
        """
        async with self.actions.recorded(
            operator, "dead-letter.replay-all", queue, {"limit": str(limit)}
        ) as act:
            result = await self._oldest(queue, limit, operator)
            act.outcome = f"done: {result.replayed} replayed, {len(result.failed)} not"
            return result

    async def _oldest(self, queue: QueueName, limit: int, operator: str) -> ReplayedAll:
        found = await self.letters.oldest_open(queue, limit + 1)
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(letter: StoredLetter) -> Failure | None:
            async with several:
                return await self._attempt(letter, operator)

        results = await asyncio.gather(*(one(letter) for letter in found[:limit]))
        failed = [result for result in results if result]
        return ReplayedAll(len(results) - len(failed), failed, more=len(found) > limit)

    async def _attempt(self, letter: StoredLetter, operator: str) -> Failure | None:
        try:
            async with asyncio.timeout(_SECONDS):
                await self._replay(letter, operator)
        except Problem as problem:
            return Failure(letter.id, problem.detail)
        except (*TRANSIENT, TimeoutError) as error:
            _log.warning("dead_letter.not_replayed", extra={"dead_letter": letter.id, "error": repr(error)})
            return Failure(
                letter.id, "A service behind is out of reach, or somebody else is at it; try again."
            )
        except Exception:
            _log.exception("dead_letter.not_replayed", extra={"dead_letter": letter.id})
            return Failure(letter.id, "The fault is ours. Quote the trace when you report it.")
        return None

    async def _replay(self, letter: StoredLetter, operator: str) -> StoredLetter:
        letter.require_open()
        closing = Closing("replayed", self.clock(), operator, None)
        if letter.event:
            return await self._reopen(letter, closing)
        return await self._put_back(letter, closing)

    async def _reopen(self, letter: StoredLetter, closing: Closing) -> StoredLetter:
        event = await self.outbox.get(letter.event)
        if event is None or event.status != "dead":
            # Perhaps because somebody has replayed it since the letter was read.
            (await self.letters.get(letter.id)).require_open()
            raise _not_replayable(_why_not(letter.event, event))
        again = replace(event, series=event.series + 1)
        batch = self.db.batch()
        self.outbox.write_change(batch, event, reopened(again.series, self.clock()))
        closed = await self.letters.close(letter, closing, batch)
        await publish(self.queues, again.task)
        return closed

    async def _put_back(self, letter: StoredLetter, closing: Closing) -> StoredLetter:
        function = TARGETS.get(letter.queue)
        if function is None:
            raise _not_replayable(f"There is no queue {letter.queue} any more; discard the letter.")
        body = letter.payload.encode()
        await self.queues.put_back(letter.queue, function, body, key=f"dead-letter/{letter.id}")
        return await self.letters.close(letter, closing, self.db.batch())


def _why_not(event_id: str, event: StoredEvent | None) -> str:
    if event is None:
        return (
            f"The event {event_id} is not kept any more. To send the product as it is now, write it once more; "
            "then discard the letter."
        )
    return f"The event {event_id} is {event.status}, not dead; discard the letter."


def _not_replayable(detail: str) -> Problem:
    return Problem(409, "not-replayable", detail)
