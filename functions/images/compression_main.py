"""Entry point of the compression, apart from the others: it alone loads what decodes and encodes images."""

import asyncio
from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.images import parts
from functions.images.compression import FUNCTION, Compression
from functions.images.rendering import POLICY, Rendered
from functions.images.rendering.renderer import render_original
from shared.clock import utc_now
from shared.errors import ConfigurationError
from shared.events import FinalizedHandler, OneAtATime
from shared.settings import settings


@functions_framework.aio.http
async def compress_image(request: Request) -> Response:
    """Each new object in the bucket of originals: makes its renditions."""
    return _app()


@cache
def _app() -> Response:
    config = settings()
    if config.events_service_account is None:
        raise ConfigurationError("This function needs EVENTS_SERVICE_ACCOUNT, as which Eventarc calls it.")
    compression = Compression(
        images=parts.images(),
        originals=parts.originals(),
        renditions=parts.renditions(),
        outcomes=parts.outcomes(),
        render=_rendered,
        policy=POLICY.revision,
        clock=utc_now,
    )
    handler = FinalizedHandler(
        FUNCTION,
        OneAtATime(compression.run).run,
        auth=parts.authenticator(),
        service_account=config.events_service_account,
    )
    return handler.app()


async def _rendered(original: bytes) -> Rendered:
    return await asyncio.to_thread(render_original, original, POLICY)
