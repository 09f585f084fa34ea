"""Entry point of what reads feeds, apart from the others: it alone loads pyarrow, which looks at lines by column."""

from functools import cache, partial

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.prices.feed_bucket import FeedBucket
from functions.prices.ingestion import FUNCTION, Ingestion
from functions.prices.planning import Planning
from functions.prices.reading import parts
from functions.prices.runs import Runs
from functions.prices.stores import RunStores
from functions.prices.workspace import Workspace
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.errors import ConfigurationError
from shared.events import FinalizedHandler, OneAtATime
from shared.settings import settings
from shared.tasks import TaskQueues

# With the clients and pyarrow beside it, that keeps a feed of any size below 300 MB, of the 512 that there are.
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
    handler = FinalizedHandler(
        FUNCTION,
        OneAtATime(_ingestion().run).run,
        auth=Authenticator(config),
        service_account=config.events_service_account,
    )
    return handler.app()


def _ingestion() -> Ingestion:
    db, config = clients.firestore(), settings()
    runs = Runs(db, utc_now)
    queues = TaskQueues(clients.cloud_tasks(), config)
    return Ingestion(
        runs=runs,
        planning=Planning(db, runs, RunStores(db, utc_now), queues, utc_now),
        feeds=FeedBucket(clients.feeds_bucket()),
        workspace=Workspace(clients.workspace_bucket()),
        read=partial(parts, size=_PART_BYTES),
        max_bad_share=config.price_feed_max_bad_share,
        clock=utc_now,
    )
