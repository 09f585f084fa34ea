"""Entry points of what makes storefronts and keeps them in order: the rebuild, the sweeper, the nightly walk."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.storefront import upkeep
from functions.storefront.building import Rebuild
from functions.storefront.counters import Counters
from functions.storefront.events import EventBatches
from functions.storefront.fan_outs import FanOuts
from functions.storefront.refreshing import Refreshing
from functions.storefront.removal import Removal
from functions.storefront.snapshots import Snapshots
from functions.storefront.states import States
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.http import http_app, json_response
from shared.settings import settings
from shared.storefronts import STOREFRONT_REBUILD, RebuildRequests, RefreshTask, StorefrontTask
from shared.tasks import Attempt, TaskHandler, TaskQueues


@functions_framework.aio.http
async def rebuild_storefront(request: Request) -> Response:
    """Queue ``storefrontRebuild``: rebuilds a store, or asks for the rebuild of many."""
    return _rebuilding()


@functions_framework.aio.http
async def storefront_sweeper(request: Request) -> Response:
    """Every 5 minutes: mends what was lost between two steps, and removes what nobody needs."""
    return _sweeper()


@functions_framework.aio.http
async def storefront_nightly(request: Request) -> Response:
    """Every night: has stale storefronts rebuilt."""
    return _nightly()


@cache
def _rebuilding() -> Response:
    db = clients.firestore()
    states, batches, counters = States(db, utc_now), EventBatches(db, utc_now), Counters(db)
    rebuild = Rebuild(
        db=db,
        states=states,
        snapshots=Snapshots(db, counters, batches),
        counters=counters,
        batches=batches,
        requests=_requests(),
        removal=Removal(db, states),
        clock=utc_now,
    )
    refreshing = Refreshing(db, _requests(), batches, _fan_outs(), utc_now)

    async def run(task: StorefrontTask, attempt: Attempt) -> None:
        if isinstance(task.root, RefreshTask):
            await refreshing.run(task.root, attempt)
        else:
            await rebuild.run(task.root, attempt)

    handler = TaskHandler(
        STOREFRONT_REBUILD,
        run,
        auth=Authenticator(settings()),
        dead_letters=DeadLetters(db),
        service_account=settings().tasks_service_account,
    )
    return handler.app()


@cache
def _sweeper() -> Response:
    db, states = clients.firestore(), States(clients.firestore(), utc_now)
    sweeper = upkeep.Sweeper(db, states, _requests(), Removal(db, states), _fan_outs(), utc_now)
    return _scheduled(upkeep.SWEEPER, sweeper.sweep)


@cache
def _nightly() -> Response:
    return _scheduled(upkeep.NIGHTLY, upkeep.Nightly(_fan_outs(), utc_now).begin)


def _scheduled(function: str, run: Callable[[], Awaitable[Mapping[str, Any]]]) -> Response:
    auth = Authenticator(settings())

    async def serve(request: Request) -> Response:
        await auth.platform(request, function, settings().scheduler_service_account)
        return json_response(await run())

    return http_app([Route("/", serve, methods=["POST"])])


@cache
def _queues() -> TaskQueues:
    return TaskQueues(clients.cloud_tasks, settings())


@cache
def _requests() -> RebuildRequests:
    return RebuildRequests(clients.firestore(), _queues(), utc_now)


@cache
def _fan_outs() -> FanOuts:
    return FanOuts(clients.firestore(), _queues(), utc_now)
