"""What the entry points of this room are put together of."""

from functools import cache

from functions.prices.cancelling import Cancelling
from functions.prices.endings import Endings
from functions.prices.planning import Planning
from functions.prices.runs import Runs
from functions.prices.stores import RunStores
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.settings import settings
from shared.storefronts import RebuildRequests
from shared.tasks import TaskQueues


@cache
def authenticator() -> Authenticator:
    """Who may call."""
    return Authenticator(settings())


@cache
def queues() -> TaskQueues:
    """Cloud Tasks."""
    return TaskQueues(clients.cloud_tasks, settings())


@cache
def runs() -> Runs:
    """Price runs."""
    return Runs(clients.firestore(), utc_now)


@cache
def stores() -> RunStores:
    """What becomes of stores in them."""
    return RunStores(clients.firestore(), utc_now)


@cache
def planning() -> Planning:
    """What makes documents and tasks of a feed that has been read."""
    return Planning(clients.firestore(), runs(), stores(), queues(), utc_now)


@cache
def endings() -> Endings:
    """How stores and runs end."""
    db = clients.firestore()
    return Endings(db, runs(), stores(), RebuildRequests(db, queues(), utc_now), utc_now)


@cache
def cancelling() -> Cancelling:
    """How runs end before their time."""
    return Cancelling(runs(), stores(), endings(), utc_now)
