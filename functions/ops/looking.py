"""What is looked at to say whether all is well, put together once a process."""

import logging
from functools import cache, partial

from functions.ops import dependencies
from functions.ops.backlogs import OVERDUE, Backlogs
from functions.ops.freshness import Freshness
from functions.ops.health import FRESHNESS, VITAL, HealthChecks, Probe
from functions.ops.heartbeat import Heartbeat
from functions.ops.jobs_health import SUBJECTS, JobsHealth
from shared import clients
from shared.clock import utc_now
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.store import Jobs
from shared.search import SearchIndex
from shared.settings import settings
from shared.tasks import TaskQueues

_log = logging.getLogger(__name__)


@cache
def _index() -> SearchIndex:
    config = settings()
    return SearchIndex(clients.algolia(config, config.algolia_search_key), config.algolia_returns_index)


@cache
def heartbeat() -> Heartbeat:
    """The sign of life that the sweeper of jobs leaves."""
    return Heartbeat(clients.firestore(), utc_now)


@cache
def health_checks() -> HealthChecks:
    """Everything that there is to look at, the most important first: some twenty reads and three requests a look."""
    db, config = clients.firestore(), settings()
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, config), utc_now, EVERY_QUEUE)
    backlogs, of_jobs = Backlogs(db, utc_now), JobsHealth(jobs, utc_now)
    probes: dict[str, Probe] = {
        VITAL: partial(dependencies.database, heartbeat(), utc_now),
        "index": partial(dependencies.index, _index),
        FRESHNESS: Freshness(db, utc_now).checks,
        "dead letters": backlogs.letters,
        "deliveries": backlogs.deliveries,
        **{kind.name: partial(backlogs.overdue, kind) for kind in OVERDUE},
        **{f"audit of {subject}": partial(of_jobs.of, subject) for subject in SUBJECTS},
        "queues": partial(dependencies.queues, clients.cloud_tasks, config),
        "schedules": partial(dependencies.schedules, clients.cloud_scheduler, config),
    }
    return HealthChecks(probes, utc_now, _connect)


@cache
def _connect() -> None:
    """Import and make the clients, which takes a second; one that cannot be made says so when it is asked for."""
    for connect in (clients.cloud_tasks, clients.cloud_scheduler, _index):
        try:
            connect()
        except Exception as error:
            _log.warning("health.unprepared", extra={"error": repr(error)})
