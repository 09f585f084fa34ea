"""Entry point of what reads feeds, apart from the others: it alone loads pyarrow, which looks at lines by column."""

from functools import cache, partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.prices import parts, reading
from functions.prices.feed_bucket import FeedBucket
from functions.prices.ingestion import FUNCTION, Ingestion
from functions.prices.workspace import Workspace
from shared import clients
from shared.clock import utc_now
from shared.errors import ConfigurationError
from shared.events import FinalizedHandler, OneAtATime
from shared.settings import settings

# Ten times as much is in memory at a time; that leaves room for the clients, and for a margin (`make bench-prices`).
_PART_BYTES = 4 * 1024 * 1024


@functions_framework.aio.http
async def ingest_price_feed(request: Request) -> Response:
    """Each new object in the bucket of feeds: reads it, and sets the updates of its stores to work."""
    return _app()


@cache
def _app() -> Response:
    config = settings()
    if config.events_service_account is None:
        raise ConfigurationError("This function needs EVENTS_SERVICE_ACCOUNT, as which Eventarc calls it.")
    ingestion = Ingestion(
        runs=parts.runs(),
        planning=parts.planning(),
        feeds=FeedBucket(clients.feeds_bucket()),
        workspace=Workspace(clients.workspace_bucket()),
        read=partial(reading.parts, size=_PART_BYTES),
        max_bad_share=config.price_feed_max_bad_share,
        clock=utc_now,
    )
    handler = FinalizedHandler(
        FUNCTION,
        OneAtATime(ingestion.run).run,
        auth=parts.authenticator(),
        service_account=config.events_service_account,
    )
    return handler.app()
