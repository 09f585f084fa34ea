"""Telling all storefronts of a change of the categories: once for all changes of half a minute.

A change is announced by a task, named after the window of time that it falls into and due when that is over. The walk
that it begins (``refreshing.py``) says how far it has come in the document ``category_tree/fanout``: its ``done`` is
the version of the categories that all storefronts have been told of.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.storefront.shards import TREE_COLLECTION, head_document
from shared.clock import Clock
from shared.storefronts import STOREFRONT_REBUILD, RefreshTask, StorefrontTask
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

FAN_OUT = "fanout"
WINDOW = timedelta(seconds=30)
# By so much a clock may be behind that of Cloud Tasks: a change of a window is to come before the window's walk.
_SKEW = timedelta(seconds=5)
# A walk begins 35 seconds after a change at the latest, and a page of it takes a second: without a sign of it for so
# long, it was never enqueued, or is dead.
SILENT = timedelta(minutes=2)
# A change is not to wait longer for Cloud Tasks than this.
_PUBLISH_SECONDS = 3


@dataclass(frozen=True)
class Progress:
    """How far the storefronts have been told of the categories.

    Args:
        version: of the categories, as they are.
        changed_at: when they came to it.
        done: the version that all storefronts have been told of.
        walked_at: when a walk last went on.
    """

    version: int
    changed_at: datetime | None
    done: int
    walked_at: datetime | None

    def is_lost(self, now: datetime) -> bool:
        """Whether there is something to tell, and nobody who does it."""
        signs = [sign for sign in (self.changed_at, self.walked_at) if sign]
        return self.version > self.done and max(signs, default=now) < now - SILENT


def window(now: datetime) -> tuple[str, datetime]:
    """The name of the window that ``now`` falls into, and when it is over by anybody's clock."""
    number = int(now.timestamp() // WINDOW.total_seconds())
    end = datetime.fromtimestamp((number + 1) * WINDOW.total_seconds(), UTC)
    return f"w{number}", end + _SKEW


class FanOuts:
    """Begins walks through the storefronts, and keeps how far they have come."""

    def __init__(self, db: "AsyncClient", queues: TaskQueues, clock: Clock) -> None:
        self._db = db
        self._queues = queues
        self._clock = clock

    async def announce(self) -> None:
        """The categories have changed. If the queue is out of reach, the sweeper makes it good."""
        name, end = window(self._clock())
        task = RefreshTask(which="categories", round=name)
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await self.enqueue(task, not_before=end)
        except Exception as error:
            _log.warning("categories.unannounced", extra={"error": repr(error)})

    async def enqueue(self, task: RefreshTask, *, not_before: datetime | None = None) -> bool:
        """Put a page of a walk on the queue, once however often it is done; whether it was not there yet.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
        """
        return await self._queues.enqueue(
            STOREFRONT_REBUILD, StorefrontTask(task), key=task.key, not_before=not_before
        )

    async def recover(self) -> bool:
        """Begin a walk anew if it was lost on its way; whether it was.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
        """
        now = self._clock()
        if not (await self.progress()).is_lost(now):
            return False
        # Names of tasks are taken for a day.
        return await self.enqueue(RefreshTask(which="categories", round=f"s{int(now.timestamp())}"))

    async def progress(self) -> Progress:
        """How far the storefronts have been told: two reads."""
        documents = [head_document(self._db), self._document()]
        found = {each.id: each.to_dict() or {} async for each in self._db.get_all(documents)}
        told = found.pop(FAN_OUT)
        (head,) = found.values()
        return Progress(
            version=head.get("version", 0),
            changed_at=head.get("updated_at"),
            done=told.get("done", 0),
            walked_at=told.get("walked_at"),
        )

    async def went_on(self) -> None:
        """A walk is alive. One write."""
        await self._document().set({"walked_at": self._clock()}, merge=True)

    async def ended(self, version: int) -> None:
        """All storefronts have been told of ``version``; a walk that is late takes nothing back. One write."""
        from google.cloud.firestore import Maximum

        await self._document().set({"walked_at": self._clock(), "done": Maximum(version)}, merge=True)

    def _document(self) -> Any:
        return self._db.collection(TREE_COLLECTION).document(FAN_OUT)
