"""Faults that are set while the service runs."""

import pytest
from google.api_core.exceptions import ServiceUnavailable

from .conftest import Shop


async def test_an_error_has_no_effect(shop: Shop) -> None:
    shop.service.set_faults({"error_rate": 1.0})
    with pytest.raises(ServiceUnavailable):
        await shop.put("a", retry=None)
    shop.service.set_faults({})
    assert not await shop.run(shop.bucket.blob("a").exists)


async def test_a_lost_answer_has_its_effect(shop: Shop) -> None:
    shop.service.set_faults({"lost_answer_rate": 1.0})
    with pytest.raises(ServiceUnavailable):
        await shop.put("a", retry=None)
    assert await shop.run(shop.bucket.blob("a").exists)


async def test_the_same_seed_draws_the_same_faults(shop: Shop) -> None:
    async def statuses() -> list[int]:
        shop.service.set_faults({"seed": 5, "error_rate": 0.5})
        found = []
        for _ in range(20):
            async with shop.http.get("/storage/v1/b/goods") as response:
                found.append(response.status)
        return found

    first = await statuses()
    assert set(first) == {200, 503}
    assert await statuses() == first


@pytest.mark.parametrize("settings", [{"error_rate": 2.0}, {"eror_rate": 0.1}, {"latency_ms": -1.0}])
async def test_a_plan_that_cannot_be_is_refused(shop: Shop, settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"storage\."):
        shop.service.set_faults(settings)


async def test_requests_are_counted(shop: Shop) -> None:
    for path, status in (("/storage/v1/b/goods", 200), ("/storage/v1/b/goods/o/b", 404)):
        async with shop.http.get(path) as response:
            assert response.status == status
    assert shop.service.stats == {"requests": 2, "refused": 1, "faults": 0}
    shop.service.reset_stats()
    assert shop.service.stats == {"requests": 0, "refused": 0, "faults": 0}
