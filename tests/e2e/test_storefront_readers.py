"""Shoppers read a storefront all the time, through 200 rebuilds by builders that are killed, come twice and overtake
each other, and through rollbacks: whole generations, never an older after a newer one but by a rollback, never an
error.

The readers are two instances of what serves, as there are on Google Cloud, where no builder's death is theirs: they
run in this process, on the local cloud's Firestore. Before each rebuild all prices change to the same number, so that
half a generation would show two.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, cast

import httpx
import pytest
from google.cloud.firestore import AsyncClient, Client

from functions.storefront.serving import Serving, ViewCache
from functions.storefront.storefront_api import StorefrontApi
from shared.assortments import COLLECTION, PAGES, Page, encode_page
from shared.http import http_app
from tests.e2e.clients import firestore
from tests.e2e.harness import LocalCloud

REBUILDS = 200
STORE = "busy"
ITEMS = 60
CATEGORIES = [
    {"id": "food", "parent_id": None, "name": "Food"},
    {"id": "fruit", "parent_id": "food", "name": "Fruit"},
    {"id": "apples", "parent_id": "fruit", "name": "Apples"},
    {"id": "old-apples", "parent_id": "apples", "name": "Old varieties"},
]
PATHS = ["", "/tree", "/categories/food", "/categories/fruit", "/categories/apples"]
_PRICE = re.compile(rb'"price":"([^"]+)"')


@dataclass
class Shoppers:
    """Readers that go from page to page, and what they have seen.

    Attributes:
        rollbacks: how many have begun and ended, so that it is odd while one is under way.
        pages: how many were read.
        wrong: what must not be.
    """

    address: str
    project: str
    rollbacks: int = 0
    pages: int = 0
    wrong: list[str] = field(default_factory=list)
    _bodies: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _prices: dict[int, set[bytes]] = field(default_factory=dict)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """They read until the end of the block."""
        with ThreadPoolExecutor(1) as thread:
            under_way = thread.submit(lambda: asyncio.run(self._read()))
            try:
                yield
            finally:
                self._done.set()
                under_way.result()

    async def _read(self) -> None:
        instances = [self._instance() for _ in range(2)]
        newest, before = 0, self.rollbacks
        for instance, path in zip(cycle(instances), cycle(PATHS), strict=False):
            if self._done.is_set():
                return
            generation = await self._page(instance, path)
            now = self.rollbacks
            rolled_back = now != before or now % 2
            if generation < newest and not rolled_back:
                self.wrong.append(f"{path or 'main page'}: generation {generation} after {newest}")
            newest, before = generation, now

    def _instance(self) -> httpx.AsyncClient:
        db = AsyncClient(project=self.project)
        # Reading a page needs nothing else.
        rest = cast("Any", None)
        serving = Serving(db, ViewCache(db, max_bytes=10_000_000))
        api = StorefrontApi(db=db, auth=rest, serving=serving, states=rest, batches=rest, requests=rest)
        transport = httpx.ASGITransport(cast("Any", http_app(api.routes())))
        return httpx.AsyncClient(transport=transport, base_url="http://shop")

    async def _page(self, instance: httpx.AsyncClient, path: str) -> int:
        answer = await instance.get(f"/{STORE}{path}")
        self.pages += 1
        if answer.status_code != 200:
            self.wrong.append(f"{path or 'main page'}: {answer.status_code} {answer.text}")
            return 0
        generation = int(answer.headers["etag"].strip('"'))
        if self._bodies.setdefault((path, generation), answer.content) != answer.content:
            self.wrong.append(f"{path or 'main page'} of generation {generation} is not what it was")
        prices = self._prices.setdefault(generation, set())
        prices.update(_PRICE.findall(answer.content))
        if len(prices) > 1:
            self.wrong.append(f"generation {generation} shows the prices of several times: {sorted(prices)}")
        return generation


@pytest.fixture
def database(system: LocalCloud) -> Client:
    """A store that one feed has filled, and built once."""
    operator = system.token("ops")
    batch = {"categories": CATEGORIES}
    system.http.post("/categories/batch", json=batch, headers=operator).raise_for_status()
    rows = [f"{STORE},SKU-{number},1.00,EUR,true,Item {number},old-apples" for number in range(ITEMS)]
    feed = "\n".join(["store_id,sku,price,currency,available,name,category_id", *rows])
    system.http.put("/_local/feeds/grocer/first.csv", content=feed.encode()).raise_for_status()
    system.wait_out_schedules()
    return firestore(system)


def reprice(database: Client, cents: int) -> None:
    """All prices of the store become the same, at once: it has a single page."""
    page = database.collection(PAGES).document(f"{STORE}:")
    columns = Page(
        skus=[f"SKU-{number}" for number in range(ITEMS)],
        prices=[cents] * ITEMS,
        currencies=["EUR"] * ITEMS,
        available=[True] * ITEMS,
        category_ids=["old-apples"] * ITEMS,
        product_ids=[""] * ITEMS,
        names=[f"Item {number}" for number in range(ITEMS)],
    )
    page.update({"content": encode_page(columns)})


def test_readers_see_whole_generations_only(
    system: LocalCloud, database: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", system.environment["FIRESTORE_EMULATOR_HOST"])
    system.http.put("/_local/faults", json={"seed": 1, "duplicate_rate": 0.25}).raise_for_status()
    assert database.collection(COLLECTION).document(STORE).get().get("items") == ITEMS
    store = database.collection("storefronts").document(STORE)
    operator = system.token("ops")
    shoppers = Shoppers(system.environment["FIRESTORE_EMULATOR_HOST"], database.project)

    def ask(action: str) -> None:
        # A function that was killed answers nobody; whoever asked asks again.
        with suppress(httpx.TransportError):
            answer = system.http.post(f"/storefront/{STORE}:{action}", json={}, headers=operator)
            assert answer.status_code in (200, 202, 409, 502, 503), answer.text

    with shoppers.reading(), ThreadPoolExecutor(2) as several:
        for step in count(1):
            reprice(database, 100 + step)
            list(several.map(ask, ["rebuild", "rebuild"]))
            if step % 25 == 0:
                shoppers.rollbacks += 1
                ask("rollback")
                shoppers.rollbacks += 1
            if step % 60 == 30:
                system.http.post("/_local/functions:kill")
            if store.get().get("last_generation") > REBUILDS:
                break
    assert shoppers.wrong == []
    assert shoppers.pages > REBUILDS
    system.http.put("/_local/faults", json={}).raise_for_status()
    reprice(database, 99)
    ask("rebuild")
    # As long as a queue waits between attempts, and a claim keeps others out whose holder was killed.
    for _ in range(3):
        system.http.post("/_local/clock:advance", json={"seconds": 301}).raise_for_status()
        system.http.post("/_local/idle?timeout=25").raise_for_status()
    assert system.http.get(f"/storefront/{STORE}").json()["categories"][0]["best"][0]["price"] == "0.99"
