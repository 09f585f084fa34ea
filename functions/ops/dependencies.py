"""Whether what we depend on answers, and whether somebody has stopped a part of it."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from functions.ops.health import VITAL, Check
from functions.ops.heartbeat import Heartbeat, judged_heartbeat
from shared.clock import Clock
from shared.errors import TransientError
from shared.search import IndexMissingError, SearchIndex
from shared.settings import Settings

if TYPE_CHECKING:
    from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient
    from google.cloud.tasks_v2 import CloudTasksAsyncClient

_log = logging.getLogger(__name__)

# Nobody's return: it only matters that there is an answer.
_NOBODY = "health"
_NAMED = 3


async def database(heartbeat: Heartbeat, clock: Clock) -> list[Check]:
    """One read: whether the database answers, and whether it takes what sweepers write."""
    beat_at = await heartbeat.read()
    return [Check(VITAL, "ok", "The database answers."), judged_heartbeat(beat_at, clock())]


async def index(connect: Callable[[], SearchIndex]) -> list[Check]:
    """A record asked for by its id, with the key that searches have: that is no search, which Algolia would bill.

    Args:
        connect: gives the index, or raises ConfigurationError where there is no key.
    """
    try:
        await connect().records([_NOBODY])
    except IndexMissingError:
        return [Check("index", "ok", "The index answers; nothing has been written to it yet.")]
    except TransientError as error:
        # What the client says of it is for those who use it.
        _log.warning("health.index_unreachable", extra={"error": str(error)})
        advice = "Look at Algolia's status. What changes meanwhile is pushed when it is back."
        return [Check("index", "degraded", "The index is out of reach.", advice=advice)]
    return [Check("index", "ok", "The index answers.")]


def judged_stopped(name: str, paused: Sequence[str], failed: Sequence[str] = ()) -> Check:
    """Whether all queues, or all schedules, do what they are there for; the value is how many do not.

    Args:
        name: ``queues`` or ``schedules``.
        paused: those that somebody has stopped.
        failed: those whose last attempt went wrong.
    """
    said = [f"Of the {name} paused: {_some(paused)}."] if paused else []
    said += [f"The last attempt failed of {_some(failed)}."] if failed else []
    if not said:
        return Check(name, "ok", f"All {name} are running.", 0)
    advice = (
        "Resume what was paused when its reason has passed." if paused else "See the log of its function."
    )
    return Check(name, "degraded", " ".join(said), len(paused) + len(failed), advice)


async def queues(connect: Callable[[], "CloudTasksAsyncClient"], config: Settings) -> list[Check]:
    """One request."""
    from google.cloud.tasks_v2 import Queue

    client = connect()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    found = [queue async for queue in await client.list_queues(parent=parent)]
    paused = [_short(queue.name) for queue in found if queue.state != Queue.State.RUNNING]
    return [judged_stopped("queues", paused)]


async def schedules(connect: Callable[[], "CloudSchedulerAsyncClient"], config: Settings) -> list[Check]:
    """One request."""
    from google.cloud.scheduler_v1 import Job

    client = connect()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    found = [job async for job in await client.list_jobs(parent=parent)]
    paused = [_short(job.name) for job in found if job.state != Job.State.ENABLED]
    failed = [_short(job.name) for job in found if job.state == Job.State.ENABLED and job.status.code]
    return [judged_stopped("schedules", paused, failed)]


def _some(names: Sequence[str]) -> str:
    """The first of some names, and how many there are more: the page and the command line list all."""
    first, more = sorted(names)[:_NAMED], len(names) - _NAMED
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")


def _short(name: str) -> str:
    return name.rpartition("/")[2]
