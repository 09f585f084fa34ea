"""Faults on demand, as the official client meets them."""

from time import perf_counter

import pytest
from algoliasearch.http.exceptions import AlgoliaUnreachableHostException, RequestException

from .conftest import ADMIN, Local, serving


async def outcomes(local: Local, count: int = 30) -> list[str]:
    """How each of a row of requests ended, with a fresh client each so that no host is given up."""
    found = []
    for _ in range(count):
        async with local.fresh(ADMIN) as client:
            try:
                await client.list_indices()
                found.append("ok")
            except RequestException as error:
                found.append(str(error.status_code))
            except AlgoliaUnreachableHostException:
                found.append("unreachable")
    return found


async def test_a_rate_limit_is_answered_with_retry_after(local: Local) -> None:
    local.service.faults = {"rate_429": 1, "retry_after": 3}

    status, headers = await local.raw("GET", "/1/indexes")

    assert (status, headers["Retry-After"]) == (429, "3")
    with pytest.raises(RequestException, match="Too Many Requests"):
        await local.client.list_indices()


async def test_faults_are_the_same_for_the_same_seed(local: Local) -> None:
    plan = {"seed": 7, "rate_429": 0.3, "rate_5xx": 0.3}
    rows = []
    for _ in range(2):
        async with serving() as other:
            other.service.faults = plan
            rows.append(await outcomes(other))

    assert rows[0] == rows[1]
    assert {"ok", "429"} <= set(rows[0])


async def test_a_lost_answer_was_carried_out(local: Local) -> None:
    local.service.faults = {"lost_answer_rate": 1}

    with pytest.raises(AlgoliaUnreachableHostException):
        await local.client.save_objects("shop", [{"objectID": "1"}])

    local.service.faults = {}
    async with local.fresh(ADMIN) as client:
        assert (await client.get_object("shop", "1"))["objectID"] == "1"


async def test_latency_is_added(local: Local) -> None:
    local.service.faults = {"latency_ms": 30}
    started = perf_counter()

    await local.client.list_indices()

    assert perf_counter() - started >= 0.03


@pytest.mark.parametrize(
    "plan",
    [
        {"rate": 1},
        {"rate_429": -0.1},
        {"rate_429": "often"},
        {"rate_429": 0.6, "rate_5xx": 0.6},
        {"seed": 1.5},
    ],
)
async def test_a_wrong_plan_is_refused_and_changes_nothing(local: Local, plan: dict[str, object]) -> None:
    local.service.faults = {"rate_429": 0.5}

    with pytest.raises(ValueError, match=r"unknown|must be|exceed"):
        local.service.faults = plan

    assert local.service.faults["rate_429"] == 0.5
