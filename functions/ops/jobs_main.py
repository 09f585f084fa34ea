"""Entry points of the schedules that keep jobs going: the sweeper, and the audits of every night."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.jobs_sweeper import JobSweeper, Lookout
from functions.ops.looking import health_checks, heartbeat
from functions.ops.nightly_audits import NIGHTLY, NightlyAudits
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import http_app, json_response
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.store import Jobs
from shared.settings import settings
from shared.tasks import TaskQueues

SWEEPER = "job-sweeper"


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
    return Jobs(clients.firestore(), TaskQueues(clients.cloud_tasks, settings()), utc_now, EVERY_QUEUE)


@cache
def _sweeper() -> Response:
    auth, config = Authenticator(settings()), settings()
    sweeper, lookout = JobSweeper(_jobs()), Lookout(health_checks(), heartbeat())

    async def sweep(request: Request) -> Response:
        await auth.platform(request, SWEEPER, config.scheduler_service_account)
        # First, since with the database out of reach there is nothing to sweep, but something to say.
        health = await lookout.report()
        return json_response({"jobs": await sweeper.sweep(), "health": health.sentence})

    return http_app([Route("/", sweep, methods=["POST"])])


@cache
def _nightly() -> Response:
    auth, config = Authenticator(settings()), settings()
    audits = NightlyAudits(_jobs(), utc_now)

    async def begin(request: Request) -> Response:
        await auth.platform(request, NIGHTLY, config.scheduler_service_account)
        return json_response(await audits.begin())

    return http_app([Route("/", begin, methods=["POST"])])
