"""Entry point of the operators' API, put together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops import parts
from functions.ops.actions_api import ActionsApi
from functions.ops.console.app import Console
from functions.ops.control_api import ControlApi
from functions.ops.dead_letters_api import DeadLettersApi
from functions.ops.glance import Glance
from functions.ops.health_api import HealthApi
from functions.ops.looking import health_checks
from functions.ops.runs_api import RunsApi
from functions.ops.stores_api import StoresApi
from shared.clock import utc_now
from shared.http import LONG_ANSWER_SECONDS, http_app
from shared.settings import settings


@functions_framework.aio.http
async def ops(request: Request) -> Response:
    """``/ops``: what operators do."""
    return _app()


@cache
def _app() -> Response:
    return http_app(routes(), within=LONG_ANSWER_SECONDS)


def routes() -> list[Route]:
    """All that the function answers: the API's paths and the page's."""
    auth = parts.authenticator()
    checks = health_checks()
    return [
        *DeadLettersApi(auth, parts.letters(), parts.replays()).routes(),
        *RunsApi(auth, parts.runs(), parts.finding_lists(), utc_now).routes(),
        *ControlApi(auth, parts.schedules(), parts.queue_control()).routes(),
        *StoresApi(auth, parts.stores(), parts.product_images()).routes(),
        *ActionsApi(auth, parts.actions()).routes(),
        *HealthApi(auth, checks, Glance(checks, utc_now)).routes(),
        *_console().routes(),
    ]


def _console() -> Console:
    return Console(
        auth=parts.authenticator(),
        config=settings(),
        clock=utc_now,
        actions=parts.actions(),
        health=health_checks(),
        letters=parts.letters(),
        replays=parts.replays(),
        runs=parts.runs(),
        findings=parts.finding_lists(),
        schedules=parts.schedules(),
        queues=parts.queue_control(),
        stores=parts.stores(),
        images=parts.product_images(),
    )
