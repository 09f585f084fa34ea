"""The end of an event that cannot be delivered: dead, with one letter about it, whoever says so and how often."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from functions.supply_chain.letters import EventLetters
from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import TransientError
from shared.outbox import attempted, ended
from tests.integration.supply_chain.examples import create, event
from tests.integration.supply_chain.world import World


def box(world: World) -> EventLetters:
    return EventLetters(world.outbox, DeadLetters(world.db, world.clock.now))


def about(payload: dict[str, Any]) -> DeadLetter:
    """As it is written of a task's last attempt."""
    return DeadLetter(
        key="a-task",
        queue="supplyChainSync",
        function="supply-chain-sync",
        payload=payload,
        error="The API answered 422: no",
        attempts=1,
    )


FIRST = about({"product_id": "p1", "version": 1, "series": 0})


async def test_an_event_and_its_letter_end_together(world: World) -> None:
    await create(world, "p1")
    await box(world).add(FIRST)
    (letter,) = await world.letters()
    assert (letter["event"], letter["status"], letter["error"]) == ("p1:1", "open", FIRST.error)
    found = await event(world, "p1:1")
    assert (found.status, found.error) == ("dead", FIRST.error)
    assert found.settled_at


async def test_a_letter_is_kept_once_however_often_it_is_written(world: World) -> None:
    await create(world, "p1")
    for _ in range(3):
        await box(world).add(FIRST)
    assert len(await world.letters()) == 1


async def test_of_several_who_write_at_once_one_does(world: World) -> None:
    await create(world, "p1")
    results = await asyncio.gather(*(box(world).add(FIRST) for _ in range(4)), return_exceptions=True)
    assert all(result is None or isinstance(result, TransientError) for result in results)
    assert len(await world.letters()) == 1


@pytest.mark.parametrize("ending", ["synced", "superseded"])
async def test_nothing_is_written_about_an_event_that_came_to_another_end(world: World, ending: Any) -> None:
    await create(world, "p1")
    await world.outbox.change(await event(world, "p1:1"), ended(ending, world.clock.now()))
    await box(world).add(FIRST)
    assert await world.letters() == []
    assert (await event(world, "p1:1")).status == ending


async def test_nothing_is_written_about_a_series_that_has_been_begun_anew(world: World) -> None:
    await create(world, "p1")
    await world.outbox.change(await event(world, "p1:1"), {"series": 1})
    await box(world).add(FIRST)
    assert await world.letters() == []


async def test_a_task_that_is_none_of_ours_is_kept_as_it_came(world: World) -> None:
    letter = about({"text": "<xml/>"})
    for _ in range(2):
        await box(world).add(letter)
    (kept,) = await world.letters()
    assert kept["payload"] == '{"text":"<xml/>"}'
    assert kept["event"] == ""


async def test_a_second_death_after_a_replay_has_a_letter_of_its_own(world: World) -> None:
    await create(world, "p1")
    await box(world).add(FIRST)
    again = {"status": "pending", "series": 1} | attempted(1, world.clock.now() + timedelta(hours=1))
    await world.outbox.change(await event(world, "p1:1"), again)
    await box(world).add(about({"product_id": "p1", "version": 1, "series": 1}))
    assert len(await world.letters()) == 2
