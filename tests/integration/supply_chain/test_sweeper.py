"""The sweeper, where an event is neither enqueued nor delivered as it should be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from functions.ops.sweeper import Sweeper
from shared.outbox import (
    FIRST_ATTEMPT_WITHIN,
    LAST_ATTEMPT_ENDS_WITHIN,
    NEXT_ATTEMPT_WITHIN,
    SUPPLY_CHAIN_SYNC,
    ProductEvent,
    attempted,
    ended,
)
from tests.integration.supply_chain.examples import attempt, create, event
from tests.integration.supply_chain.world import World

MOMENT = timedelta(seconds=1)
LAST = SUPPLY_CHAIN_SYNC.max_attempts
# Before its effect and after it (tests/integration/steps.py).
GATES_OF_A_READ = 2


class Queues:
    """Cloud Tasks. ``on_task`` is what happens as a task comes in."""

    def __init__(self, on_task: Callable[[ProductEvent], Awaitable[None]]) -> None:
        self.tasks: list[ProductEvent] = []
        self._on_task = on_task

    async def enqueue(self, queue: Any, payload: ProductEvent, *, key: str) -> bool:
        await self._on_task(payload)
        self.tasks.append(payload)
        return True


async def nothing(task: ProductEvent) -> None:
    """The task waits."""


async def sweep(world: World, queues: Any) -> dict[str, int]:
    return await Sweeper(world.outbox, queues, world.clock.now).sweep()


def pass_time(world: World, duration: timedelta) -> None:
    world.clock.advance((duration + MOMENT).total_seconds())


async def died_in_attempt(world: World, number: int) -> None:
    """Product p1, whose attempt ``number`` began and never came to its end."""
    await create(world, "p1")
    changes = attempted(number, world.clock.now()) | {"error": "The API answered 503"}
    assert await world.outbox.change(await event(world, "p1:1"), changes)


async def test_an_event_is_left_alone_until_its_deadline(world: World) -> None:
    await create(world, "p1")
    queues = Queues(nothing)
    world.clock.advance(FIRST_ATTEMPT_WITHIN.total_seconds() - 1)
    assert await sweep(world, queues) == {}
    world.clock.advance(2)
    assert await sweep(world, queues) == {"enqueued": 1}
    assert queues.tasks == [ProductEvent(product_id="p1", version=1)]


async def test_an_event_that_waits_in_a_long_queue_is_not_looked_into_again_at_once(world: World) -> None:
    await create(world, "p1")
    pass_time(world, FIRST_ATTEMPT_WITHIN)
    await sweep(world, Queues(nothing))
    assert await sweep(world, Queues(nothing)) == {}
    pass_time(world, FIRST_ATTEMPT_WITHIN)
    assert await sweep(world, Queues(nothing)) == {"enqueued": 1}


async def test_a_task_that_runs_as_soon_as_it_is_enqueued_is_not_disturbed(world: World) -> None:
    await create(world, "p1")
    pass_time(world, FIRST_ATTEMPT_WITHIN)

    async def read_but_not_claimed(task: ProductEvent) -> None:
        await world.begin("delivery", lambda: attempt(world, task))
        for _ in range(GATES_OF_A_READ):
            await world.step(world.works[0])

    await sweep(world, Queues(read_but_not_claimed))
    while world.works:
        await world.step(world.works[0])
    assert (await event(world, "p1:1")).status == "synced"


async def test_an_event_whose_task_is_lost_is_tried_from_the_beginning(world: World) -> None:
    await died_in_attempt(world, 7)
    pass_time(world, NEXT_ATTEMPT_WITHIN)
    queues = Queues(nothing)
    assert await sweep(world, queues) == {"restarted": 1}
    again = ProductEvent(product_id="p1", version=1, series=1)
    assert queues.tasks == [again]
    found = await event(world, "p1:1")
    assert (found.status, found.series, found.attempts) == ("pending", 1, 0)
    await attempt(world, again)
    assert (await event(world, "p1:1")).status == "synced"


async def test_a_straggler_of_a_lost_task_does_nothing(world: World) -> None:
    await died_in_attempt(world, 7)
    pass_time(world, NEXT_ATTEMPT_WITHIN)
    await sweep(world, Queues(nothing))
    await attempt(world, ProductEvent(product_id="p1", version=1), number=8)
    assert world.partner.requests == []
    assert (await event(world, "p1:1")).status == "pending"


async def test_an_event_that_died_in_its_last_attempt_is_buried_with_its_last_error(world: World) -> None:
    await died_in_attempt(world, LAST)
    pass_time(world, LAST_ATTEMPT_ENDS_WITHIN)
    queues = Queues(nothing)
    assert await sweep(world, queues) == {"buried": 1}
    assert queues.tasks == []
    (letter,) = await world.letters()
    assert (letter["event"], letter["status"], letter["attempts"]) == ("p1:1", "open", LAST)
    assert "last attempt" in letter["error"]
    assert "503" in letter["error"]
    assert (await event(world, "p1:1")).status == "dead"


async def test_two_sweeps_at_once_bury_once(world: World) -> None:
    await died_in_attempt(world, LAST)
    pass_time(world, LAST_ATTEMPT_ENDS_WITHIN)
    await asyncio.gather(sweep(world, Queues(nothing)), sweep(world, Queues(nothing)))
    assert len(await world.letters()) == 1


async def test_two_sweeps_at_once_begin_one_series(world: World) -> None:
    await died_in_attempt(world, 7)
    pass_time(world, NEXT_ATTEMPT_WITHIN)
    queues = Queues(nothing)
    await asyncio.gather(sweep(world, queues), sweep(world, queues))
    assert [task.series for task in queues.tasks] == [1]


@pytest.mark.parametrize("ending", ["synced", "superseded", "dead"])
async def test_an_event_that_has_ended_is_left_alone(world: World, ending: Any) -> None:
    await died_in_attempt(world, LAST)
    assert await world.outbox.change(await event(world, "p1:1"), ended(ending, world.clock.now()))
    pass_time(world, NEXT_ATTEMPT_WITHIN)
    assert await sweep(world, Queues(nothing)) == {}


async def test_an_event_that_cannot_be_mended_keeps_none_of_the_others_from_it(world: World) -> None:
    await create(world, "p1", "p2", "p3")
    pass_time(world, FIRST_ATTEMPT_WITHIN)

    async def all_but_p2(task: ProductEvent) -> None:
        if task.product_id == "p2":
            raise ServiceUnavailable("Cloud Tasks is out of reach")

    queues = Queues(all_but_p2)
    assert await sweep(world, queues) == {"enqueued": 2, "failed": 1}
    assert {task.product_id for task in queues.tasks} == {"p1", "p3"}
    pass_time(world, FIRST_ATTEMPT_WITHIN)
    healed = Queues(nothing)
    await sweep(world, healed)
    assert "p2" in {task.product_id for task in healed.tasks}


async def test_those_that_have_waited_longest_come_first_and_only_so_many(world: World) -> None:
    for product_id in ("p3", "p1", "p2"):
        await create(world, product_id)
        world.clock.advance(1)
    pass_time(world, FIRST_ATTEMPT_WITHIN)
    overdue = await world.outbox.overdue(2)
    assert [event.product_id for event in overdue] == ["p3", "p1"]


async def test_a_sweep_takes_a_thousand_events_and_the_next_one_the_rest(world: World) -> None:
    await create(world, "p0")
    stored = (await world.outbox.document("p0:1").get()).to_dict()
    batch = world.db.batch()
    for number in range(1, 1_003):
        batch.create(world.outbox.document(f"p{number}:1"), stored | {"product_id": f"p{number}"})
    await batch.commit()
    pass_time(world, FIRST_ATTEMPT_WITHIN)
    assert await sweep(world, Queues(nothing)) == {"enqueued": 1_000}
    assert await sweep(world, Queues(nothing)) == {"enqueued": 3}
