"""Writes that die on their way, before their commit or after it: what the next request finds."""

from collections.abc import AsyncIterator, Awaitable
from random import Random

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.products.catalog import Catalog
from functions.products.idempotency import IdempotencyKeys
from functions.products.images import AllowedSources
from functions.products.listing import Listing
from functions.products.products_api import ProductsApi
from functions.products.reading import ProductReader
from functions.products.supply_chain_state import SupplyChainStates
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared import clients
from shared.auth import Authenticator
from shared.cache import Held, MemoryStore, VersionedCache
from shared.clock import utc_now
from shared.http import http_app
from shared.images import Images
from shared.outbox import Outbox
from shared.products import ProductWrites
from shared.settings import settings
from shared.tasks import TaskQueues
from tests.unit.products.examples import content

KEY = {"Idempotency-Key": "order 66"}
# How often a write gets to the cache before it dies there.
BEFORE_THE_COMMIT, AFTER_THE_COMMIT = 0, 1


class DeadlyStore:
    """Holds entries in memory, and fails as no store does: that is where a request dies."""

    def __init__(self) -> None:
        self.dies_after: int | None = None
        self._store = MemoryStore(60, Random(0))

    async def look(self, key: str) -> Held:
        return await self._store.look(key)

    async def offer(self, key: str, held: Held) -> Held:
        if self.dies_after is not None:
            if self.dies_after == 0:
                raise RuntimeError("The request dies here.")
            self.dies_after -= 1
        return await self._store.offer(key, held)


@pytest.fixture
def store() -> DeadlyStore:
    return DeadlyStore()


@pytest.fixture
async def shop(cloud: Cloud, db: AsyncClient, store: DeadlyStore) -> AsyncIterator[httpx.AsyncClient]:
    """A seller's client of ``/products`` with that store."""
    config, outbox = settings(), Outbox(db, utc_now)
    cache = VersionedCache(store)
    reader = ProductReader(db, cache)
    catalog = Catalog(
        writes=ProductWrites(db, outbox, cache, utc_now),
        images=Images(db, utc_now),
        sources=AllowedSources((), own="https://shop.example/products"),
        queues=TaskQueues(clients.cloud_tasks, config),
        reader=reader,
        clock=utc_now,
    )
    api = ProductsApi(
        auth=Authenticator(config),
        catalog=catalog,
        reader=reader,
        listing=Listing(db),
        keys=IdempotencyKeys(db, utc_now),
        supply_chain=SupplyChainStates(db, outbox),
        config=config,
    )
    token = cloud.users.mint({"aud": AUDIENCE, "sub": "ann", "roles": ["seller"]}, 600)
    transport = httpx.ASGITransport(app=http_app(api.routes()))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.example", headers=headers
    ) as client:
        yield client


async def products(shop: httpx.AsyncClient) -> list[str]:
    return [product["id"] for product in (await shop.get("/")).raise_for_status().json()["products"]]


async def dies(request: Awaitable[httpx.Response], store: DeadlyStore, when: int) -> None:
    store.dies_after = when
    assert (await request).status_code == 500
    store.dies_after = None


async def test_a_creation_that_dies_before_its_commit_leaves_the_key_to_the_next(
    shop: httpx.AsyncClient, store: DeadlyStore
) -> None:
    await dies(shop.post("/", json=content(), headers=KEY), store, BEFORE_THE_COMMIT)
    assert await products(shop) == []
    # As if it had never been used: another body is good too.
    made = await shop.post("/", json=content(product_price="1.00"), headers=KEY)
    assert made.status_code == 201
    assert await products(shop) == [made.json()["id"]]


async def test_a_creation_that_dies_after_its_commit_leaves_the_answer_to_the_next(
    shop: httpx.AsyncClient, store: DeadlyStore
) -> None:
    await dies(shop.post("/", json=content(), headers=KEY), store, AFTER_THE_COMMIT)
    made = await products(shop)
    repeated = await shop.post("/", json=content(), headers=KEY)
    assert (repeated.status_code, repeated.headers["etag"]) == (201, '"1"')
    assert await products(shop) == made == [repeated.json()["id"]]


@pytest.mark.parametrize(
    ("method", "when", "status", "version"),
    [
        ("PATCH", BEFORE_THE_COMMIT, 200, '"1"'),
        ("PATCH", AFTER_THE_COMMIT, 200, '"2"'),
        ("DELETE", BEFORE_THE_COMMIT, 200, '"1"'),
        ("DELETE", AFTER_THE_COMMIT, 404, None),
    ],
)
async def test_a_write_that_dies_leaves_nothing_in_the_cache_that_is_no_longer_so(
    shop: httpx.AsyncClient, store: DeadlyStore, method: str, when: int, status: int, version: str | None
) -> None:
    path = f"/{(await shop.post('/', json=content())).json()['id']}"
    body = {} if method == "PATCH" else None
    await dies(shop.request(method, path, json=body), store, when)
    found = await shop.get(path)
    assert (found.status_code, found.headers.get("etag")) == (status, version)
