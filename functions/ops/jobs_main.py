"""Entry points of the schedules that keep jobs going: the sweeper, and the audits of every night."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import http_app, json_response
from shared.jobs.store import Jobs
from shared.settings import settings
from shared.tasks import TaskQueues

SWEEPER = "job-sweeper"
NIGHTLY = "nightly-audits"


@functions_framework.aio.http
async def job_sweeper(request: Request) -> Response:
    """Every 5 minutes: begins anew what jobs have lost, and looks whether all is well."""
    return _sweeper()


@functions_framework.aio.http
async def nightly_audits(request: Request) -> Response:
    """Every night: begins an audit of each subject."""
    return _nightly()


@cache
def _jobs() -> Jobs:
    return Jobs(clients.firestore(), TaskQueues(clients.cloud_tasks, settings()), utc_now)


@cache
def _sweeper() -> Response:
    auth = Authenticator(settings())

    async def sweep(request: Request) -> Response:
        await auth.platform(request, SWEEPER, settings().scheduler_service_account)
        return json_response({"overdue": len(await _jobs().overdue(100))})

    return http_app([Route("/", sweep, methods=["POST"])])


@cache
def _nightly() -> Response:
    auth = Authenticator(settings())

    async def begin(request: Request) -> Response:
        await auth.platform(request, NIGHTLY, settings().scheduler_service_account)
        return json_response({})

    return http_app([Route("/", begin, methods=["POST"])])
