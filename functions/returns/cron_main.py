"""Entry point that starts a run of the sync, with nothing of what a run itself needs: it starts cold nearly always."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import http_app, json_response
from shared.return_sync.queues import RETURN_SYNC
from shared.return_sync.runs import NewRun, SyncRuns
from shared.settings import settings
from shared.tasks import TaskQueues

CRON = "returns-cron"


@functions_framework.aio.http
async def returns_cron(request: Request) -> Response:
    """Every 15 minutes: starts a run of the sync, unless one is active."""
    return _app()


@cache
def _app() -> Response:
    auth = Authenticator(settings())
    runs = SyncRuns(clients.firestore(), utc_now)
    queues = TaskQueues(clients.cloud_tasks, settings())

    async def start(request: Request) -> Response:
        await auth.platform(request, CRON, settings().scheduler_service_account)
        record = await runs.start(NewRun())
        if record is None:
            return json_response({"outcome": "active"})
        await queues.enqueue(RETURN_SYNC, record, key=f"{record.run_id}/page/0")
        return json_response({"outcome": "started", "run_id": record.run_id})

    return http_app([Route("/", start, methods=["POST"])])
