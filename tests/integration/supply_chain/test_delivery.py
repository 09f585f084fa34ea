"""Delivering an event: how each attempt leaves the event and the product's lane."""

from datetime import timedelta

import pytest

from functions.supply_chain.lanes import HELD, stored_lane
from functions.supply_chain.upstream import UnknownOutcomeError
from shared.errors import PermanentError, RetryAfterError, TransientError
from shared.outbox import NEXT_ATTEMPT_WITHIN, ProductEvent
from tests.integration.supply_chain.examples import attempt, create, delete, event, replace
from tests.integration.supply_chain.world import World

FIRST = ProductEvent(product_id="p1", version=1)
SECOND = ProductEvent(product_id="p1", version=2)
# What the fake partner asks for when it is resting.
REST = timedelta(seconds=120)


async def lane(world: World) -> dict[str, object]:
    return (await world.delivery.lanes.document("p1").get()).to_dict() or {}


async def test_a_version_is_delivered_once_however_often_its_task_comes(world: World) -> None:
    await create(world, "p1")
    await attempt(world, FIRST)
    await attempt(world, FIRST)
    assert world.partner.requests == [("p1", 1)]
    assert (await event(world, "p1:1")).status == "synced"
    assert (await lane(world))["synced_version"] == 1


async def test_a_version_that_a_newer_one_has_overtaken_is_not_sent(world: World) -> None:
    await create(world, "p1")
    await replace(world, "p1")
    await attempt(world, FIRST)
    assert world.partner.requests == []
    assert (await event(world, "p1:1")).status == "superseded"
    await attempt(world, SECOND)
    assert (await event(world, "p1:2")).status == "synced"


async def test_a_deleted_product_is_gone_at_the_partner_and_its_lane_is_not_kept_for_ever(
    world: World,
) -> None:
    await create(world, "p1")
    await attempt(world, FIRST)
    await delete(world, "p1")
    await attempt(world, SECOND)
    assert world.partner.products["p1"]["product"] is None
    assert (await lane(world))["expire_at"]


async def test_an_attempt_that_failed_says_why_and_lets_others_pass(world: World) -> None:
    await create(world, "p1")
    world.partner.mood = "failing"
    with pytest.raises(TransientError):
        await attempt(world, FIRST)
    found = await event(world, "p1:1")
    assert (found.status, found.attempts) == ("pending", 1)
    assert "500" in found.error
    await replace(world, "p1")
    world.partner.mood = "well"
    await attempt(world, SECOND)
    assert (await event(world, "p1:2")).status == "synced"


async def test_a_request_of_which_nothing_is_known_holds_up_the_next_version_while_it_may_be_under_way(
    world: World,
) -> None:
    await create(world, "p1")
    world.partner.mood = "silent"
    with pytest.raises(UnknownOutcomeError):
        await attempt(world, FIRST)
    await replace(world, "p1")
    world.partner.mood = "well"
    with pytest.raises(TransientError):
        await attempt(world, SECOND)
    assert world.partner.requests == []
    world.clock.advance(HELD.total_seconds())
    await attempt(world, SECOND, number=2)
    assert world.partner.requests == [("p1", 2)]


async def test_an_attempt_before_the_time_that_the_partner_has_named_sends_nothing(world: World) -> None:
    await create(world, "p1")
    world.partner.mood = "resting"
    with pytest.raises(RetryAfterError):
        await attempt(world, FIRST)
    world.partner.mood = "well"
    world.clock.advance(REST.total_seconds() - 1)
    with pytest.raises(RetryAfterError) as waits:
        await attempt(world, FIRST, number=2)
    assert 1 <= waits.value.seconds <= 2
    assert "429" in str(waits.value)
    world.clock.advance(waits.value.seconds)
    await attempt(world, FIRST, number=3)
    assert world.partner.requests == [("p1", 1)] * 2


async def test_a_task_that_waits_is_not_taken_for_lost(world: World) -> None:
    await create(world, "p1")
    world.partner.mood = "resting"
    with pytest.raises(RetryAfterError):
        await attempt(world, FIRST, number=11)
    with pytest.raises(RetryAfterError):
        await attempt(world, FIRST, number=12)
    waiting = await event(world, "p1:1")
    assert waiting.attempts == 12
    assert waiting.deadline >= world.clock.now() + NEXT_ATTEMPT_WITHIN - timedelta(seconds=5)


async def test_a_refusal_for_good_lets_the_next_version_pass(world: World) -> None:
    await create(world, "p1")
    world.partner.refuses = {"p1"}
    with pytest.raises(PermanentError, match="422"):
        await attempt(world, FIRST)
    world.partner.refuses = set()
    await replace(world, "p1")
    await attempt(world, SECOND)
    assert world.partner.products["p1"]["version"] == 2


async def test_a_task_about_an_event_that_is_not_kept_any_more_is_done(world: World) -> None:
    await attempt(world, FIRST)
    assert world.partner.requests == []
    assert stored_lane(await world.delivery.lanes.document("p1").get()).sent_version == 0
