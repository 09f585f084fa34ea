"""Schedules and queues as operators see and steer them, through the clients of Cloud Scheduler and Cloud Tasks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound

from functions.ops.actions import Actions
from functions.ops.replay import TARGETS
from shared.problems import Problem
from shared.settings import Settings

if TYPE_CHECKING:
    from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient
    from google.cloud.tasks_v2 import CloudTasksAsyncClient

_log = logging.getLogger(__name__)

# As many tasks of a queue are counted: what one request of ListTasks brings at most. The stable API of Cloud Tasks has
# no numbers of its own; that of v2beta3 is an estimate, of a beta, and says nothing of attempts.
MAX_COUNTED = 1_000
# For one request that changes something, and for a look. The page waits for four seconds for all queues, and has to
# hear by then which of them does not answer.
_SECONDS = 5.0
LOOK_SECONDS = 3.0
# Those of infra/topology.yaml. A project may have others, which are nobody's business here.
SCHEDULES = frozenset(
    {
        "returnsUpdateCron",
        "outboxSweeper",
        "imageSweeper",
        "imageOrphanSweeper",
        "priceRunSweeper",
        "storefrontSweeper",
        "storefrontNightly",
        "jobSweeper",
        "nightlyAudits",
    }
)

ScheduleState = Literal["enabled", "paused", "disabled", "update-failed"]
QueueState = Literal["running", "paused", "disabled", "unknown"]


@dataclass(frozen=True)
class ScheduleView:
    """A schedule. ``last_error`` is how its last attempt ended, ``""`` if it went well or there was none."""

    name: str
    cron: str
    time_zone: str
    state: ScheduleState
    next_at: datetime | None
    last_at: datetime | None
    last_error: str


@dataclass(frozen=True)
class QueueView:
    """A queue. Of more than 1,000 tasks the first 1,000 are counted, and ``has_more`` is said.

    One that does not answer in time is ``unknown``, and nothing of it is counted.

    Args:
        name: as in ``infra/topology.yaml``.
        oldest_at: when the longest waiting of the tasks that were counted was made.
        retrying: how many of them have been tried before.
    """

    name: str
    state: QueueState
    depth: int = 0
    has_more: bool = False
    oldest_at: datetime | None = None
    retrying: int = 0


@dataclass(frozen=True)
class Schedules:
    """The schedules of Cloud Scheduler: those that this system has."""

    connect: "Callable[[], CloudSchedulerAsyncClient]"
    config: Settings
    actions: Actions

    async def all(self) -> list[ScheduleView]:
        """All of ours that there are, by name: one request for each 500 of the project and region."""
        parent = f"projects/{self.config.google_cloud_project}/locations/{self.config.region}"
        async with asyncio.timeout(LOOK_SECONDS):
            listed = await self.connect().list_jobs(parent=parent, timeout=LOOK_SECONDS)
            found = [schedule_view(job) async for job in listed]
        ours = (schedule for schedule in found if schedule.name in SCHEDULES)
        return sorted(ours, key=lambda schedule: schedule.name)

    async def pause(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule rest until it is resumed; one that rests already is left so.

        Raises:
            Problem: 404, there is none of this name; 409, its state does not allow it.
        """
        async with self.actions.recorded(operator, "schedule.pause", name):
            return await self._move(name, "paused", self.connect().pause_job)

    async def resume(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule go on; as :meth:`pause`."""
        async with self.actions.recorded(operator, "schedule.resume", name):
            return await self._move(name, "enabled", self.connect().resume_job)

    async def run_now(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule call its function once, at once; as :meth:`pause`."""
        async with self.actions.recorded(operator, "schedule.run", name):
            return await self._move(name, None, self.connect().run_job)

    async def _move(
        self, name: str, target: ScheduleState | None, call: Callable[..., Awaitable[Any]]
    ) -> ScheduleView:
        """Make a call about a schedule. That it is in its ``target`` state already is as good as done."""
        path = self._path(name)
        try:
            async with asyncio.timeout(_SECONDS):
                return schedule_view(await call(name=path, timeout=_SECONDS))
        except (NotFound, InvalidArgument) as error:
            raise _no_schedule(name) from error
        except FailedPrecondition as error:
            async with asyncio.timeout(_SECONDS):
                now = schedule_view(await self.connect().get_job(name=path, timeout=_SECONDS))
            if now.state == target:
                return now
            raise Problem(409, "not-possible", f"The schedule {name} is {now.state}.") from error

    def _path(self, name: str) -> str:
        if name not in SCHEDULES:
            raise _no_schedule(name)
        return f"projects/{self.config.google_cloud_project}/locations/{self.config.region}/jobs/{name}"


@dataclass(frozen=True)
class QueueControl:
    """The queues of Cloud Tasks: those that this system has."""

    connect: "Callable[[], CloudTasksAsyncClient]"
    config: Settings
    actions: Actions

    async def all(self) -> list[QueueView]:
        """All queues at once, each with bounded time: two requests a queue."""
        return list(await asyncio.gather(*map(self._look, TARGETS)))

    async def pause(self, name: str, operator: str) -> QueueView:
        """Hold a queue's tasks back until it is resumed; they can be added all the same.

        Raises:
            Problem: 404, there is none of this name.
        """
        async with self.actions.recorded(operator, "queue.pause", name):
            return await self._set(name, self.connect().pause_queue)

    async def resume(self, name: str, operator: str) -> QueueView:
        """Let a queue's tasks go on; as :meth:`pause`."""
        async with self.actions.recorded(operator, "queue.resume", name):
            return await self._set(name, self.connect().resume_queue)

    async def _look(self, name: str) -> QueueView:
        client, path = self.connect(), self._path(name)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                queue, counted = await asyncio.gather(
                    client.get_queue(name=path, timeout=LOOK_SECONDS), self._first_tasks(path)
                )
        except Exception as error:
            _log.warning("queue.unknown", extra={"queue": name, "error": repr(error)})
            return QueueView(name, "unknown")
        tasks, has_more = counted
        return queue_view(name, queue, tasks, has_more=has_more)

    async def _first_tasks(self, path: str) -> tuple[list[Any], bool]:
        request = {"parent": path, "page_size": MAX_COUNTED}
        listed = await self.connect().list_tasks(request, timeout=LOOK_SECONDS)
        page = await anext(aiter(listed.pages))
        return list(page.tasks), bool(page.next_page_token)

    async def _set(self, name: str, call: Callable[..., Awaitable[Any]]) -> QueueView:
        if name not in TARGETS:
            raise Problem(404, "not-found", f"There is no queue {name!r}.")
        async with asyncio.timeout(_SECONDS):
            await call(name=self._path(name), timeout=_SECONDS)
        return await self._look(name)

    def _path(self, name: str) -> str:
        return f"projects/{self.config.google_cloud_project}/locations/{self.config.region}/queues/{name}"


def schedule_view(job: Any) -> ScheduleView:
    """A ``google.cloud.scheduler_v1.Job`` as operators see it."""
    return ScheduleView(
        name=job.name.rpartition("/")[2],
        cron=job.schedule,
        time_zone=job.time_zone,
        state=_SCHEDULE_STATES.get(job.state.name, "disabled"),
        # Of one that is paused, the time says when it would have been.
        next_at=job.schedule_time if job.state.name == "ENABLED" else None,
        last_at=job.last_attempt_time,
        last_error=_error(job.status),
    )


def queue_view(name: str, queue: Any, tasks: Iterable[Any], *, has_more: bool) -> QueueView:
    """A ``google.cloud.tasks_v2.Queue`` and the first of its tasks as operators see them."""
    waiting = list(tasks)
    return QueueView(
        name=name,
        state=_QUEUE_STATES.get(queue.state.name, "unknown"),
        depth=len(waiting),
        has_more=has_more,
        oldest_at=min((task.create_time for task in waiting), default=None),
        # The first attempt at a task counts as dispatched while it is being made.
        retrying=sum(task.response_count > 0 or task.dispatch_count > 1 for task in waiting),
    )


_SCHEDULE_STATES: dict[str, ScheduleState] = {
    "ENABLED": "enabled",
    "PAUSED": "paused",
    "DISABLED": "disabled",
    "UPDATE_FAILED": "update-failed",
}
_QUEUE_STATES: dict[str, QueueState] = {"RUNNING": "running", "PAUSED": "paused", "DISABLED": "disabled"}


def _error(status: Any) -> str:
    """How an attempt ended, from its ``google.rpc.Status``."""
    if not status.code:
        return ""
    from google.rpc.code_pb2 import Code

    known = Code.Name(status.code) if status.code in Code.values() else str(status.code)
    return f"{known}: {status.message}" if status.message else known


def _no_schedule(name: str) -> Problem:
    return Problem(404, "not-found", f"There is no schedule {name[:100]!r}.")
