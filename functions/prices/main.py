"""Entry points of what becomes of feeds once they are read: updates of stores, their progress, and their sweeper."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.prices import parts, sweeper
from functions.prices.assortments import Assortments
from functions.prices.letters import UpdateLetters
from functions.prices.listing import Listing
from functions.prices.queues import PRICE_UPDATES
from functions.prices.rerun import Reruns
from functions.prices.runs_api import PriceRunsApi
from functions.prices.sweeper import Sweeper
from functions.prices.updating import Updating
from functions.prices.workspace import Workspace
from shared import clients
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.http import LONG_ANSWER_SECONDS, http_app, json_response
from shared.settings import settings
from shared.tasks import TaskHandler


@functions_framework.aio.http
async def update_prices(request: Request) -> Response:
    """Queue ``priceUpdates``: brings a chunk of a store's lines into its assortment."""
    return _update()


@functions_framework.aio.http
async def price_runs(request: Request) -> Response:
    """``/price-runs``: what became of feeds, and running them again."""
    return _runs()


@functions_framework.aio.http
async def price_run_sweeper(request: Request) -> Response:
    """Every 5 minutes: mends what died between two steps of a run's way, and ends what takes too long."""
    return _sweeper()


@cache
def _update() -> Response:
    db = clients.firestore()
    updating = Updating(
        db,
        parts.stores(),
        Assortments(db, utc_now),
        Workspace(clients.workspace_bucket()),
        parts.endings(),
    )
    handler = TaskHandler(
        PRICE_UPDATES,
        updating.run,
        auth=parts.authenticator(),
        dead_letters=UpdateLetters(parts.stores(), parts.endings(), DeadLetters(db)),
        service_account=settings().tasks_service_account,
    )
    return handler.app()


@cache
def _runs() -> Response:
    reruns = Reruns(parts.runs(), parts.stores(), parts.planning(), utc_now)
    listing = Listing(clients.firestore(), parts.stores())
    api = PriceRunsApi(parts.authenticator(), parts.runs(), listing, reruns, parts.cancelling())
    return http_app(api.routes(), within=LONG_ANSWER_SECONDS)


@cache
def _sweeper() -> Response:
    sweeping = Sweeper(parts.runs(), parts.planning(), parts.endings(), parts.cancelling(), utc_now)

    async def sweep(request: Request) -> Response:
        account = settings().scheduler_service_account
        await parts.authenticator().platform(request, sweeper.FUNCTION, account)
        return json_response(await sweeping.sweep())

    return http_app([Route("/", sweep, methods=["POST"])])
