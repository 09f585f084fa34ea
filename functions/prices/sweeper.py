"""The sweeper: makes good what died between two steps of a run's way, and ends what takes too long.

Whatever is to happen to a run has a deadline in its document. Past it, nobody came to read its feed to the end, or its
tasks may never have been enqueued, or stores of it did not finish; or it was cancelled, and its stores may not know.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from functions.prices.cancelling import Cancelling
from functions.prices.endings import Endings
from functions.prices.planning import Planning
from functions.prices.runs import Run, Runs
from shared.clock import Clock

_log = logging.getLogger(__name__)

FUNCTION = "price-run-sweeper"
# As many of each kind as one sweep looks into. What is left over is the next sweep's.
_MAX_RUNS = 50

Result = Literal["given_up", "enqueued", "ended", "changed", "failed"]


@dataclass(frozen=True)
class Sweeper:
    """Looks into overdue runs: a read for each, and for each of its stores."""

    runs: Runs
    planning: Planning
    endings: Endings
    cancelling: Cancelling
    clock: Clock

    async def sweep(self) -> dict[str, int]:
        """Mend what is overdue; how many runs had which :data:`Result`."""
        now = self.clock()
        overdue = await self.runs.overdue("ingesting", now, _MAX_RUNS)
        overdue += await self.runs.overdue("running", now, _MAX_RUNS)
        overdue += await self.runs.overdue("cancelled", now, _MAX_RUNS)
        counts: dict[str, int] = Counter([await self._mend(run) for run in overdue])
        if counts:
            _log.warning("prices.swept", extra=counts)
        return counts

    async def _mend(self, run: Run) -> Result:
        """One run; a failure leaves it to the next sweep and the others alone."""
        try:
            if run.status == "ingesting":
                return "given_up" if await self.runs.give_up(run) else "changed"
            if run.status == "cancelled":
                await self.cancelling.go_on(run)
                return "ended"
            if not run.enqueued:
                await self.planning.enqueue(run)
                return "enqueued"
            return "ended" if await self.endings.end_overdue(run) else "changed"
        except Exception as error:
            _log.exception("prices.sweep_failed", extra={"run": run.id, "error": repr(error)})
            return "failed"
