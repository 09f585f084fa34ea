"""Whether what we depend on answers, and whether somebody has stopped a part of it."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from functions.ops.control import SCHEDULES
from functions.ops.health import VITAL, Check
from functions.ops.heartbeat import Heartbeat, judged_heartbeat
from functions.ops.replay import TARGETS
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


def judged_stopped(
    name: str, paused: Sequence[str], failed: Sequence[str] = (), missing: Sequence[str] = ()
) -> Check:
    """Whether all queues, or all schedules, do what they are there for; the value is how many do not.

    Args:
        name: ``queues`` or ``schedules``.
        paused: those that somebody has stopped.
        failed: those whose last attempt went wrong.
        missing: those that somebody has deleted, or never deployed.
    """
    wrong = [
        (missing, "Of the {what} missing: {names}.", "Deploy again what is missing."),
        (paused, "Of the {what} paused: {names}.", "Resume what was paused when its reason has passed."),
        (failed, "The last attempt failed of {names}.", "See the log of its function."),
    ]
    found = [(said.format(what=name, names=_some(names)), advice) for names, said, advice in wrong if names]
    if not found:
        return Check(name, "ok", f"All {name} are running.", 0)
    details, advices = zip(*found, strict=True)
    count = len(missing) + len(paused) + len(failed)
    return Check(name, "degraded", " ".join(details), count, advices[0])


async def queues(connect: Callable[[], "CloudTasksAsyncClient"], config: Settings) -> list[Check]:
    """One request for each 500 queues of the project and region; those of others do not count."""
    from google.cloud.tasks_v2 import Queue

    listed = await connect().list_queues(parent=_parent(config))
    ours = {name: queue async for queue in listed if (name := _short(queue.name)) in TARGETS}
    paused = [name for name, queue in ours.items() if queue.state != Queue.State.RUNNING]
    return [judged_stopped("queues", paused, missing=[*(TARGETS.keys() - ours.keys())])]


async def schedules(connect: Callable[[], "CloudSchedulerAsyncClient"], config: Settings) -> list[Check]:
    """As :func:`queues`."""
    from google.cloud.scheduler_v1 import Job

    listed = await connect().list_jobs(parent=_parent(config))
    ours = {name: job async for job in listed if (name := _short(job.name)) in SCHEDULES}
    paused = [name for name, job in ours.items() if job.state != Job.State.ENABLED]
    failed = [name for name, job in ours.items() if job.state == Job.State.ENABLED and job.status.code]
    return [judged_stopped("schedules", paused, failed, [*(SCHEDULES - ours.keys())])]


def _parent(config: Settings) -> str:
    return f"projects/{config.google_cloud_project}/locations/{config.region}"


def _some(names: Sequence[str]) -> str:
    """The first of some names, and how many there are more: the page and the command line list all."""
    first, more = sorted(names)[:_NAMED], len(names) - _NAMED
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")


def _short(name: str) -> str:
    return name.rpartition("/")[2]
