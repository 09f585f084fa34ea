"""Schedules and queues as operators see and steer them, through the clients of Cloud Scheduler and Cloud Tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from functions.ops.actions import Actions
from shared.settings import Settings

if TYPE_CHECKING:
    from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient
    from google.cloud.tasks_v2 import CloudTasksAsyncClient


@dataclass(frozen=True)
class ScheduleView:
    """A schedule. ``last_error`` is how its last attempt ended, ``""`` if it went well or there was none."""

    name: str
    cron: str
    time_zone: str
    state: Literal["enabled", "paused", "disabled", "update-failed"]
    next_at: datetime | None
    last_at: datetime | None
    last_error: str


@dataclass(frozen=True)
class QueueView:
    """A queue. Of more than 1,000 tasks the first 1,000 are counted, and ``has_more`` is said.

    One that does not answer in time is ``unknown``, and nothing of it is counted.

    Args:
        oldest_at: when the longest waiting of the tasks that were counted was made.
        retrying: how many of them have been tried before.
    """

    name: str
    state: Literal["running", "paused", "disabled", "unknown"]
    depth: int
    has_more: bool
    oldest_at: datetime | None
    retrying: int


@dataclass(frozen=True)
class Schedules:
    """The schedules of Cloud Scheduler."""

    connect: "Callable[[], CloudSchedulerAsyncClient]"
    config: Settings
    actions: Actions

    async def all(self) -> list[ScheduleView]:
        """All there are, by name: one request for some hundred."""
        raise NotImplementedError

    async def pause(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule rest until it is resumed; one that rests already is left so.

        Raises:
            Problem: 404, there is none of this name; 409, its state does not allow it.
        """
        raise NotImplementedError

    async def resume(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule go on; as :meth:`pause`."""
        raise NotImplementedError

    async def run_now(self, name: str, operator: str) -> ScheduleView:
        """Let a schedule call its function at once, paused or not; as :meth:`pause`."""
        raise NotImplementedError


@dataclass(frozen=True)
class QueueControl:
    """The queues of Cloud Tasks."""

    connect: "Callable[[], CloudTasksAsyncClient]"
    config: Settings
    actions: Actions

    async def all(self) -> list[QueueView]:
        """All queues at once, each with bounded time: two requests a queue."""
        raise NotImplementedError

    async def pause(self, name: str, operator: str) -> QueueView:
        """Hold a queue's tasks back until it is resumed; they can be added all the same.

        Raises:
            Problem: 404, there is none of this name.
        """
        raise NotImplementedError

    async def resume(self, name: str, operator: str) -> QueueView:
        """Let a queue's tasks go on; as :meth:`pause`."""
        raise NotImplementedError
