"""A partner that knows us by another key, or to whom somebody else writes: the product against the local stand-in."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared.settings import settings
from tests.e2e.shop import product


@pytest.fixture
async def seller(cloud: Cloud, functions: str) -> AsyncIterator[httpx.AsyncClient]:
    claims = {"aud": AUDIENCE, "sub": "ann", "roles": ["seller"]}
    headers = {"Authorization": f"Bearer {cloud.users.mint(claims, 600)}"}
    async with httpx.AsyncClient(base_url=functions, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def stranger(cloud: Cloud) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else with a key of the partner's."""
    environment = cloud.environment
    headers = {"Authorization": f"Bearer {environment['SUPPLY_CHAIN_API_KEY']}"}
    async with httpx.AsyncClient(base_url=environment["SUPPLY_CHAIN_URL"], headers=headers) as client:
        yield client


async def newest_event(cloud: Cloud, seller: httpx.AsyncClient, product_id: str) -> dict[str, Any]:
    """What has become of a product's newest change, once nothing is under way."""
    assert await cloud.idle(20)
    state = (await seller.get(f"/products/{product_id}/supply-chain")).raise_for_status().json()
    event: dict[str, Any] = state["events"][0]
    return event


async def create(seller: httpx.AsyncClient) -> str:
    return str((await seller.post("/products", json=product())).raise_for_status().json()["id"])


async def write_there(stranger: httpx.AsyncClient, product_id: str, version: int) -> None:
    body = {
        "id": product_id,
        "version": version,
        "type": "product:updated",
        "product": {"product_name": "Not ours"},
        "occurred_at": "2026-03-01T10:00:00Z",
    }
    headers = {"Idempotency-Key": f"not-ours-{version}"}
    (await stranger.post(f"/products/{product_id}", json=body, headers=headers)).raise_for_status()


async def test_deliveries_with_a_wrong_key_are_tried_again(
    cloud: Cloud, seller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPPLY_CHAIN_API_KEY", "of-somebody-else")
    settings.cache_clear()
    event = await newest_event(cloud, seller, await create(seller))
    assert (event["status"], event["attempts"]) == ("pending", 1)
    assert "401" in event["error"]
    assert cloud.supply_chain.stats["rejected"] == 1
    assert cloud.tasks.next_due()


@pytest.mark.parametrize(
    ("version", "status", "error"), [(2, "synced", ""), (5, "dead", "The API has version 5, but ours is 2.")]
)
async def test_a_version_that_is_there_already_is_not_sent_again(
    cloud: Cloud,
    seller: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    version: int,
    status: str,
    error: str,
) -> None:
    product_id = await create(seller)
    assert (await newest_event(cloud, seller, product_id))["status"] == "synced"
    await write_there(stranger, product_id, version)
    (await seller.patch(f"/products/{product_id}", json={"product_name": "Ours"})).raise_for_status()
    event = await newest_event(cloud, seller, product_id)
    assert (event["version"], event["status"], event["error"]) == (2, status, error)
    stats = cloud.supply_chain.stats
    assert (stats["refused_stale"], stats["gets"]) == (1, 1)
