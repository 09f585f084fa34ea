"""Entry point of the sweeper, apart from the operators' API: it needs less."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.sweeper import Sweeper
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import http_app, json_response
from shared.outbox import Outbox
from shared.settings import settings
from shared.tasks import TaskQueues

FUNCTION = "outbox-sweeper"


@functions_framework.aio.http
async def outbox_sweeper(request: Request) -> Response:
    """Every 5 minutes: mends what died between two steps of the outbox."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    auth = Authenticator(config)
    sweeper = Sweeper(Outbox(db, utc_now), TaskQueues(clients.cloud_tasks, config), utc_now)

    async def sweep(request: Request) -> Response:
        await auth.platform(request, FUNCTION, config.scheduler_service_account)
        return json_response(await sweeper.sweep())

    return http_app([Route("/", sweep, methods=["POST"])])
