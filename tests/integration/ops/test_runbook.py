"""The runbook says what to do about everything that health looks at."""

import httpx

from tests.unit.docs.runbook import rows


async def test_every_check_of_health_is_in_the_runbook(olga: httpx.AsyncClient) -> None:
    checks = (await olga.get("/health")).raise_for_status().json()["checks"]
    assert {check["name"] for check in checks} == rows("What health says")
