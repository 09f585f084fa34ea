"""Entry points of what keeps images in order: removing, sweeping, rendering again."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.images import orphans, parts, sweeper
from functions.images.backfill import Backfill
from functions.images.backfill_api import BackfillApi
from functions.images.orphans import OrphanSweeper, Walk, is_original, is_rendition
from functions.images.removal import Removal
from functions.images.rendering.policy import POLICY
from functions.images.sweeper import Sweeper
from shared import clients
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.http import LONG_ANSWER_SECONDS, http_app, json_response
from shared.images import IMAGE_REMOVAL
from shared.settings import settings
from shared.tasks import TaskHandler


@functions_framework.aio.http
async def remove_image(request: Request) -> Response:
    """Queue ``imageRemoval``: deletes the files of an image."""
    return _removal()


@functions_framework.aio.http
async def image_sweeper(request: Request) -> Response:
    """Every 5 minutes: mends what died between two steps of an image's way."""
    return _sweeper()


@functions_framework.aio.http
async def image_orphan_sweeper(request: Request) -> Response:
    """Every night: deletes objects that no image knows any more."""
    return _orphan_sweeper()


@functions_framework.aio.http
async def image_backfill(request: Request) -> Response:
    """``/image-backfill``: renders images again."""
    return _backfill()


@cache
def _removal() -> Response:
    handler = TaskHandler(
        IMAGE_REMOVAL,
        Removal(parts.images(), parts.originals(), parts.renditions()).run,
        auth=parts.authenticator(),
        dead_letters=DeadLetters(clients.firestore()),
        service_account=settings().tasks_service_account,
    )
    return handler.app()


@cache
def _sweeper() -> Response:
    sweeping = Sweeper(parts.images(), parts.outcomes(), parts.queues(), utc_now)

    async def sweep(request: Request) -> Response:
        account = settings().scheduler_service_account
        await parts.authenticator().platform(request, sweeper.FUNCTION, account)
        return json_response(await sweeping.sweep())

    return http_app([Route("/", sweep, methods=["POST"])])


@cache
def _orphan_sweeper() -> Response:
    walks = [
        Walk("uploads", parts.originals(), is_original),
        Walk("images", parts.renditions(), is_rendition),
    ]
    sweeping = OrphanSweeper(clients.firestore(), parts.images(), walks, utc_now)

    async def sweep(request: Request) -> Response:
        account = settings().scheduler_service_account
        await parts.authenticator().platform(request, orphans.FUNCTION, account)
        return json_response(await sweeping.sweep())

    return http_app([Route("/", sweep, methods=["POST"])])


@cache
def _backfill() -> Response:
    backfill = Backfill(clients.firestore(), parts.images(), parts.queues(), POLICY.revision)
    api = BackfillApi(parts.authenticator(), backfill)
    return http_app(api.routes(), within=LONG_ANSWER_SECONDS)
