"""Entry point of the operators' API, put together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.ops import parts
from functions.ops.dead_letters_api import DeadLettersApi
from shared.http import http_app


@functions_framework.aio.http
async def ops(request: Request) -> Response:
    """``/ops``: what operators do."""
    return _app()


@cache
def _app() -> Response:
    auth = parts.authenticator()
    apis = [DeadLettersApi(auth, parts.letters(), parts.replays())]
    return http_app([route for api in apis for route in api.routes()])
