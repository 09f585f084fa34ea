"""A re-index with everything real around it, while returns change, the sync runs, and people search all the time."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.returns import reindex_stages
from functions.returns.index_settings import SORTS
from functions.returns.projection import Save, decide
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared import clients
from shared.search import SearchIndex
from shared.settings import settings
from tests.unit.returns.examples import AT, content

STEADY = 120
_LONGEST_SECONDS = 240
# With all that goes on at once, seconds on a machine of its own become minutes on one that is shared.
pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page a step, and pages so small that the building takes many of them."""
    monkeypatch.setattr(reindex_stages, "PAGE_SIZE", 20)
    monkeypatch.setattr(reindex_stages, "PAGES_PER_STEP", 1)


@dataclass
class Shop:
    """One account: what its warehouse sends, and what its people find."""

    http: httpx.AsyncClient
    account: str
    headers: dict[str, str]
    # By query: the least that any later search has to find.
    found: dict[str, int] = field(default_factory=dict)

    async def put(self, *messages: dict[str, Any]) -> None:
        if not messages:
            return
        returns = [content(account=self.account, **message) for message in messages]
        answer = await self.http.post("/returns/batch", json={"returns": returns}, headers=self.headers)
        results = answer.raise_for_status().json()["results"]
        assert {result["outcome"] for result in results} <= {"created", "updated"}

    async def remove(self, return_id: str) -> None:
        (await self.http.delete(f"/returns/{return_id}", headers=self.headers)).raise_for_status()

    async def search(self, **query: str) -> None:
        """Search, and see that it finds no fewer than any such search that had been answered before."""
        key = repr(query)
        least = self.found.get(key, 0)
        params = query | {"per_page": "1"}
        answer = await self.http.get("/search-order-return-index-data", params=params, headers=self.headers)
        assert answer.status_code == 200, answer.text
        total = answer.json()["total"]
        assert total >= least, f"{query}: {total} after {least}"
        self.found[key] = max(total, self.found.get(key, 0))


def growing(n: int) -> str:
    """The id of a return that comes while the index is built anew, and is not the beginning of another's."""
    return f"G-{n:05}"


@dataclass
class Scene:
    """Who is at work while the index is built anew. All of them stop when it is, or when one of them fails."""

    cloud: Cloud
    http: httpx.AsyncClient
    ops: dict[str, str]
    steady: Shop
    growing: Shop
    busy: Shop
    is_over: bool = False
    # How many of the growing shop's returns there are, beside the first.
    grown: int = 1

    async def searching(self) -> None:
        """People look for what nobody changes, in every order, for what only becomes more, and for each of that."""
        for n in itertools.count():
            await self.steady.search(sort=SORTS[n % len(SORTS)])
            await self.steady.search(q=f"S-{n % STEADY}")
            await self.growing.search()
            await self.growing.search(sort="-changed_at")
            await self.growing.search(q=growing(n % self.grown))
            if self.is_over:
                return

    async def changing(self) -> None:
        """Returns are made, changed, cancelled and removed; some change by the passing of time alone."""
        for n in itertools.count():
            await self.growing.put({"return_id": growing(n)})
            self.grown = n + 1
            due = (self.cloud.clock.now() + timedelta(seconds=2)).isoformat()
            at = (AT + timedelta(seconds=n + 1)).isoformat()
            # Those that came last change again, whether they have been pushed by now or not.
            again = {growing(n - back) for back in (1, 3, 9, 27) if back <= n}
            await self.growing.put(*({"return_id": each, "external_updated_at": at} for each in again))
            statuses = ("approved", "cancelled", "received")
            await self.busy.put(
                {"return_id": f"B-{n % 40}", "status": statuses[n % 3], "external_updated_at": at},
                {"return_id": f"D-{n}", "next_status": "rejected", "next_status_at": due},
            )
            if n % 5 == 4:
                await self.busy.remove(f"D-{n - 2}")
            if self.is_over:
                return

    async def syncing(self) -> None:
        """Crons fire much more often than every 15 minutes, and time passes a little faster."""
        while not self.is_over:
            await self.cron()
            self.cloud.clock.advance(1)
            await asyncio.sleep(0.05)

    async def cron(self) -> None:
        (await self.http.post("/_local/schedules/returnsUpdateCron:run")).raise_for_status()

    async def job(self, kind: str) -> dict[str, Any]:
        """Have a job done, as operators do; what it came to."""
        asked = {"kind": kind, "subject": "returns"}
        answer = await self.http.post("/ops/jobs", json=asked, headers=self.ops)
        run: dict[str, Any] = answer.raise_for_status().json()
        async with asyncio.timeout(_LONGEST_SECONDS):
            while run["status"] in ("waiting", "running"):
                await asyncio.sleep(0.05)
                answer = await self.http.get(f"/ops/runs/{kind}/{run['id']}", headers=self.ops)
                run = answer.raise_for_status().json()
        return run


@pytest.fixture
async def scene(cloud: Cloud, functions: str) -> AsyncIterator[Scene]:
    def bearer(role: str, **account: str) -> dict[str, str]:
        claims = {"aud": AUDIENCE, "sub": "wes", "roles": [role], **account}
        return {"Authorization": f"Bearer {cloud.users.mint(claims, 3600)}"}

    async with httpx.AsyncClient(base_url=functions, timeout=30) as http:
        shops = (
            Shop(http, name, bearer("warehouse", account=name)) for name in ("steady", "growing", "busy")
        )
        scene = Scene(cloud, http, bearer("ops"), *shops)
        await scene.steady.put(*({"return_id": f"S-{n}"} for n in range(STEADY)))
        await scene.growing.put({"return_id": "G-first"})
        await scene.cron()
        assert await cloud.idle(30)
        yield scene


async def amid(scene: Scene, work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Have something done amid all that goes on."""
    async with asyncio.TaskGroup() as group:
        for busy in (scene.searching, scene.searching, scene.changing, scene.syncing):
            group.create_task(busy())
        try:
            return await work()
        finally:
            scene.is_over = True


async def test_no_search_finds_less_and_no_change_is_lost_while_the_index_is_built_anew(
    scene: Scene, db: AsyncClient
) -> None:
    await scene.steady.search()
    assert scene.steady.found == {"{}": STEADY}
    run = await amid(scene, lambda: scene.job("reindex"))
    assert (run["status"], run["error"]) == ("done", "")
    assert run["done"] >= STEADY
    assert {repr({"sort": each}) for each in SORTS} <= scene.steady.found.keys()
    assert scene.growing.found["{}"] > 1

    # What has come last is yet to be pushed, and to fall due.
    scene.cloud.clock.advance(60)
    assert await scene.cloud.idle(30)
    await scene.cron()
    assert await scene.cloud.idle(30)
    audit = await scene.job("audit")
    assert audit["status"] == "done"
    assert {name: audit["counts"].get(name, 0) for name in ("missing", "extra", "different", "pending")} == {
        "missing": 0,
        "extra": 0,
        "different": 0,
        "pending": 0,
    }
    assert await indexed() == await projected(db, scene)


async def indexed() -> dict[str, dict[str, Any]]:
    """What the index holds; nothing of it is at another place."""
    config = settings()
    index = SearchIndex(clients.algolia(config, config.algolia_api_key), config.algolia_returns_index)
    ids = [hit["objectID"] for hit in (await index.browse([])).hits]
    return {record["objectID"]: record for record in await index.records(ids) if record}


async def projected(db: AsyncClient, scene: Scene) -> dict[str, dict[str, Any]]:
    """What it should hold."""
    documents = db.collection("order_returns").stream()
    now = scene.cloud.clock.now()
    decisions = [decide(each.id, each.to_dict() or {}, now, 10_000) async for each in documents]
    return {each.return_id: each.record for each in decisions if isinstance(each, Save)}
