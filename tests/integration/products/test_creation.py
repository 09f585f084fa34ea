"""A request with an ``Idempotency-Key`` that dies on its way: its repetition makes the product, or finds it made."""

from collections.abc import AsyncIterator

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.products.catalog import Catalog
from functions.products.idempotency import IdempotencyKeys
from functions.products.listing import Listing
from functions.products.products_api import ProductsApi
from functions.products.reading import ProductReader
from functions.products.supply_chain_state import SupplyChainStates
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared import clients
from shared.auth import Authenticator
from shared.cache import Entry, Fence, Held, VersionedCache
from shared.clock import utc_now
from shared.http import http_app
from shared.outbox import Outbox
from shared.settings import settings
from shared.tasks import TaskQueues
from tests.unit.products.examples import content

BEFORE_THE_COMMIT, AFTER_THE_COMMIT = Fence, Entry


class DeadlyStore:
    """Holds nothing, and fails as no store does: that is where a request dies."""

    def __init__(self) -> None:
        self.deadly: type[Fence] | type[Entry] | None = None

    async def look(self, key: str) -> Held:
        return Fence(0)

    async def offer(self, key: str, held: Held) -> Held:
        if self.deadly and isinstance(held, self.deadly):
            raise RuntimeError("The request dies here.")
        return held


@pytest.fixture
def store() -> DeadlyStore:
    return DeadlyStore()


@pytest.fixture
async def shop(cloud: Cloud, db: AsyncClient, store: DeadlyStore) -> AsyncIterator[httpx.AsyncClient]:
    """A seller's client of ``/products`` with that store."""
    config, outbox = settings(), Outbox(db, utc_now)
    reader = ProductReader(db, VersionedCache(store))
    api = ProductsApi(
        auth=Authenticator(config),
        catalog=Catalog(db, outbox, TaskQueues(clients.cloud_tasks(), config), reader, utc_now),
        reader=reader,
        listing=Listing(db),
        keys=IdempotencyKeys(db, utc_now),
        supply_chain=SupplyChainStates(db, outbox),
        config=config,
    )
    token = cloud.users.mint({"aud": AUDIENCE, "sub": "ann", "roles": ["seller"]}, 600)
    transport = httpx.ASGITransport(app=http_app(api.routes()))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "order 66"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.example", headers=headers
    ) as client:
        yield client


async def products(shop: httpx.AsyncClient) -> list[str]:
    return [product["id"] for product in (await shop.get("/")).raise_for_status().json()["products"]]


async def test_who_dies_before_the_commit_leaves_the_key_to_the_next(
    shop: httpx.AsyncClient, store: DeadlyStore
) -> None:
    store.deadly = BEFORE_THE_COMMIT
    assert (await shop.post("/", json=content())).status_code == 500
    assert await products(shop) == []
    store.deadly = None
    # As if it had never been used: another body is good too.
    made = await shop.post("/", json=content(product_price="1.00"))
    assert made.status_code == 201
    assert await products(shop) == [made.json()["id"]]


async def test_who_dies_after_the_commit_leaves_the_answer_to_the_next(
    shop: httpx.AsyncClient, store: DeadlyStore
) -> None:
    store.deadly = AFTER_THE_COMMIT
    assert (await shop.post("/", json=content())).status_code == 500
    made = await products(shop)
    repeated = await shop.post("/", json=content())
    assert (repeated.status_code, repeated.headers["etag"]) == (201, '"1"')
    assert await products(shop) == made == [repeated.json()["id"]]
