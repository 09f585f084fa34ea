"""Entry point of the products room, put together once a process."""

from functools import cache
from pathlib import Path

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.products.catalog import Catalog
from functions.products.idempotency import IdempotencyKeys
from functions.products.images import AllowedSources
from functions.products.images_api import ProductImagesApi
from functions.products.listing import Listing
from functions.products.products_api import ProductsApi
from functions.products.reading import ProductReader
from functions.products.supply_chain_state import SupplyChainStates
from functions.products.uploads import Uploads
from shared import clients
from shared.auth import Authenticator
from shared.cache import versioned_cache
from shared.clock import utc_now
from shared.http import ANSWER_SECONDS, http_app
from shared.images import Images
from shared.outbox import Outbox
from shared.products import ProductWrites
from shared.settings import settings
from shared.tasks import TaskQueues

_OPENAPI = Path(__file__).with_name("openapi.json")


@functions_framework.aio.http
async def products(request: Request) -> Response:
    """``/products``: the catalog."""
    return _app()


@cache
def _app() -> Response:
    db, config, auth = clients.firestore(), settings(), Authenticator(settings())
    cache, outbox, images = versioned_cache(config), Outbox(db, utc_now), Images(db, utc_now)
    reader = ProductReader(db, cache)
    catalog = Catalog(
        writes=ProductWrites(db, outbox, cache, utc_now),
        images=images,
        sources=AllowedSources(config.image_trusted_sources, own=f"{config.base_url}/products"),
        queues=TaskQueues(clients.cloud_tasks, config),
        reader=reader,
        clock=utc_now,
    )
    api = ProductsApi(
        auth=auth,
        catalog=catalog,
        reader=reader,
        listing=Listing(db),
        keys=IdempotencyKeys(db, utc_now),
        supply_chain=SupplyChainStates(db, outbox),
        config=config,
    )
    uploads = Uploads(clients.uploads_bucket, clients.signer, utc_now)
    images_api = ProductImagesApi(auth, catalog, images, uploads, config)
    document = Route("/openapi.json", _openapi, methods=["GET"])
    return http_app([document, *api.routes(), *images_api.routes()], within=ANSWER_SECONDS)


async def _openapi(request: Request) -> Response:
    """The description of all public functions; it holds no secret, so anybody may read it."""
    headers = {"Cache-Control": "public, max-age=300"}
    return Response(_document(), media_type="application/json", headers=headers)


@cache
def _document() -> bytes:
    return _OPENAPI.read_bytes()
