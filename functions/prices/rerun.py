"""Running a run again, or one store of it: with tasks, latches and names of its own, which make a new *series*.

Tasks of the series before have nothing left to do, whenever they come.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from functions.prices.planning import Planning
from functions.prices.runs import Run, Runs
from functions.prices.stores import RunStores
from shared.clock import Clock
from shared.http import TRANSIENT
from shared.problems import Problem, invalid_fields

_log = logging.getLogger(__name__)

# A day less than the workspace keeps the lines of a feed (infra/topology.yaml), so that none goes while it is needed.
LINES_KEPT = timedelta(days=29)


@dataclass(frozen=True)
class Reruns:
    """Begins runs anew: some reads and a commit of two writes, and then as planning does."""

    runs: Runs
    stores: RunStores
    planning: Planning
    clock: Clock

    async def begin(self, run: Run, store_id: str | None) -> Run:
        """Run all stores of a run again, or one of them.

        Returns:
            The run as it is then. If its tasks cannot be enqueued now, the sweeper does it.

        Raises:
            Problem: 409, it is under way, has never had stores, or its lines are gone; 422, it has no such store.
        """
        self._require_runnable(run)
        if store_id is not None and await self.stores.get(run.id, store_id) is None:
            raise invalid_fields({"store_id": "is not a store of this run"})
        again: dict[str, Any] = {
            "series": run.series + 1,
            "rerun_at": self.clock(),
            "rerun_of": store_id,
            "ended_at": None,
            "totals": None,
            "missing": [],
            "missing_count": 0,
            "failed": [],
            "failed_count": 0,
        }
        if not await self.runs.start_series(run, again, members=run.stores if store_id is None else 1):
            raise _not_rerunnable("Somebody else has just changed it.")
        begun = await self.runs.existing(run.id)
        try:
            await self.planning.enqueue(begun)
        except TRANSIENT as error:
            _log.warning("prices.rerun_unpublished", extra={"run": run.id, "error": repr(error)})
        return begun

    def _require_runnable(self, run: Run) -> None:
        if run.is_open:
            raise _not_rerunnable("It is still under way.")
        if run.status not in ("done", "partial", "cancelled") or not run.stores:
            raise _not_rerunnable("No line of its feed was used. Send the feed again.")
        if run.created_at + LINES_KEPT < self.clock():
            raise _not_rerunnable("Its lines are not kept any more. Send the feed again.")


def _not_rerunnable(detail: str) -> Problem:
    return Problem(409, "not-rerunnable", detail)
