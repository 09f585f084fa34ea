"""Faults on demand, as a client meets them, and what they leave behind."""

import asyncio
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from .conftest import Partner, event, serving


async def test_an_error_has_no_effect(partner: Partner) -> None:
    partner.service.set_faults({"error_rate": 1})
    assert (await partner.post(event("p1", 1))).status == 500

    partner.service.set_faults({})
    assert (await partner.get("p1")).status == 404
    assert (await partner.post(event("p1", 1))).status == 201


async def test_a_lost_answer_was_carried_out_and_looks_like_an_error(partner: Partner) -> None:
    partner.service.set_faults({"lost_answer_rate": 1})
    lost = await partner.post(event("p1", 1))
    partner.service.set_faults({"error_rate": 1})
    failed = await partner.post(event("p2", 1))

    assert (lost.status, lost.text) == (failed.status, failed.text)
    partner.service.set_faults({})
    assert (await partner.get("p1")).json["version"] == 1
    assert (await partner.post(event("p1", 1))).status == 201


async def test_a_refusal_gets_lost_like_any_answer(partner: Partner) -> None:
    await partner.post(event("p1", 2))
    partner.service.set_faults({"lost_answer_rate": 1})
    assert (await partner.post(event("p1", 1))).status == 500


async def test_garbage_answers_in_the_apis_place(partner: Partner) -> None:
    partner.service.set_faults({"garbage_rate": 1})
    answer = await partner.post(event("p1", 1))

    assert (answer.status, answer.json) == (200, None)
    partner.service.set_faults({})
    assert (await partner.get("p1")).status == 404


@pytest.mark.parametrize(("plan", "status"), [({"rate_429": 1}, 429), ({"outage": True}, 503)])
async def test_too_much_and_too_early_may_say_when_to_come_back(
    partner: Partner, plan: dict[str, Any], status: int
) -> None:
    partner.service.set_faults(plan)
    silent = await partner.post(event("p1", 1))
    assert silent.status == status
    assert "Retry-After" not in silent.headers

    partner.service.set_faults({**plan, "retry_after": 30})
    assert (await partner.get("p1")).headers["Retry-After"] == "30"


@pytest.mark.parametrize("outage", [1, True])
async def test_an_outage_spares_nobody(partner: Partner, outage: object) -> None:
    partner.service.set_faults({"outage": outage})
    strange = await partner.ask("GET", "/elsewhere", headers={"Authorization": "Bearer wrong"})
    assert strange.status == 503


async def test_a_dropped_connection_gives_no_answer(partner: Partner) -> None:
    partner.service.set_faults({"outage": "drop"})
    with pytest.raises(ServerDisconnectedError):
        await partner.post(event("p1", 1))

    (visit,) = await partner.visits("p1")
    assert (visit["version"], visit["fault"], visit["status"]) == (1, "drop", None)
    partner.service.set_faults({})
    assert (await partner.get("p1")).status == 404


async def test_a_named_product_is_refused_for_good_and_others_are_not(partner: Partner) -> None:
    partner.service.set_faults({"refuse": ["p1"]})
    assert [(await partner.post(event("p1", version))).status for version in (1, 1, 2)] == [422] * 3
    assert (await partner.post(event("p2", 1))).status == 201
    assert (await partner.get("p1")).status == 404


async def test_a_share_of_versions_is_refused_and_stays_refused(partner: Partner) -> None:
    partner.service.set_faults({"refuse_rate": 0.5, "seed": 7})
    events = [event(f"p{number}", 1) for number in range(20)]
    first = [(await partner.post(each)).status for each in events]
    again = [(await partner.post(each)).status for each in reversed(events)]

    assert first == again[::-1]
    assert set(first) == {201, 422}


async def test_a_stale_read_shows_the_version_before_the_last(partner: Partner) -> None:
    await partner.post(event("p1", 1))
    partner.service.set_faults({"stale_rate": 1})
    assert (await partner.get("p1")).status == 404
    await partner.post(event("p1", 3))
    assert (await partner.get("p1")).json["version"] == 1

    partner.service.set_faults({})
    assert (await partner.get("p1")).json["version"] == 3


async def test_who_does_not_wait_may_have_been_heard_all_the_same(partner: Partner) -> None:
    partner.service.set_faults({"latency_ms": 100})
    hasty = asyncio.create_task(partner.post(event("p1", 1)))
    async with asyncio.timeout(10):
        while [visit["version"] for visit in await partner.visits("p1")] != [1]:
            pass
    hasty.cancel()

    assert (await partner.get("p1")).json["version"] == 1


_MIXED = {"rate_429": 0.2, "error_rate": 0.2, "lost_answer_rate": 0.2, "garbage_rate": 0.2}


async def _statuses(plan: dict[str, Any], order: list[str]) -> dict[str, list[int]]:
    """What each product's posts, one for each time it is in ``order``, are answered."""
    async with serving() as partner:
        partner.service.set_faults(plan)
        found: dict[str, list[int]] = {product_id: [] for product_id in order}
        for product_id in order:
            found[product_id].append((await partner.post(event(product_id, 1))).status)
        return found


async def test_a_products_faults_follow_from_the_seed_whatever_others_do() -> None:
    together = await _statuses({"seed": 7, **_MIXED}, ["p1", "p2", "p3"] * 8)
    one_by_one = await _statuses({"seed": 7, **_MIXED}, ["p3"] * 8 + ["p1"] * 8 + ["p2"] * 8)
    other_seed = await _statuses({"seed": 8, **_MIXED}, ["p1", "p2", "p3"] * 8)

    assert together == one_by_one
    assert together != other_seed


async def test_each_rate_is_met_in_the_long_run(partner: Partner) -> None:
    partner.service.set_faults({"seed": 1, **_MIXED})
    await asyncio.gather(*(partner.post(event(f"p{number}", 1)) for number in range(300)))

    visits = (await partner.inspect("/requests"))["requests"]
    for fault in ("rate_limited", "error", "lost_answer", "garbage", None):
        assert 0.12 < sum(visit["fault"] == fault for visit in visits) / len(visits) < 0.28


@pytest.mark.parametrize(
    "plan",
    [
        {"rate": 1},
        {"error_rate": -0.1},
        {"error_rate": 1.1},
        {"error_rate": True},
        {"error_rate": "often"},
        {"error_rate": float("nan")},
        {"latency_ms": -1},
        {"latency_ms": float("inf")},
        {"retry_after": 1.5},
        {"seed": 0.5},
        {"outage": "sometimes"},
        {"outage": 2},
        {"refuse": "p1"},
        {"refuse": [1]},
        {"rate_429": 0.6, "error_rate": 0.6},
    ],
)
async def test_a_wrong_plan_is_refused_and_changes_nothing(partner: Partner, plan: dict[str, object]) -> None:
    partner.service.set_faults({"outage": True})

    with pytest.raises(ValueError, match="supply_chain"):
        partner.service.set_faults(plan)

    assert (await partner.get("p1")).status == 503
