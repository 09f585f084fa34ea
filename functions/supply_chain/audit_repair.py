"""Sending what the supply-chain API lacks: the event that was lost is made anew, and goes the way of all events.

Nothing is sent from here. A delivery sends the newest version alone, and only above all that were ever sent; so an
event of the version that the product has is enough, unless a higher one was sent, as after the product was brought
back from a backup: then the product is written once more, above that.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound

from functions.supply_chain.audit_evidence import Evidence, Records, judge
from shared.clock import Clock
from shared.jobs.findings import Finding
from shared.jobs.records import Job
from shared.jobs.repairing import FAILED, HEALED, PENDING, REPAIRED
from shared.outbox import Outbox, ProductEvent, StoredEvent, publish, reopened
from shared.products import ProductWrites
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_ON_ITS_WAY = f"{PENDING}a delivery is under way"
_CHANGING = f"{PENDING}somebody else is changing it"


@dataclass(frozen=True)
class Redelivery:
    """Mends findings about products: three reads, and a commit of one write, or two."""

    db: "AsyncClient"
    records: Records
    outbox: Outbox
    writes: ProductWrites
    queues: TaskQueues
    clock: Clock

    async def mend(self, job: Job, finding: Finding, uses: Counter[str]) -> str:
        """Have a product's state delivered, if the API still lacks it."""
        seen = await self.records.look(finding.id, uses)
        match judge(seen):
            case "agrees":
                return HEALED
            case "pending":
                return _ON_ITS_WAY
            case "dead":
                return _dead(seen)
            case _:
                return await self._deliver(job, seen)

    async def check(self, finding: Finding, uses: Counter[str]) -> str:
        """Whether it has arrived."""
        seen = await self.records.look(finding.id, uses)
        match judge(seen):
            case "agrees":
                return REPAIRED
            case "pending":
                return _ON_ITS_WAY
            case "dead":
                return _dead(seen)
            case verdict:
                return f"{FAILED}it is still {verdict}"

    async def _deliver(self, job: Job, seen: Evidence) -> str:
        if seen.version is not None and _newest(seen) > seen.version:
            task = await self._write_anew(seen)
        else:
            task = await self._tell_anew(job, seen)
        if task is None:
            return _CHANGING
        await publish(self.queues, task)
        return f"{PENDING}version {task.version} is being delivered"

    async def _write_anew(self, seen: Evidence) -> ProductEvent | None:
        stored = await self.writes.get(seen.product_id)
        if stored is None or stored.version != seen.version:
            return None
        fields = stored.next(self.clock()) | {"version": _newest(seen) + 1}
        return await self.writes.update(stored, fields, _nothing)

    async def _tell_anew(self, job: Job, seen: Evidence) -> ProductEvent | None:
        event, batch = seen.telling_event, self.db.batch()
        if event is not None and event.version >= _newest(seen):
            again = replace(event, series=event.series + 1)
            self.outbox.write_change(batch, event, reopened(again.series, self.clock()))
            task = again.task
        else:
            task = self._write_event(batch, job, seen)
        try:
            await batch.commit()
        except (AlreadyExists, FailedPrecondition, NotFound, Aborted):
            return None
        return task

    def _write_event(self, batch: "AsyncWriteBatch", job: Job, seen: Evidence) -> ProductEvent:
        # The event that was lost may have had a task, whose name is taken for a day: the first series would not be
        # enqueued. No chain of attempts counts as far as this.
        series = int(job.created_at.timestamp())
        if seen.version is None:
            task = ProductEvent(product_id=seen.product_id, version=_newest(seen) + 1, series=series)
            self.outbox.write(batch, task, "product:deleted", seen.user_id, job.id)
        else:
            task = ProductEvent(product_id=seen.product_id, version=seen.version, series=series)
            self.outbox.write(batch, task, "product:updated", seen.user_id, job.id)
        return task


def _newest(seen: Evidence) -> int:
    """The highest version of a product that anything of ours tells of, other than the product itself."""
    delivered, event = seen.delivered, seen.event
    sent = max(delivered.sent, delivered.synced or 0) if delivered else 0
    return max(sent, _version(event))


def _version(event: StoredEvent | None) -> int:
    return event.version if event else 0


def _dead(seen: Evidence) -> str:
    error = seen.event.error if seen.event else ""
    return f"{FAILED}its delivery is dead; replay or discard the letter: {error}"


def _nothing(batch: "AsyncWriteBatch") -> None:
    """What is written with a product besides its event."""
