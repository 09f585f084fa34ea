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


async def test_a_change_of_the_categories_comes_to_a_store_at_night_at_the_latest(
    functions: str, cloud: Cloud, db: AsyncClient
) -> None:
    token = cloud.users.mint({"aud": AUDIENCE, "sub": "olga", "roles": ["ops"]}, 600)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=functions, timeout=30) as http:
        await RebuildRequests(db, TaskQueues(clients.cloud_tasks, settings()), utc_now).request("s1")
        (await http.post("/_local/idle?timeout=20")).raise_for_status()
        body = {"parent_id": None, "name": "Food"}
        (await http.put("/categories/food", json=body, headers=headers)).raise_for_status()
        for job in ("storefrontSweeper", "storefrontNightly"):
            assert (await http.post(f"/_local/schedules/{job}:run")).json()["status"] == 200
        (await http.post("/_local/idle?timeout=20")).raise_for_status()
    store = await db.collection(COLLECTION).document("s1").get()
    assert store.get("categories_version") == 1
