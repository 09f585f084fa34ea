"""A key that the supply-chain API does not know is the operators' to mend, and no reason to give a product up."""

import httpx
import pytest

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared.settings import settings
from tests.e2e.shop import product


async def test_deliveries_with_a_wrong_key_are_tried_again(
    cloud: Cloud, functions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPPLY_CHAIN_API_KEY", "of-somebody-else")
    settings.cache_clear()
    claims = {"aud": AUDIENCE, "sub": "ann", "roles": ["seller"]}
    headers = {"Authorization": f"Bearer {cloud.users.mint(claims, 600)}"}
    async with httpx.AsyncClient(base_url=functions, headers=headers, timeout=30) as seller:
        created = (await seller.post("/products", json=product())).raise_for_status().json()
        assert await cloud.idle(20)
        state = (await seller.get(f"/products/{created['id']}/supply-chain")).raise_for_status().json()
    (event,) = state["events"]
    assert (event["status"], event["attempts"]) == ("pending", 1)
    assert "401" in event["error"]
    assert cloud.supply_chain.stats["rejected"] == 1
    assert cloud.tasks.next_due()
