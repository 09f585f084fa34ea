"""Entry point of the operators' API, put together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.ops.dead_letters import Letters
from functions.ops.dead_letters_api import DeadLettersApi
from functions.ops.replay import Replays
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import http_app
from shared.outbox import Outbox
from shared.settings import settings
from shared.tasks import TaskQueues


@functions_framework.aio.http
async def ops(request: Request) -> Response:
    """``/ops``: what operators do."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    letters = Letters(db, utc_now)
    queues = TaskQueues(clients.cloud_tasks, config)
    api = DeadLettersApi(
        auth=Authenticator(config),
        letters=letters,
        replays=Replays(db, letters, Outbox(db, utc_now), queues, utc_now),
    )
    return http_app(api.routes())
