"""Ending a run before its time: stores that nobody has begun with stay as they are, those under way come to their end.

The run's end is one commit. Leaving out its stores follows, and is done again by the sweeper if we die over it.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from functions.prices.endings import Endings
from functions.prices.runs import FINISHED_WITHIN, MAX_TURNS, Run, Runs
from functions.prices.stores import RunStore, RunStores
from shared.clock import Clock
from shared.errors import TransientError
from shared.http import TRANSIENT
from shared.problems import Problem

_log = logging.getLogger(__name__)

# Leaving out all stores of a run takes seconds; later than this, whoever did it is dead.
_LEFT_WITHIN = timedelta(minutes=5)
_REASON = "The run was cancelled before anybody had begun with this store."


@dataclass(frozen=True)
class Cancelling:
    """Cancels runs: some reads and a write for the run, a read for each store and a write for each that is left out."""

    runs: Runs
    stores: RunStores
    endings: Endings
    clock: Clock

    async def begin(self, run_id: str) -> Run:
        """Cancel a run; the run as it is then.

        Raises:
            Problem: 409, it has ended.
            TransientError: somebody else keeps writing the run.
        """
        run = await self._cancelled(run_id)
        _log.warning("prices.run_cancelled", extra={"run": run.id})
        try:
            await self.go_on(run)
        except TRANSIENT as error:
            _log.warning("prices.cancel_unfinished", extra={"run": run.id, "error": repr(error)})
        return await self.runs.existing(run.id)

    async def _cancelled(self, run_id: str) -> Run:
        for turn in range(MAX_TURNS):
            run = await self.runs.existing(run_id)
            if run.status == "cancelled" and turn:
                # By us, if only the answer to the commit was lost, or by somebody else just now.
                return run
            if not run.is_open:
                raise Problem(409, "not-active", f"It has ended: {run.status}.")
            now = self.clock()
            ending = {"status": "cancelled", "ended_at": now, "deadline": now + _LEFT_WITHIN}
            if await self.runs.change(run, ending):
                return await self.runs.existing(run_id)
        raise TransientError("Somebody else keeps writing the run.")

    async def go_on(self, run: Run) -> None:
        """Leave out the stores of a cancelled run, and note what it has come to. Repeated, it does no harm.

        Stores under way have as long as those of any run; what has come in by then is shown.
        """
        async for stores in self.stores.walk(run.id):
            await asyncio.gather(*(self._leave_out(run, store) for store in stores))
        until = (run.ended_at or self.clock()) + FINISHED_WITHIN
        if self.clock() > until:
            await self.endings.show_all(run.id)
        waits = self.clock() <= until and await self.stores.is_any_pending(run.id)
        fields: dict[str, Any] = (await self.endings.tally(run.id)).fields()
        # Should it have been run again meanwhile, that is left as it is.
        await self.runs.change(run, {**fields, "status": "cancelled", "deadline": until if waits else None})

    async def _leave_out(self, run: Run, store: RunStore) -> None:
        if store.status == "pending" and store.series == run.series and not store.is_begun:
            await self.stores.change(store, {"status": "cancelled", "reason": _REASON})
