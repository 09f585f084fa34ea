"""The main page of a store, beside the same page read recursively: time and documents."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import orjson
from google.cloud.firestore import AsyncClient

from tests.benchmarks.report import Bound, show
from tests.benchmarks.serving import Recipe, Server, serving
from tests.benchmarks.storefront.driving import Storefronts
from tests.benchmarks.storefront.recursive import MOST_PARENTS, write_categories, write_store

_OURS, _RECURSIVE = "storefront", "recursive"
_WARM, _UNCHANGED, _COLD = "views, warm", "views, 304", "views, cold"
_BATCHED, _ONE_BY_ONE = f"recursive, {MOST_PARENTS} categories a query", "recursive, a query a category"
_RECURSIVE_SERVICE = ("uvicorn", "tests.benchmarks.storefront.recursive_service:app", "--loop", "uvloop")
_RECURSIVE_SECONDS = 600
_THOUSANDS = 4_000


@dataclass(frozen=True)
class Times:
    """How often each way of reading is measured."""

    warm: int
    cold: int
    recursive: int


@dataclass(frozen=True)
class Reading:
    """One way of reading one store's main page, one request after the other.

    Attributes:
        seconds: of each request, from sending it to the end of its answer.
        documents: that a request reads.
        size: of the answer, in bytes.
    """

    products: int
    way: str
    seconds: Sequence[float]
    documents: float
    size: int

    @property
    def p50(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return quantiles(self.seconds, n=100, method="inclusive")[98] if len(self.seconds) > 1 else self.p50


class MainPage:
    """A store's main page on two servers that share a database.

    Args:
        store_id: a store that both have.
    """

    def __init__(
        self, stores: Storefronts, session: aiohttp.ClientSession, servers: dict[str, Server], store_id: str
    ) -> None:
        self._stores = stores
        self._session = session
        self._store_id = store_id
        self._urls = {name: f"http://127.0.0.1:{server.port}/{store_id}" for name, server in servers.items()}

    async def see_alike(self) -> str:
        """Whether both show the same; the entity tag of ours.

        Raises:
            RuntimeError: they do not.
        """
        async with (
            self._session.get(self._urls[_OURS]) as ours,
            self._session.get(self._urls[_RECURSIVE]) as other,
        ):
            ours.raise_for_status()
            page, recursive = orjson.loads(await ours.read()), orjson.loads(await other.read())
            page.pop("generation")
            if page != recursive:
                raise RuntimeError(f"the two main pages of {self._store_id} differ")
            return ours.headers["ETag"]

    async def read(self, products: int, way: str, count: int, server: str, **request: Any) -> Reading:
        """Read it ``count`` times."""
        async with self._stores.system.measured() as spans:
            answers = [await self._get(server, request) for _ in range(count)]
        return _reading(products, way, answers, spans[0].counts["reads"])

    async def read_cold(self, products: int, count: int) -> Reading:
        """Read it ``count`` times, each time of a generation that nobody has read before."""
        answers, documents = [], 0
        for _ in range(count):
            await self._stores.rebuild(self._store_id)
            async with self._stores.system.measured() as spans:
                answers.append(await self._get(_OURS, {}))
            documents += spans[0].counts["reads"]
        return _reading(products, _COLD, answers, documents)

    async def _get(self, server: str, request: dict[str, Any]) -> tuple[float, int]:
        began = time.perf_counter()
        async with self._session.get(self._urls[server], **request) as answer:
            body = await answer.read()
            took = time.perf_counter() - began
            if answer.status != (304 if "headers" in request else 200):
                raise RuntimeError(f"{answer.url} answered {answer.status}: {body[:500]!r}")
            return took, len(body)


def _reading(products: int, way: str, answers: Sequence[tuple[float, int]], documents: int) -> Reading:
    seconds = [took for took, _ in answers]
    return Reading(products, way, seconds, documents / len(answers), answers[-1][1])


async def measure(stores: Storefronts, sizes: dict[str, int], times: Times) -> list[Reading]:
    """Read the main pages of stores that are there already in every way.

    Args:
        sizes: how many products each store has, by its id. They sell what the market's first store sells.

    Raises:
        RuntimeError: the ways do not lead to the same page.
    """
    environment = {**os.environ, **stores.system.cloud.environment}
    await _write_adjacent(stores, sizes, environment)
    recipes = [
        Recipe(_OURS, ("tests.benchmarks.served", "storefront"), environment),
        Recipe(_RECURSIVE, (*_RECURSIVE_SERVICE, "--log-level", "warning", "--port"), environment),
    ]
    timeout = aiohttp.ClientTimeout(_RECURSIVE_SECONDS)
    with TemporaryDirectory(prefix="bench-storefront-") as logs:
        async with serving(recipes, Path(logs)) as servers, aiohttp.ClientSession(timeout=timeout) as session:
            pages = {store_id: MainPage(stores, session, servers, store_id) for store_id in sizes}
            readings = []
            for store_id, page in pages.items():
                readings += await _readings(page, sizes[store_id], times)
            # How it is mostly written: measured with the first store alone, as it takes minutes with a large one.
            store_id, page = next(iter(pages.items()))
            alone = {"params": {"parents": "1"}}
            return [*readings, await page.read(sizes[store_id], _ONE_BY_ONE, 1, _RECURSIVE, **alone)]


async def _readings(page: MainPage, products: int, times: Times) -> list[Reading]:
    unchanged = {"If-None-Match": await page.see_alike()}
    return [
        await page.read(products, _WARM, times.warm, _OURS),
        await page.read(products, _UNCHANGED, times.warm, _OURS, headers=unchanged),
        await page.read_cold(products, times.cold),
        await page.read(products, _BATCHED, times.recursive, _RECURSIVE),
    ]


async def _write_adjacent(stores: Storefronts, sizes: dict[str, int], environment: dict[str, str]) -> None:
    """The same categories and items as documents of their own, for the recursive way."""
    # The one way to tell Firestore's client.
    os.environ["FIRESTORE_EMULATOR_HOST"] = environment["FIRESTORE_EMULATOR_HOST"]
    db = AsyncClient(project=environment["GOOGLE_CLOUD_PROJECT"])
    await write_categories(db, stores.market.categories)
    for store_id, products in sizes.items():
        await write_store(db, store_id, list(stores.market.sold_by(0, products)))


def show_readings(readings: Sequence[Reading]) -> None:
    """Print each way of reading."""
    show(
        "The main page, one request after the other (times: the recursive way's p50 over the p50)",
        ("products", "", "requests", "p50 ms", "p99 ms", "documents", "KB", "times"),
        [
            _row(reading, _of(readings, reading.products, _BATCHED))
            for reading in sorted(readings, key=lambda reading: reading.products)
        ],
    )


def _row(reading: Reading, recursive: Reading) -> tuple[object, ...]:
    return (
        f"{reading.products:,}",
        reading.way,
        len(reading.seconds),
        reading.p50 * 1e3,
        reading.p99 * 1e3,
        reading.documents,
        reading.size / 1e3,
        f"{recursive.p50 / reading.p50:,.1f}x",
    )


def bounds(readings: Sequence[Reading]) -> list[Bound]:
    """What is claimed."""
    claims = []
    for products in sorted({reading.products for reading in readings}):
        warm, cold, recursive = (_of(readings, products, way) for way in (_WARM, _COLD, _BATCHED))
        claims += [
            Bound(f"{products:,} products: documents of a main page, warm", warm.documents, 1),
            Bound(f"{products:,} products: documents of a main page, cold", cold.documents, 2),
        ]
        # The goal is one against thousands: of fewer, a request's own time is too large a part.
        if recursive.documents >= _THOUSANDS:
            claims += [
                Bound(
                    f"{products:,} products: {way.way}, its p50 over the recursive way's",
                    way.p50 / recursive.p50,
                    0.01,
                )
                for way in (warm, cold)
            ]
    return claims


def _of(readings: Sequence[Reading], products: int, way: str) -> Reading:
    return next(reading for reading in readings if (reading.products, reading.way) == (products, way))
