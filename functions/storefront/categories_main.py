"""Entry point of the categories."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.storefront.categories_api import CategoriesApi
from functions.storefront.category_changes import CategoryChanges
from functions.storefront.fan_outs import FanOuts
from functions.storefront.shards import Shards
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import LONG_ANSWER_SECONDS, http_app
from shared.settings import settings
from shared.tasks import TaskQueues


@functions_framework.aio.http
async def categories(request: Request) -> Response:
    """``/categories``: the tree that all storefronts are shown in."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    shards = Shards(db, utc_now)
    fan_outs = FanOuts(db, TaskQueues(clients.cloud_tasks, config), utc_now)
    api = CategoriesApi(Authenticator(config), shards, CategoryChanges(shards, fan_outs))
    return http_app(api.routes(), within=LONG_ANSWER_SECONDS)
