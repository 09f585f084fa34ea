"""Sending what the supply-chain API lacks, on the way that all changes go.

Nothing is sent from here. An event that is there is opened anew. In the place of one that is not, there is a new one
of a new version, above all that were ever sent: the API knows requests by product and version, and may have had
another of the one that was lost.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from google.api_core.exceptions import Aborted, AlreadyExists

from functions.supply_chain.audit_evidence import Evidence, Records, judge
from shared.clock import Clock
from shared.jobs.findings import Finding
from shared.jobs.records import Job
from shared.jobs.repairing import FAILED, HEALED, PENDING, REPAIRED, STILL
from shared.outbox import Outbox, ProductEvent, StoredEvent, publish, reopened
from shared.products import ProductWrites
from shared.tasks import TaskQueues

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch

_ON_ITS_WAY = f"{PENDING}a delivery is under way"
_CHANGING = f"{PENDING}somebody else is changing it"


@dataclass(frozen=True)
class Redelivery:
    """Mends findings about products: three reads, six of what is wrong, and a commit of one write, or two."""

    db: "AsyncClient"
    records: Records
    outbox: Outbox
    writes: ProductWrites
    queues: TaskQueues
    clock: Clock

    async def mend(self, job: Job, finding: Finding, uses: Counter[str]) -> str:
        """Have a product's state delivered, if the API still lacks it."""
        seen = await self.records.certain(finding.id, uses)
        if seen is None:
            return _CHANGING
        return _known(seen, HEALED) or await self._deliver(job, seen)

    async def check(self, finding: Finding, uses: Counter[str]) -> str:
        """Whether it has arrived."""
        seen = await self.records.certain(finding.id, uses)
        if seen is None:
            return _CHANGING
        return _known(seen, REPAIRED) or f"{STILL}{judge(seen)}"

    async def _deliver(self, job: Job, seen: Evidence) -> str:
        if seen.version == 0:
            # Delivered so, it would be as wrong as before.
            return f"{FAILED}a hand has been at its version; set that right first"
        event = seen.telling_event
        if event is not None and event.version >= max(_newest(seen), seen.version or 0):
            task = await self._reopen(event)
        elif seen.version is None:
            task = await self._delete_anew(job, seen)
        else:
            task = await self._write_anew(seen)
        if task is None:
            return _CHANGING
        await publish(self.queues, task)
        return f"{PENDING}version {task.version} is being delivered"

    async def _reopen(self, event: StoredEvent) -> ProductEvent | None:
        again = replace(event, series=event.series + 1)
        changed = await self.outbox.change(event, reopened(again.series, self.clock()))
        return again.task if changed else None

    async def _write_anew(self, seen: Evidence) -> ProductEvent | None:
        stored = await self.writes.get(seen.product_id)
        if stored is None or stored.version != seen.version:
            return None
        fields = stored.next(self.clock()) | {"version": max(stored.version, _newest(seen)) + 1}
        return await self.writes.update(stored, fields, _nothing)

    async def _delete_anew(self, job: Job, seen: Evidence) -> ProductEvent | None:
        # The next version is that of the event which was lost.
        task = ProductEvent(product_id=seen.product_id, version=_newest(seen) + 2)
        batch = self.db.batch()
        self.outbox.write(batch, task, "product:deleted", seen.user_id, job.id)
        try:
            await batch.commit()
        except (AlreadyExists, Aborted):
            return None
        return task


def _known(seen: Evidence, well: str) -> str | None:
    """What there is to say of a product that is not to be delivered now, ``well`` if all is; else ``None``."""
    match judge(seen):
        case "agrees":
            return well
        case "pending":
            return _ON_ITS_WAY
        case "dead":
            # One look is enough: a letter is not open any more once its event is.
            return _dead(seen)
    return None


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
