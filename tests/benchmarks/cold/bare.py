"""The least that a function can be: what the platform, its framework and its server take by themselves."""

import functions_framework.aio
from starlette.requests import Request


@functions_framework.aio.http
async def bare(request: Request) -> str:
    """Hello."""
    return "hello"
