"""``/price-runs``: what retailers and operators see of runs, and when one can be run again."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.prices.planning import Planning, StoreLines
from functions.prices.runs import Counts, NewRun, Run, Runs
from functions.prices.stores import Range, RunStores
from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from tests.integration.refusals import refused
from tests.integration.steps import FakeQueues

Caller = Callable[..., httpx.AsyncClient]
UNKNOWN = f"{0:024x}"


@pytest.fixture
async def caller(cloud: Cloud, functions: str) -> AsyncIterator[Caller]:
    """Makes clients of ``/price-runs``."""
    clients: list[httpx.AsyncClient] = []

    def client(role: str, account: str | None = None) -> httpx.AsyncClient:
        claims = {"aud": AUDIENCE, "sub": "somebody", "roles": [role]} | (
            {"account": account} if account else {}
        )
        headers = {"Authorization": f"Bearer {cloud.users.mint(claims, 600)}"}
        clients.append(httpx.AsyncClient(base_url=f"{functions}/price-runs", headers=headers, timeout=30))
        return clients[-1]

    yield client
    for each in clients:
        await each.aclose()


class Feeds:
    """Makes runs whose tasks nobody delivers."""

    def __init__(self, db: AsyncClient, cloud: Cloud) -> None:
        self.runs = Runs(db, cloud.clock.now)
        queues: Any = FakeQueues()
        self._planning = Planning(db, self.runs, RunStores(db, cloud.clock.now), queues, cloud.clock.now)
        self._made = 0

    async def begin(self, retailer: str) -> Run:
        """A run whose feed is being read."""
        self._made += 1
        name = f"feeds/{retailer}/{self._made}.csv"
        return await self.runs.begin(
            NewRun(f"{self._made:024x}", retailer, name, self._made, f"{self._made:016d}")
        )

    async def plan(self, retailer: str, *stores: str) -> Run:
        """A run of stores that are being updated."""
        said = {store: StoreLines([Range(0, 0, 10)], 1) for store in stores}
        run = await self.begin(retailer)
        return await self._planning.plan(run, Counts(len(stores) + 1, len(stores), 1), "a report", said)


@pytest.fixture
def feeds(db: AsyncClient, cloud: Cloud) -> Feeds:
    return Feeds(db, cloud)


async def pages(client: httpx.AsyncClient, path: str, members: str, **query: Any) -> list[dict[str, Any]]:
    """What is on all pages of a list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await client.get(path, params=query | {"cursor": cursor})).raise_for_status().json()
        found += page[members]
        if not (cursor := page["next_cursor"]):
            return found


async def test_a_retailer_follows_its_own_runs_page_by_page(caller: Caller, feeds: Feeds) -> None:
    own = [(await feeds.plan("acme", "s1", "s2", "s3")).id, (await feeds.begin("acme")).id]
    other = (await feeds.begin("other")).id
    acme, ops = caller("retailer", "acme"), caller("ops")
    for limit in (1, 2, 3):
        assert [run["id"] for run in await pages(acme, "/", "runs", limit=limit)] == own[::-1]
    assert [run["id"] for run in await pages(ops, "/", "runs")] == [other, *own[::-1]]
    assert [run["id"] for run in await pages(ops, "/", "runs", retailer="other")] == [other]

    run = (await acme.get(f"/{own[0]}")).json()
    assert (run["status"], run["lines"], run["good"], run["bad"], run["stores"]) == ("running", 4, 3, 1, 3)
    others = ("updated", "unchanged", "failed", "refused", "cancelled")
    assert run["counts"] == {"pending": 3} | dict.fromkeys(others, 0)
    stores = [store["store_id"] for store in await pages(acme, f"/{own[0]}", "progress", limit=2)]
    assert stores == ["s1", "s2", "s3"]
    assert await pages(acme, f"/{own[0]}", "progress", status="updated") == []

    for run_id in (other, UNKNOWN, "x"):
        refused(await acme.get(f"/{run_id}"), 404, "not-found")
        refused(await acme.post(f"/{run_id}:rerun", json={}), 404, "not-found")
    refused(await acme.get("/", params={"retailer": "other"}), 403, "forbidden")
    refused(await caller("seller", "acme").get("/"), 403, "forbidden")
    refused(await caller("retailer").get("/"), 403, "forbidden")
    refused(await acme.get("/", params={"cursor": "AAAA"}), 422, "validation-failed", "cursor")


async def test_a_run_that_has_ended_is_run_again(caller: Caller, feeds: Feeds) -> None:
    run = await feeds.plan("acme", "s1", "s2")
    acme = caller("retailer", "acme")
    refused(await acme.post(f"/{run.id}:rerun", json={}), 409, "not-rerunnable")
    assert await feeds.runs.change(run, {"status": "partial", "missing": ["s2"], "missing_count": 1})
    unknown = await acme.post(f"/{run.id}:rerun", json={"store_id": "s9"})
    refused(unknown, 422, "validation-failed", "store_id")
    answer = await acme.post(f"/{run.id}:rerun", json={"store_id": "s2"})
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert (again["status"], again["series"], again["missing"]) == ("running", 1, [])

    never_taken = await feeds.begin("acme")
    await feeds.runs.refuse(never_taken, "It is empty.")
    refused(await acme.post(f"/{never_taken.id}:rerun", json={}), 409, "not-rerunnable")
    assert (await acme.get(f"/{never_taken.id}")).json()["reason"] == "It is empty."


async def test_a_retailer_cancels_its_own_runs_and_no_others(caller: Caller, feeds: Feeds) -> None:
    run = await feeds.plan("acme", "s1", "s2")
    refused(await caller("retailer", "other").post(f"/{run.id}:cancel"), 404, "not-found")
    refused(await caller("seller", "acme").post(f"/{run.id}:cancel"), 403, "forbidden")
    answer = await caller("retailer", "acme").post(f"/{run.id}:cancel")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["missing"]) == ("cancelled", ["s1", "s2"])
    refused(await caller("ops").post(f"/{run.id}:cancel"), 409, "not-active")
