"""A function to be deployed by the tests, which misbehaves on request. Functions Framework loads it as its source."""

import asyncio
from datetime import UTC, datetime

import functions_framework.aio
from google.api_core import exceptions
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import trace
from shared.errors import PermanentError, TransientError
from shared.http import http_app, json_response, read_body, read_json
from shared.problems import Problem

LIMIT = 64

FAULTS: dict[str, Exception] = {
    "transient": TransientError("the password is hunter2"),
    "service-unavailable": exceptions.ServiceUnavailable("hunter2"),
    "deadline-exceeded": exceptions.DeadlineExceeded("hunter2"),
    "aborted": exceptions.Aborted("hunter2"),
    "resource-exhausted": exceptions.ResourceExhausted("hunter2"),
    "retry-error": exceptions.RetryError("hunter2", cause=None),
    "timeout": TimeoutError("hunter2"),
    "permanent": PermanentError("hunter2"),
    "crash": RuntimeError("hunter2"),
    "problem": Problem(409, "version-moved", "Read it again.", headers={"ETag": '"7"'}),
}


class Item(BaseModel):
    sku: str


async def _take(request: Request) -> Response:
    return json_response((await read_json(request, Item, LIMIT)).model_dump(), 201, {"Location": "/items/1"})


async def _size(request: Request) -> Response:
    return json_response({"size": len(await read_body(request, LIMIT))})


async def _fail(request: Request) -> Response:
    raise FAULTS[request.path_params["fault"]]


async def _trace(request: Request) -> Response:
    await asyncio.sleep(0)  # let the requests that were sent along interleave
    return json_response({"trace": trace.current(), "at": datetime(2026, 10, 30, 8, tzinfo=UTC)})


_APP = http_app(
    [
        Route("/items", _take, methods=["POST"]),
        Route("/items", _trace, methods=["GET"]),
        Route("/size", _size, methods=["PUT"]),
        Route("/fail/{fault}", _fail, methods=["GET"]),
        Route("/trace", _trace, methods=["GET"]),
    ]
)


@functions_framework.aio.http
async def shop(request: Request) -> Response:
    """The function."""
    return _APP
