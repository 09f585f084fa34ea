"""The upkeep of storefronts: what was lost between two steps is begun anew, and what nobody needs is removed.

What is to happen to a store has a time in its document: ``due_at``, when the builds that are asked for should have been
made, and ``cleanup_at``, when documents are to go. A walk that tells the stores of new categories is found by how far
it has come (``fan_outs.py``).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from functions.storefront.fan_outs import FanOuts
from functions.storefront.generations import Storefront
from functions.storefront.removal import Removal
from functions.storefront.states import States, stored_storefront
from shared.clock import Clock
from shared.storefronts import BUILT_WITHIN, COLLECTION, RebuildRequests, RebuildTask, RefreshTask

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

_log = logging.getLogger(__name__)

SWEEPER = "storefront-sweeper"
NIGHTLY = "storefront-nightly"
# As many stores as one sweep looks into for either reason, and how many at once. What is left over is the next sweep's.
_MAX_STORES = 300
_AT_ONCE = 20
_MAX_PATIENCE = timedelta(hours=6)

Result = Literal["enqueued", "building", "changed", "cleaned", "failed"]
# Of these nobody needs to know: a store that is rebuilt often is cleaned up by the sweeper, and nothing was lost.
_ORDINARY = {"building", "changed", "cleaned"}
Mend = Callable[["DocumentSnapshot[Any]"], Awaitable[Result]]


def postponed(state: Storefront, now: datetime, patience: timedelta) -> Storefront | Result:
    """A store whose build is overdue is given more time, unless it needs none."""
    if state.due_at is None or state.due_at > now:
        return "changed"
    if state.claim and state.claim.until > now:
        # It is left overdue, so that the next sweep sees what has become of it.
        return "building"
    return replace(state, due_at=now + patience)


@dataclass(frozen=True)
class Sweeper:
    """Looks into stores with something overdue: a read each, and a write for what is mended."""

    db: "AsyncClient"
    states: States
    requests: RebuildRequests
    removal: Removal
    fan_outs: FanOuts
    clock: Clock

    async def sweep(self) -> dict[str, int]:
        """Mend what is overdue; how many stores had which :data:`Result`, and how many walks are begun anew."""
        mended = [*await self._each("due_at", self._rebuild), *await self._each("cleanup_at", self._clean)]
        counts: dict[str, int] = Counter(mended)
        if await self.fan_outs.recover():
            counts["walks"] = 1
        if counts:
            level = logging.INFO if counts.keys() <= _ORDINARY else logging.WARNING
            _log.log(level, "storefronts.swept", extra=counts)
        return counts

    async def _each(self, field: str, mend: Mend) -> list[Result]:
        """Mend the stores for which a time has passed; a failure leaves one to the next sweep and the others alone."""
        from google.cloud.firestore import FieldFilter

        passed = FieldFilter(field, "<=", self.clock())
        query = self.db.collection(COLLECTION).where(filter=passed).order_by(field).limit(_MAX_STORES)
        several = asyncio.Semaphore(_AT_ONCE)

        async def one(snapshot: "DocumentSnapshot[Any]") -> Result:
            async with several:
                try:
                    return await mend(snapshot)
                except Exception as error:
                    _log.exception(
                        "storefronts.sweep_failed", extra={"store": snapshot.id, "error": repr(error)}
                    )
                    return "failed"

        return await asyncio.gather(*[one(snapshot) async for snapshot in query.stream()])

    async def _rebuild(self, snapshot: "DocumentSnapshot[Any]") -> Result:
        waited = self.clock() - snapshot.get("requested_at")
        # As long again as it has waited: what fails for hours is not met with ever more tasks and dead letters.
        patience = min(max(waited, BUILT_WITHIN), _MAX_PATIENCE)

        def decide(now_so: Storefront, now: datetime) -> Storefront | Result:
            return postponed(now_so, now, patience)

        # Before the task, which runs at once and would find the state changing under its hands.
        seen = stored_storefront(snapshot)
        state: Storefront | Result = await self.states.step(snapshot.id, decide, seen=seen)
        if not isinstance(state, Storefront):
            return state
        # Names of tasks are taken for a day, and this number has grown since the last time.
        again = max(1, waited // BUILT_WITHIN)
        await self.requests.enqueue(RebuildTask(store_id=snapshot.id, ticket=state.requested, round=again))
        return "enqueued"

    async def _clean(self, snapshot: "DocumentSnapshot[Any]") -> Result:
        return "cleaned" if await self.removal.run(snapshot.id) else "changed"


@dataclass(frozen=True)
class Nightly:
    """Has stale storefronts rebuilt, once a night."""

    fan_outs: FanOuts
    clock: Clock

    async def begin(self) -> dict[str, bool]:
        """Begin a walk; called again within the hour, it is the same."""
        task = RefreshTask(which="stale", round=f"{self.clock():%Y-%m-%dT%H}")
        return {"begun": await self.fan_outs.enqueue(task)}
