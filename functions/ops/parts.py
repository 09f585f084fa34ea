"""What the entry points of this room are put together of."""

from functools import cache, partial

from functions.ops.actions import Actions
from functions.ops.control import QueueControl, Schedules
from functions.ops.dead_letters import Letters
from functions.ops.finding_lists import FindingLists
from functions.ops.replay import Replays
from functions.ops.runs import Runs
from functions.ops.runs_jobs import JobRunsDesk
from functions.ops.runs_prices import PriceRunsDesk
from functions.ops.runs_sync import SyncRunsDesk
from functions.ops.siblings import Siblings, http_client
from functions.ops.stores import ProductImages, Stores
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.jobs.findings import Findings
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.store import Jobs
from shared.outbox import Outbox
from shared.return_sync.history import SyncHistory
from shared.return_sync.runs import SyncRuns
from shared.settings import settings
from shared.tasks import TaskQueues


@cache
def authenticator() -> Authenticator:
    """Who may call."""
    return Authenticator(settings())


@cache
def actions() -> Actions:
    """The audit log."""
    return Actions(clients.firestore(), utc_now)


@cache
def queues() -> TaskQueues:
    """Cloud Tasks, to add to."""
    return TaskQueues(clients.cloud_tasks, settings())


@cache
def letters() -> Letters:
    """Dead letters."""
    return Letters(clients.firestore(), utc_now, actions())


@cache
def replays() -> Replays:
    """What tries dead letters again."""
    db = clients.firestore()
    return Replays(db, letters(), Outbox(db, utc_now), queues(), utc_now, actions())


@cache
def siblings() -> Siblings:
    """Other rooms' public APIs."""
    return Siblings(partial(http_client, settings().base_url))


@cache
def runs() -> Runs:
    """Runs of every kind."""
    db = clients.firestore()
    sync = SyncRuns(db, utc_now)
    return Runs(
        sync=SyncRunsDesk(sync, SyncHistory(db, sync), queues(), actions()),
        prices=PriceRunsDesk(siblings(), actions()),
        jobs=JobRunsDesk(jobs(), actions()),
        letters=letters(),
    )


@cache
def jobs() -> Jobs:
    """Audits, repairs and re-indexing."""
    return Jobs(clients.firestore(), queues(), utc_now, EVERY_QUEUE)


@cache
def finding_lists() -> FindingLists:
    """What audits have found."""
    return FindingLists(Findings(clients.firestore()))


@cache
def schedules() -> Schedules:
    """Cloud Scheduler."""
    return Schedules(clients.cloud_scheduler, settings(), actions())


@cache
def queue_control() -> QueueControl:
    """Cloud Tasks, to look at and to hold up."""
    return QueueControl(clients.cloud_tasks, settings(), actions())


@cache
def stores() -> Stores:
    """Storefronts."""
    return Stores(siblings(), actions())


@cache
def product_images() -> ProductImages:
    """Images of products."""
    return ProductImages(siblings(), actions())
