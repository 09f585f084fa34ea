"""The functions of the room together, as the platform calls them."""

import httpx
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared import clients
from shared.clock import utc_now
from shared.settings import settings
from shared.storefronts import COLLECTION, RebuildRequests
from shared.tasks import TaskQueues


async def test_a_change_of_the_categories_comes_to_a_store_by_the_queue(
    functions: str, cloud: Cloud, db: AsyncClient
) -> None:
    store = db.collection(COLLECTION).document("s1")
    async with httpx.AsyncClient(base_url=functions, timeout=30) as http:
        await RebuildRequests(db, TaskQueues(clients.cloud_tasks(), settings()), utc_now).request("s1")
        token = cloud.users.mint({"aud": AUDIENCE, "sub": "olga", "roles": ["ops"]}, 600)
        headers = {"Authorization": f"Bearer {token}"}
        body = {"parent_id": None, "name": "Food"}
        (await http.put("/categories/food", json=body, headers=headers)).raise_for_status()
        (await http.post("/_local/clock:advance", json={"seconds": 36})).raise_for_status()
        (await http.post("/_local/idle?timeout=20")).raise_for_status()
        assert (await store.get(["categories_version"])).get("categories_version") == 1
        for job in ("storefrontSweeper", "storefrontNightly"):
            assert (await http.post(f"/_local/schedules/{job}:run")).json()["status"] == 200
        (await http.post("/_local/idle?timeout=20")).raise_for_status()
    assert [each async for each in db.collection("dead_letters").stream()] == []
