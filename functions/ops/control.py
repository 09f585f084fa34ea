"""Schedules and queues as operators see and steer them, through the clients of Cloud Scheduler and Cloud Tasks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


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

    Args:
        oldest_at: when the longest waiting of the tasks that were counted was made.
        retrying: how many of them have been tried before.
    """

    name: str
    state: Literal["running", "paused", "disabled"]
    depth: int
    has_more: bool
    oldest_at: datetime | None
    retrying: int
