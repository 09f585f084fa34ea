"""Entry point of what shoppers' pages read. It knows nothing of how views are made."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.storefront.events import EventBatches
from functions.storefront.serving import Serving, ViewCache
from functions.storefront.states import States
from functions.storefront.storefront_api import StorefrontApi
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import ANSWER_SECONDS, http_app
from shared.settings import settings
from shared.storefronts import RebuildRequests
from shared.tasks import TaskQueues

# A fifth of the function's memory (infra/topology.yaml).
_CACHE_BYTES = 100_000_000


@functions_framework.aio.http
async def storefront(request: Request) -> Response:
    """``/storefront``: the views of stores."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    api = StorefrontApi(
        db=db,
        auth=Authenticator(config),
        serving=Serving(db, ViewCache(db, _CACHE_BYTES)),
        states=States(db, utc_now),
        batches=EventBatches(db, utc_now),
        requests=RebuildRequests(db, TaskQueues(clients.cloud_tasks, config), utc_now),
    )
    return http_app(api.routes(), within=ANSWER_SECONDS)
