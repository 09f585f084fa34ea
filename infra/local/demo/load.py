"""Load the demo through the front door, as a warehouse would, let the sync run once, and search."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp

from infra.local.demo.products import demo_products
from infra.local.demo.returns import demo_returns
from infra.local.demo.shops import Shop, load_market

_BATCH = 500  # the most that POST /returns/batch takes
_QUERIES = ("boots", "keyboard", "lamp")


class DemoError(Exception):
    """Something did not go as it should; the text says what the functions answered."""


@dataclass(frozen=True)
class LoadReport:
    """What became of the demo's returns: how many had which outcome (``created`` and so on)."""

    accounts: int
    outcomes: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class CatalogReport:
    """How many products of how many sellers came in."""

    sellers: int
    products: int
    seconds: float


@dataclass(frozen=True)
class SyncReport:
    """What a run of the sync did.

    Attributes:
        algolia: the stand-in's counters for the time of the run.
        tasks_left: how many still wait, to be tried again or to begin.
    """

    algolia: Mapping[str, int]
    tasks_left: int
    seconds: float


@dataclass(frozen=True)
class SearchReport:
    """An example search: its words and the answer to them."""

    query: str
    found: Mapping[str, Any]


class FrontDoor:
    """The functions and controls as anyone reaches them over HTTP.

    Args:
        session: with the gateway's URL as its base.
        token: of the user who calls.
    """

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Any:
        """The JSON of a successful answer.

        Raises:
            DemoError: any other answer, or none.
        """
        try:
            sent = self._headers | dict(headers or {})
            async with self._session.request(method, path, headers=sent, **request) as response:
                if response.ok:
                    return await response.json()
                raise DemoError(f"{method} {path} answered {response.status}: {await response.text()}")
        except aiohttp.ClientError as error:
            raise DemoError(f"{method} {path} got no answer: {error}") from error

    async def wait_for_rest(self, within: float) -> None:
        """Return once no task is due or running, or after ``within`` seconds."""
        async with self._session.post(f"/_local/idle?timeout={within}") as response:
            await response.read()


async def load_returns(door: FrontDoor, today: date) -> LoadReport:
    """Ingest the demo's returns.

    Raises:
        DemoError: they were not taken in.
    """
    returns = list(demo_returns(today))
    started = time.perf_counter()
    outcomes = await _ingest(door, returns)
    accounts = len({entry["account"] for entry in returns})
    return LoadReport(accounts, outcomes, time.perf_counter() - started)


async def _ingest(door: FrontDoor, returns: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
    """Send all batches at once; the outcomes, counted."""
    batches = (returns[start : start + _BATCH] for start in range(0, len(returns), _BATCH))
    answers = await asyncio.gather(
        *(door.call("POST", "/returns/batch", json={"returns": batch}) for batch in batches)
    )
    return Counter(result["outcome"] for answer in answers for result in answer["results"])


async def load_products(doors: Mapping[str, FrontDoor], pictures: str) -> CatalogReport:
    """Enter the demo's catalog.

    Args:
        doors: each seller's own, by the shop's account.
        pictures: below which URL pictures are to be had.

    Raises:
        DemoError: a product was not taken in.
    """
    shops = [shop for shop in load_market().shops if shop.account in doors]
    started = time.perf_counter()
    await asyncio.gather(*(_enter(doors[shop.account], shop, pictures) for shop in shops))
    count = sum(len(shop.products) for shop in shops)
    return CatalogReport(len(shops), count, time.perf_counter() - started)


async def _enter(door: FrontDoor, shop: Shop, pictures: str) -> None:
    for number, product in enumerate(demo_products(shop, pictures)):
        # A key for each, so that a start that was broken off can be repeated; by the port too, which its URLs have.
        key = {"Idempotency-Key": f"demo-{number} {pictures}"}
        await door.call("POST", "/products", json=product, headers=key)


async def run_sync(door: FrontDoor, within: float) -> SyncReport:
    """Fire ``returnsUpdateCron`` and wait until no task is due or running, for ``within`` seconds at the most.

    Raises:
        DemoError: the cron's function did not answer as it should.
    """
    before = (await door.call("GET", "/_local/stats"))["algolia"]
    started = time.perf_counter()
    run = await door.call("POST", "/_local/schedules/returnsUpdateCron:run")
    if run["status"] != 200:
        raise DemoError(f"returnsUpdateCron ended with {run['status']}: {run['reason']}")
    await door.wait_for_rest(within)
    took = time.perf_counter() - started
    after = (await door.call("GET", "/_local/stats"))["algolia"]
    queues = await door.call("GET", "/_local/queues")
    tasks_left = sum(queue["depth"] for queue in queues.values())
    return SyncReport({name: after[name] - before[name] for name in after}, tasks_left, took)


async def example_search(door: FrontDoor) -> SearchReport | None:
    """The first example query that finds something."""
    for query in _QUERIES:
        found = await door.call("GET", f"/search-order-return-index-data?q={query}&per_page=3")
        if found["total"]:
            return SearchReport(query, found)
    return None
