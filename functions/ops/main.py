"""Entry point of the operators' API, put together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from shared.http import http_app


@functions_framework.aio.http
async def ops(request: Request) -> Response:
    """``/ops``: what operators do."""
    return _app()


@cache
def _app() -> Response:
    return http_app([])
