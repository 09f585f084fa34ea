"""Price runs at the operators' desk: asked of the room that has them, with the operator's own token."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from functions.ops.actions import Actions
from functions.ops.runs import Run, RunKind, RunPage, RunStatus, is_run_id, no_run
from functions.ops.siblings import Siblings, unavailable
from shared.problems import Problem

_log = logging.getLogger(__name__)

Model = TypeVar("Model", bound=BaseModel)

FUNCTION = "price-runs"
_STATUSES: Mapping[str, RunStatus] = {
    "ingesting": "running",
    "running": "running",
    "done": "done",
    "partial": "partial",
    "refused": "failed",
    "failed": "failed",
    "cancelled": "cancelled",
}


class PriceRun(BaseModel):
    """What is needed of the room's own answer (``functions/prices/answers.py``)."""

    id: str
    retailer: str
    feed: str
    status: Literal["ingesting", "running", "done", "partial", "refused", "failed", "cancelled"]
    reason: str | None
    lines: int
    good: int
    bad: int
    stores: int
    missing_count: int
    failed_count: int
    totals: dict[str, int] | None
    created_at: datetime
    rerun_at: datetime | None
    ended_at: datetime | None
    # How many stores have each status: of one run only, not of those in a list.
    counts: dict[str, int] | None = None


class PriceRunPage(BaseModel):
    """A page of them."""

    runs: list[PriceRun]
    next_cursor: str | None


@dataclass(frozen=True)
class PriceRunsDesk:
    """See :class:`functions.ops.runs.Desk`; its methods raise what :meth:`Siblings.get` does, too."""

    siblings: Siblings
    actions: Actions

    async def page(self, kind: RunKind, limit: int, cursor: str | None, token: str) -> RunPage:
        """Runs of all retailers, the newest first."""
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = _read(PriceRunPage, await self.siblings.get(f"{FUNCTION}/", token, query))
        return RunPage([price_run(run) for run in page.runs], page.next_cursor)

    async def get(self, kind: RunKind, run_id: str, token: str) -> Run:
        """One run."""
        found = await self.siblings.get(_path(run_id), token, {"limit": 1})
        return price_run(_read(PriceRun, found))

    async def cancel(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Have a run end: stores that nobody has begun with are left as they are."""
        async with self.actions.recorded(operator, "prices.cancel", run_id):
            return price_run(_read(PriceRun, await self._post(run_id, "cancel", token)))

    async def resume(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Refused: what a run has left undone is done by running it again.

        Raises:
            Problem: 404; 409, ``not-failed``.
        """
        run = await self.get(kind, run_id, token)
        raise Problem(409, "not-failed", f"The run is {run.phase}. Run it again instead.")

    async def rerun(self, kind: RunKind, run_id: str, operator: str, token: str) -> Run:
        """Bring the lines of its feed in once more."""
        async with self.actions.recorded(operator, "prices.rerun", run_id):
            return price_run(_read(PriceRun, await self._post(run_id, "rerun", token)))

    async def _post(self, run_id: str, verb: str, token: str) -> Mapping[str, Any]:
        return await self.siblings.post(f"{_path(run_id)}:{verb}", token)


def _path(run_id: str) -> str:
    """Where a run is.

    Raises:
        Problem: 404, no run can have such an id: with none, the address would be that of the list.
    """
    if not is_run_id(run_id):
        raise no_run("prices", run_id)
    return f"{FUNCTION}/{run_id}"


def price_run(run: PriceRun) -> Run:
    """A price run as operators see it."""
    counts = {"lines": run.lines, "good": run.good, "bad": run.bad, "stores": run.stores}
    counts |= {"missing": run.missing_count, "failed": run.failed_count} if run.ended_at else {}
    return Run(
        id=run.id,
        kind="prices",
        subject=run.retailer,
        status=_STATUSES[run.status],
        phase=run.status,
        created_at=run.created_at,
        started_at=run.rerun_at,
        finished_at=run.ended_at,
        unit="stores",
        done=_settled(run),
        total=run.stores or None,
        options={"feed": run.feed},
        counts=counts | (run.counts or {}),
        uses=run.totals or {},
        error=run.reason or "",
    )


def _settled(run: PriceRun) -> int | None:
    """How many stores have come to their end: not known of an open run in a list."""
    if run.counts is not None:
        return run.stores - run.counts.get("pending", 0) if run.stores else 0
    return run.stores - run.missing_count if run.ended_at else None


def _read(model: type[Model], content: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        _log.exception("sibling.unreadable", extra={"function": FUNCTION})
        raise unavailable(f"{FUNCTION} answers what cannot be read.") from error
