"""The parts of the operators' API that are about a running system, as the command line calls them."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeVar

from functions.ops.actions_api import ActionList, ActionView
from functions.ops.client import ApiClient
from functions.ops.control_api import QueueAnswer, QueueList, ScheduleAnswer, ScheduleList
from functions.ops.health_answers import HealthView
from functions.ops.runs_answers import FindingListing, FindingView, OperatorRun, OperatorRunPage
from functions.ops.siblings import segment
from functions.ops.stores_api import StoreAnswer, StoreStatus

RunAct = Literal["cancel", "resume", "rerun"]
ScheduleAct = Literal["pause", "resume", "run"]
QueueAct = Literal["pause", "resume"]
StoreAct = Literal["rollback", "rebuild"]

_PAGE = 100

Params = dict[str, str]
Item = TypeVar("Item")


class OperationsClient(ApiClient):
    """Runs, jobs, schedules, queues, stores and the audit log, by HTTP."""

    def health(self) -> HealthView:
        """Whether all is well."""
        return self.call(HealthView, "GET", "/health")

    def runs(self, kind: str, limit: int) -> list[OperatorRun]:
        """The newest runs of a kind, from as many pages as it takes."""

        def page(asked: Params) -> tuple[list[OperatorRun], str | None]:
            answer = self.call(OperatorRunPage, "GET", "/runs", params={"kind": kind} | asked)
            return answer.runs, answer.next_cursor

        return _collected(page, limit)

    def run(self, kind: str, run_id: str) -> OperatorRun:
        """One run."""
        return self.call(OperatorRun, "GET", _path("runs", kind, run_id))

    def steer(self, kind: str, run_id: str, act: RunAct) -> OperatorRun:
        """Cancel a run, have it go on, or do it again."""
        return self.call(OperatorRun, "POST", f"{_path('runs', kind, run_id)}:{act}")

    def resync(self, start: datetime, end: datetime) -> OperatorRun:
        """Push again what changed between two dates."""
        dates: dict[str, object] = {"start_date": start.isoformat(), "end_date": end.isoformat()}
        return self.call(OperatorRun, "POST", "/runs:resync", dates)

    def start_job(self, kind: str, subject: str, **options: object) -> OperatorRun:
        """Begin a job."""
        return self.call(OperatorRun, "POST", "/jobs", {"kind": kind, "subject": subject} | options)

    def findings(self, audit: str, limit: int, **filters: str) -> list[FindingView]:
        """What an audit has found, up to ``limit``; filters that are empty do not count."""
        path = f"{_path('runs', 'audit', audit)}/findings"
        wanted = {name: value for name, value in filters.items() if value}

        def page(asked: Params) -> tuple[list[FindingView], str | None]:
            answer = self.call(FindingListing, "GET", path, params=wanted | asked)
            return answer.findings, answer.next_cursor

        return _collected(page, limit)

    def schedules(self) -> ScheduleList:
        """All schedules."""
        return self.call(ScheduleList, "GET", "/schedules")

    def steer_schedule(self, name: str, act: ScheduleAct) -> ScheduleAnswer:
        """Pause or resume a schedule, or run it now."""
        return self.call(ScheduleAnswer, "POST", f"{_path('schedules', name)}:{act}")

    def queues(self) -> QueueList:
        """All queues."""
        return self.call(QueueList, "GET", "/queues")

    def steer_queue(self, name: str, act: QueueAct) -> QueueAnswer:
        """Pause or resume a queue."""
        return self.call(QueueAnswer, "POST", f"{_path('queues', name)}:{act}")

    def store(self, store_id: str) -> StoreStatus:
        """What is served of a store."""
        return self.call(StoreStatus, "GET", _path("stores", store_id))

    def roll_back(self, store_id: str, generation: int | None) -> StoreAnswer:
        """Serve an earlier generation again: the one before, if none is given."""
        return self.call(
            StoreAnswer, "POST", f"{_path('stores', store_id)}:rollback", {"generation": generation}
        )

    def rebuild(self, store_id: str) -> StoreAnswer:
        """Ask for a rebuild of a store."""
        return self.call(StoreAnswer, "POST", f"{_path('stores', store_id)}:rebuild")

    def actions(self, limit: int) -> list[ActionView]:
        """The newest entries of the audit log, from as many pages as it takes."""

        def page(asked: Params) -> tuple[list[ActionView], str | None]:
            answer = self.call(ActionList, "GET", "/actions", params=asked)
            return answer.actions, answer.next_cursor

        return _collected(page, limit)


def _collected(page: Callable[[Params], tuple[list[Item], str | None]], limit: int) -> list[Item]:
    """Up to ``limit`` items, from as many pages as it takes."""
    items: list[Item] = []
    asked = {"limit": str(min(_PAGE, limit))}
    while True:
        more, cursor = page(asked)
        items += more
        if len(items) >= limit or cursor is None:
            return items[:limit]
        asked = {"limit": str(min(_PAGE, limit - len(items))), "cursor": cursor}


def _path(*parts: str) -> str:
    return "".join(f"/{segment(part)}" for part in parts)
