"""Functions to host in the tests of the functions process and the gateway."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import functions_framework.aio as framework
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.integration.local.waiting import until


@framework.http
async def echo(request: Request) -> Response:
    """What has arrived, and where and when."""
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode("ascii"),
            "query": request.scope["query_string"].decode("ascii"),
            "headers": [[name, value] for name, value in request.headers.items()],
            "size": len(await request.body()),
            "pid": os.getpid(),
            "time": time.time(),
            "now": datetime.now(UTC).timestamp(),
        },
        headers={"X-Echo": "yes"},
    )


@framework.http
async def hang(request: Request) -> Response:
    """Never answers; tells that it was reached by making a file."""
    await asyncio.to_thread(Path(request.query_params["reached"]).touch)
    await asyncio.Event().wait()
    return Response()


@framework.http
async def drip(request: Request) -> Response:
    """One piece, and the second when the file in ``next`` exists; or its death in between."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await until(Path(request.query_params["next"]).exists)
        if "die" in request.query_params:
            os._exit(1)
        yield b"second"

    return StreamingResponse(pieces())


@framework.http
async def refuse(request: Request) -> Response:
    """Answers without reading the body."""
    return JSONResponse({"detail": "no"}, status_code=413)
