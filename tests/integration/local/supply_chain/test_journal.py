"""What the partner says about those who came."""

from datetime import datetime

import pytest
from aiohttp import ClientSession

from .conftest import Partner, deletion, event


async def test_every_request_is_written_down_with_what_became_of_it(partner: Partner) -> None:
    await partner.post(event("p1", 1))
    partner.clock.advance(3600)
    partner.service.set_faults({"error_rate": 1})
    await partner.post(event("p1", 2))
    partner.service.set_faults({})
    await partner.get("p1")
    await partner.get("p2")

    visits = await partner.visits("p1")
    times = [datetime.fromisoformat(visit.pop("at")) for visit in visits]
    assert visits == [
        {"method": "POST", "product": "p1", "version": 1, "fault": None, "status": 201},
        {"method": "POST", "product": "p1", "version": 2, "fault": "error", "status": 500},
        {"method": "GET", "product": "p1", "version": None, "fault": None, "status": 200},
    ]
    assert (times[1] - times[0]).total_seconds() == pytest.approx(3600, abs=30)
    everybody = await partner.inspect("/requests")
    assert len(everybody["requests"]) == 4
    assert everybody["forgotten"] == 0


async def test_the_version_of_a_bad_message_is_written_down_if_it_can_be_read(partner: Partner) -> None:
    await partner.post({**event("p1", 3), "type": "product:moved"})
    await partner.ask("POST", "/products/p1", data=b"{")
    await partner.ask("POST", "/products/p1", data=b'{"version": true}')

    assert [visit["version"] for visit in await partner.visits("p1")] == [3, None, None]


async def test_the_counters_tell_everything_apart(partner: Partner) -> None:
    await partner.post(event("p1", 2))
    await partner.post(event("p1", 2))
    await partner.post(event("p1", 1))
    await partner.post({**event("p1", 3), "type": "product:moved"})
    await partner.get("p1")
    await partner.get("p2")
    partner.service.set_faults({"rate_429": 1})
    await partner.get("p1")

    assert partner.service.stats == {
        "posts": 4,
        "gets": 3,
        "applied": 1,
        "replayed": 1,
        "refused_stale": 1,
        "older_after_newer": 1,
        "rejected": 1,
        "errors": 1,
    }


@pytest.mark.parametrize(
    "plan", [{"outage": True}, {"error_rate": 1}, {"refuse": ["p1"]}, {"garbage_rate": 1}]
)
async def test_an_older_version_after_a_newer_one_is_noticed_whatever_became_of_both(
    partner: Partner, plan: dict[str, object]
) -> None:
    partner.service.set_faults(plan)
    for version in (2, 2, 1):
        await partner.post(event("p1", version))
    await partner.post(event("p2", 1))

    assert partner.service.stats["older_after_newer"] == 1


async def test_a_reset_begins_anew_but_what_came_stays_known(partner: Partner) -> None:
    partner.service.set_faults({"outage": True})
    await partner.post(event("p1", 2))
    partner.service.reset_stats()
    assert not any(partner.service.stats.values())
    assert await partner.visits("p1") == []

    await partner.post(event("p1", 1))
    assert partner.service.stats["older_after_newer"] == 1


async def test_what_the_partner_has_can_be_seen_through_an_outage(partner: Partner) -> None:
    await partner.post(event("p2", 1))
    await partner.post(event("p1", 1))
    await partner.post(deletion("p1", 2))
    partner.service.set_faults({"outage": True})

    listed = (await partner.inspect("/products"))["products"]
    assert [(each["id"], each["version"], each["deleted"]) for each in listed] == [
        ("p1", 2, True),
        ("p2", 1, False),
    ]
    assert await partner.inspect("/products/p1") == listed[0]


@pytest.mark.parametrize(("path", "status"), [("/products/p9", 404), ("/requests?products=p1", 400)])
async def test_what_cannot_be_seen_gets_a_problem(partner: Partner, path: str, status: int) -> None:
    inspection: ClientSession = partner.inspection
    async with inspection.get(path) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
