"""Our catalog, a FastAPI service, a hello-world function and a bare application, round after round."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from tests.benchmarks.catalog import Catalog, filled
from tests.benchmarks.comparison import PLAIN, WARM_UP, Outcome, measure, works
from tests.benchmarks.load import Generator, Job
from tests.benchmarks.serving import Recipe, serving
from tests.benchmarks.standstill import pause_all
from tests.benchmarks.system import System

OURS = "Backstock"
OURS_WITH_REDIS = "Backstock, Redis"
FASTAPI = "FastAPI, Redis"
HELLO = "hello world"
BARE = "bare ASGI"

_SPARE_TOKENS = 1_000
_WARM_UPS = 5
_PLAIN_SERVERS = dict.fromkeys((HELLO, BARE), Catalog("/", "", ()))

Round = Sequence[Outcome]


@dataclass(frozen=True)
class Contest:
    """What the servers share.

    Attributes:
        system: the local cloud whose Firestore, queues and tokens they use.
        redis: the address of an empty Redis, without a database's number.
        directory: for their files.
    """

    system: System
    generator: Generator
    redis: str
    directory: Path

    async def rounds(self, count: int, products: int, seconds: float) -> list[Round]:
        """Hold ``count`` rounds, each with servers that were just started and caches that are empty.

        Args:
            products: in each catalog.
            seconds: that a server spends on a work.
        """
        pause_all(self.system.cloud.environment)
        catalogs = await self._filled(products)
        rounds = []
        for number in range(1, count + 1):
            print(f"round {number} of {count}", file=sys.stderr)
            rounds.append(await self._round(catalogs, seconds))
        return rounds

    async def _filled(self, products: int) -> dict[str, Catalog]:
        token, *spare = [await self._token(f"shop-{number}") for number in range(1 + _SPARE_TOKENS)]
        async with serving(self._recipes(), self.directory) as servers:
            ours, theirs = [
                await filled(Catalog(root, token, spare), servers[name].port, products, self.generator)
                for name, root in ((OURS, "/"), (FASTAPI, "/products"))
            ]
        return {OURS: ours, OURS_WITH_REDIS: ours, FASTAPI: theirs}

    async def _token(self, account: str) -> str:
        query = f"sub=bench&roles=seller&account={account}"
        return str((await self.system.call("GET", f"/_local/token?{query}"))["token"])

    async def _round(self, catalogs: dict[str, Catalog], seconds: float) -> Round:
        with Redis.from_url(self.redis) as redis:
            redis.flushall()
        async with serving(self._recipes(), self.directory) as servers:
            for name, catalog in catalogs.items():
                warm_up = (catalog.read(WARM_UP) + catalog.page()) * _WARM_UPS
                await self.generator.run(Job(servers[name].port, warm_up))
            return [
                await measure(work, servers[name], catalog, self.generator, self.system)
                for work in works(seconds)
                for name, catalog in (_PLAIN_SERVERS if work.name == PLAIN else catalogs).items()
            ]

    def _recipes(self) -> list[Recipe]:
        common = {**os.environ, **self.system.cloud.environment}
        served = "tests.benchmarks.served"
        database = f"sqlite+aiosqlite:///{self.directory}/products.db"
        fastapi = ("uvicorn", "tests.benchmarks.products_service:app", "--loop", "uvloop", "--port")
        return [
            Recipe(OURS, (served, "products"), common),
            Recipe(OURS_WITH_REDIS, (served, "products"), common | {"REDIS_URL": f"{self.redis}/0"}),
            Recipe(FASTAPI, fastapi, common | {"REDIS_URL": f"{self.redis}/1", "DATABASE_URL": database}),
            Recipe(HELLO, (served, "hello"), common),
            Recipe(BARE, (served, "bare"), common),
        ]
