"""Entry point of the queue of fetches, apart from the others: it alone calls other people's servers."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.images import parts
from functions.images.download import Downloads
from functions.images.fetching import Fetching
from functions.images.letters import ImageLetters
from shared import clients
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.images import IMAGE_FETCH
from shared.settings import settings
from shared.tasks import TaskHandler


@functions_framework.aio.http
async def fetch_image(request: Request) -> Response:
    """Queue ``imageFetch``: brings the original of an image into the bucket of originals."""
    return _app()


@cache
def _app() -> Response:
    config = settings()
    downloads = Downloads(trusted=config.image_trusted_sources)
    letters = DeadLetters(clients.firestore())
    handler = TaskHandler(
        IMAGE_FETCH,
        Fetching(parts.images(), parts.originals(), downloads, utc_now).run,
        auth=parts.authenticator(),
        dead_letters=ImageLetters(parts.images(), parts.outcomes(), letters, utc_now),
        service_account=config.tasks_service_account,
    )
    return handler.app()
