"""The search entry point, apart from the others for a short cold start: it needs no database and no queue."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.returns.search_api import SearchApi
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.http import ANSWER_SECONDS, http_app
from shared.search import SearchIndex
from shared.settings import settings


@functions_framework.aio.http
async def search_order_return_index_data(request: Request) -> Response:
    """``/search-order-return-index-data``: searches returns for the front end and other projects."""
    return _search_app()


@cache
def _search_app() -> Response:
    config = settings()
    index = SearchIndex(clients.algolia(config, config.algolia_search_key), config.algolia_returns_index)
    api = SearchApi(Authenticator(config), index, config, utc_now)
    return http_app(api.routes(), within=ANSWER_SECONDS)
