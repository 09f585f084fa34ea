"""``return-update-processing-queue``: brings one batch of returns into the search index.

The good records go through whatever the others are like: one that cannot be indexed is dead-lettered by its id.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound
from google.cloud.firestore import SERVER_TIMESTAMP

from functions.returns.batches import Batch, Manifest
from functions.returns.projection import Decision, Delete, Reject, Save, decide
from shared.clock import Clock
from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import TransientError
from shared.return_sync.queues import RETURN_SYNC_PROCESSING, BatchTask, ProcessingTask, Refresh
from shared.return_sync.runs import Superseded, SyncRuns
from shared.return_sync.walk import COLLECTION, Window
from shared.search import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, RefusedError, SearchIndex

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

Change = Save | Delete
# Sends one request of a batch to an index.
Write = Callable[[list[dict[str, Any]]], Awaitable[None]]
# The bytes around a record in a batch request: {"action":"deleteObject","body":…},
_ENVELOPE = 64
# When the index refuses this many records of one batch, the configuration is at fault (a plan's limit below ours, say).
# Then nothing is given up as bad; the batch is tried again until somebody has mended it.
_MAX_REFUSED = 100


@dataclass(frozen=True)
class Processor:
    """Processes batches of the returns sync."""

    db: "AsyncClient"
    runs: SyncRuns
    index: SearchIndex
    dead_letters: DeadLetters
    clock: Clock
    max_record_bytes: int

    async def run(self, task: ProcessingTask) -> None:
        """Do what the task asks.

        Raises:
            TransientError: the index or the database is not to be had, or another delivery is at work.
        """
        match task.root:
            case BatchTask() as batch:
                await self._run_batch(batch)
            case Refresh() as refresh:
                await self._refresh(refresh)

    async def _run_batch(self, task: BatchTask) -> None:
        """Push a batch, unless that has been done, and end the run if it was the last."""
        batch = Batch(self.db, self.runs, task, self.clock)
        try:
            await self.runs.current(task.record_id, task.run_id)
            if not await batch.is_done():
                await self._process(task, batch)
            await self.runs.finish(task.record_id, task.run_id)
        except Superseded:
            _log.info("sync.superseded", extra={"run_id": task.run_id, "batch": task.number})

    async def _refresh(self, task: Refresh) -> None:
        """Make a return count as changed: the next run pushes it, under the guarantees that every change has."""
        document = self.db.collection(COLLECTION).document(task.return_id)
        try:
            await document.update({"updated_at": SERVER_TIMESTAMP})
        except NotFound:
            _log.info("return.gone", extra={"return_id": task.return_id})

    async def _process(self, task: BatchTask, batch: Batch) -> None:
        decisions, elsewhere = await self._decide(task, batch)
        # A historic run is there to mend the index, so it believes no manifest.
        pushed: Manifest = {} if task.window.is_historic else await batch.pushed_before()
        fresh = [d for d in decisions if pushed.get(d.return_id) != d.fingerprint]
        rejected = [d for d in fresh if isinstance(d, Reject)]
        changes = [d for d in fresh if not isinstance(d, Reject)]
        refused: list[Reject] = []
        for chunk in chunks(changes):
            await self._push(batch, chunk, refused)
        rejected += refused
        for reject in rejected:
            await self._bury(task, reject)
        counts = count(decisions, fresh, rejected)
        await batch.settle({d.return_id: d.fingerprint for d in decisions + elsewhere}, counts)
        _log.info("batch.pushed", extra={"run_id": task.run_id, "batch": task.number, **counts})

    async def _decide(self, task: BatchTask, batch: Batch) -> tuple[list[Decision], list[Decision]]:
        """What becomes of each return of the batch, and of those that another batch of the run pushes.

        The latter have changed as well as fallen due. They are noted in this batch's manifest too, or the next run
        that finds them due only would push them a second time. A historic run leaves nothing to another batch: should
        it die before that one, no later run goes over its window again.
        """
        may_leave = task.walk == "next_status_at" and not task.window.is_historic
        decisions: list[Decision] = []
        elsewhere: list[Decision] = []
        async for snapshot in batch.returns().stream():
            stored = snapshot.to_dict() or {}
            decision = judge(snapshot.id, stored, task.window.as_of, self.max_record_bytes)
            leave = may_leave and changed_within(task.window, stored)
            (elsewhere if leave else decisions).append(decision)
        return decisions, elsewhere

    async def _push(self, batch: Batch, changes: Sequence[Change], refused: list[Reject]) -> None:
        async def write(requests: list[dict[str, Any]]) -> None:
            await batch.hold()
            await self.index.batch(requests)

        await push(changes, write, refused)

    async def _bury(self, task: BatchTask, reject: Reject) -> None:
        await self.dead_letters.add(
            DeadLetter(
                # Once a version: every run whose window overlaps finds it again.
                key=f"return:{reject.return_id}@{reject.fingerprint}",
                queue=RETURN_SYNC_PROCESSING.name,
                function=RETURN_SYNC_PROCESSING.function,
                payload=Refresh(return_id=reject.return_id, run_id=task.run_id).model_dump(),
                error=reject.reason,
                attempts=1,
            )
        )


def judge(return_id: str, stored: dict[str, Any], as_of: datetime, max_bytes: int) -> Decision:
    """What becomes of one return, as :func:`decide` says; whatever nobody has thought of is a :class:`Reject`."""
    try:
        return decide(return_id, stored, as_of, max_bytes)
    except Exception as error:
        # Whatever it is about this document, the others must not wait for it.
        _log.exception("return.undecidable", extra={"return_id": return_id})
        return Reject(return_id, f"undecidable@{stored.get('updated_at')}", repr(error))


async def push(changes: Sequence[Change], write: Write, refused: list[Reject]) -> None:
    """Write changes to an index; what it will not take is found by halving and added to ``refused``.

    Raises:
        TransientError: so much is refused that the records can hardly be the reason.
    """
    try:
        await write([request(change) for change in changes])
    except RefusedError as error:
        if len(refused) >= _MAX_REFUSED:
            raise TransientError(f"The index refuses one record after another: {error}") from error
        if len(changes) == 1:
            refused.append(Reject(changes[0].return_id, changes[0].fingerprint, str(error)))
            return
        middle = len(changes) // 2
        await push(changes[:middle], write, refused)
        await push(changes[middle:], write, refused)


def changed_within(window: Window, stored: dict[str, Any]) -> bool:
    """Whether a return whose status fell due is in the run anyway, for having changed."""
    updated_at = stored.get("updated_at")
    return isinstance(updated_at, datetime) and window.first <= updated_at <= window.end


def chunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """As few groups as Algolia's limits on one request allow: 1,000 records and 10 MB."""
    chunk: list[Change] = []
    size = 0
    for change in changes:
        change_size = _ENVELOPE + (change.size if isinstance(change, Save) else len(change.return_id))
        if chunk and (len(chunk) == MAX_BATCH_RECORDS or size + change_size > MAX_BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(change)
        size += change_size
    if chunk:
        yield chunk


def request(change: Change) -> dict[str, Any]:
    """One operation of an Algolia batch."""
    if isinstance(change, Save):
        return {"action": "addObject", "body": change.record}
    return {"action": "deleteObject", "body": {"objectID": change.return_id}}


def count(
    decisions: Sequence[Decision], fresh: Sequence[Decision], rejected: Sequence[Reject]
) -> dict[str, int]:
    """What became of a batch, in numbers that add up to the returns it read."""
    refused = {reject.return_id for reject in rejected}
    kinds = Counter(
        "rejected" if d.return_id in refused else "saved" if isinstance(d, Save) else "deleted" for d in fresh
    )
    return {
        "saved": kinds["saved"],
        "deleted": kinds["deleted"],
        "rejected": kinds["rejected"],
        "skipped": len(decisions) - len(fresh),
    }
