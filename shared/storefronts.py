"""Requests to rebuild a storefront, as several rooms make them.

Each store has one document of ``storefronts``: the pointer to the generation that is served, and the state of its
rebuilds. Whoever changes what a store shows draws a *ticket* in the same commit: a number that grows with each
request. A build covers all tickets that were drawn before it began to read, so requests coalesce, and one that dies
on its way is seen: its ticket is above ``built``, and ``due_at`` passes.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from shared.assortments import StoreId
from shared.clock import Clock
from shared.tasks import Queue, TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_log = logging.getLogger(__name__)

COLLECTION = "storefronts"
# A task is tried at once: without a build by then, it may never have been enqueued.
BUILT_WITHIN = timedelta(minutes=10)
# A write is not to wait longer for Cloud Tasks than this.
_PUBLISH_SECONDS = 3


class RebuildTask(BaseModel):
    """Rebuild one store, unless a build covers ``ticket`` already.

    ``round`` counts how often it was enqueued anew. ``after`` is the generation that was being built when it came too
    early: all tasks that do so wait as one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_id: StoreId
    ticket: int = Field(ge=1)
    round: int = Field(0, ge=0)
    after: int | None = Field(None, ge=1)

    @property
    def key(self) -> str:
        if self.after is not None:
            return f"{self.store_id}/after/{self.after}"
        return f"{self.store_id}/{self.ticket}/{self.round}"


class RefreshTask(BaseModel):
    """Ask for a rebuild of all stores that need one, a page of them at a time.

    ``categories``: of those that were built before ``version`` of the categories; ``stale``: of those that are out of
    date for whatever reason. ``round`` names the walk through the stores, of which this is the page ``after`` a store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    which: Literal["categories", "stale"]
    round: str = Field(pattern=r"^[\w:.+-]{1,64}$")
    version: int = Field(0, ge=0)
    after: StoreId | None = None

    @property
    def key(self) -> str:
        return f"refresh/{self.which}/{self.round}/{self.after or ''}"


class StorefrontTask(RootModel[RebuildTask | RefreshTask]):
    """What ``storefrontRebuild`` carries."""

    model_config = ConfigDict(frozen=True)


STOREFRONT_REBUILD = Queue("storefrontRebuild", "rebuild-storefront", StorefrontTask, max_attempts=12)


class RebuildRequests:
    """Draws tickets, and puts their tasks on the queue."""

    def __init__(self, db: "AsyncClient", queues: TaskQueues, clock: Clock) -> None:
        self._db = db
        self._queues = queues
        self._clock = clock

    def document(self, store_id: str) -> Any:
        """The reference of a storefront's document."""
        return self._db.collection(COLLECTION).document(store_id)

    def write(self, batch: "AsyncWriteBatch", store_id: str) -> None:
        """Draw a ticket when ``batch`` commits; :func:`ticket_of` reads it in the write's result."""
        from google.cloud.firestore import Increment

        now = self._clock()
        drawn = {"requested": Increment(1), "requested_at": now, "due_at": now + BUILT_WITHIN}
        batch.set(self.document(store_id), {"store_id": store_id, **drawn}, merge=True)

    async def request(self, store_id: str) -> RebuildTask:
        """Draw a ticket and put its task on the queue. One write.

        Returns:
            The task; if the queue is out of reach, the sweeper enqueues it.
        """
        batch = self._db.batch()
        self.write(batch, store_id)
        (written,) = await batch.commit()
        task = RebuildTask(store_id=store_id, ticket=ticket_of(written))
        await self.publish([task])
        return task

    async def enqueue(self, task: RebuildTask, *, not_before: datetime | None = None) -> None:
        """Put a task on the queue: once, however often it is done.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Cloud Tasks is not to be had.
        """
        await self._queues.enqueue(
            STOREFRONT_REBUILD, StorefrontTask(task), key=task.key, not_before=not_before
        )

    async def publish(self, tasks: Sequence[RebuildTask]) -> None:
        """Put tasks on the queue at once, if that can be done: the sweeper makes good what fails here."""
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await asyncio.gather(*(self.enqueue(task) for task in tasks))
        except Exception as error:
            _log.warning("storefronts.unpublished", extra={"error": repr(error)})


def ticket_of(written: Any) -> int:
    """The ticket that a commit has drawn.

    Args:
        written: the result of the write of :meth:`RebuildRequests.write`.
    """
    return int(written.transform_results[0].integer_value)
