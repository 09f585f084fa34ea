"""Runs that are ended before their time: what was not begun stays as it was, what was under way is shown."""

from collections.abc import AsyncIterator

import pytest

from functions.prices import planning
from infra.local.clock import Clock
from shared.problems import Problem
from tests.integration.prices.test_updates import SKUS, lines, planned, status, statuses, tickets
from tests.integration.prices.world import FirestoreServer, World


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world in which stores of six lines are two chunks."""
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    monkeypatch.setattr(planning, "CHUNK_LINES", 3)
    yield server.world()
    await server.stop()


async def first_chunk_of(world: World, store_id: str) -> None:
    task = next(task for task in world.updates if task.store_id == store_id)
    world.take(task)
    await world.deliver(task)
    await world.finish()


async def test_stores_that_nobody_has_begun_with_are_left_as_they_were(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    run = await world.cancelling.begin(run_id)
    assert (run.status, run.missing_count, run.deadline) == ("cancelled", 2, None)
    await world.until_quiet()
    assert await statuses(world, run_id) == {"s1": "cancelled", "s2": "cancelled"}
    assert (await world.items("s1"), await tickets(world, "s1")) == ({}, 0)
    assert await world.letters() == []


async def test_a_store_that_is_half_in_comes_in_whole(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    await first_chunk_of(world, "s1")
    run = await world.cancelling.begin(run_id)
    assert (run.status, run.deadline is None) == ("cancelled", False)
    await world.until_quiet()
    assert await statuses(world, run_id) == {"s1": "updated", "s2": "cancelled"}
    assert (sorted(await world.items("s1")), await world.items("s2")) == (SKUS, {})
    assert (await tickets(world, "s1"), world.built["s1"]) == (1, 1)
    assert await status(world, run_id) == "cancelled"


async def test_an_update_that_was_under_way_is_shown(world: World) -> None:
    """Wherever it stands: what it writes into the assortment after the end of its run is not to be hidden."""
    for number in range(0, 40, 2):
        store_id = f"s{number}"
        run_id = world.drop("acme", {store_id: lines(skus=SKUS[:3])})
        await world.announce(world.announced.pop())
        await world.finish()
        (task,) = world.updates
        world.take(task)
        await world.deliver(task)
        work = world.works[-1]
        for _ in range(number):
            if work in world.works:
                await world.step(work)
        if work not in world.works:
            break
        await world.cancel(run_id)
        await world.to_its_end(world.works[-1])
        await world.finish()
        await world.build_storefronts()
        came_in = bool(await world.items(store_id))
        assert (await tickets(world, store_id), world.built[store_id]) == (came_in, came_in), number
        assert (await statuses(world, run_id))[store_id] == ("updated" if came_in else "cancelled"), number
    else:
        raise AssertionError("more gates are needed")


async def test_a_cancellation_that_dies_is_finished_by_the_sweeper(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    await world.cancel(run_id)
    work = world.works[-1]
    while await status(world, run_id) != "cancelled":
        await world.step(work)
    await world.kill(work)
    assert await statuses(world, run_id) == {"s1": "pending", "s2": "pending"}
    world.clock.advance(301)
    await world.sweep()
    await world.finish()
    assert await statuses(world, run_id) == {"s1": "cancelled", "s2": "cancelled"}
    run = await world.runs.get(run_id)
    assert run
    assert (run.missing_count, run.deadline) == (2, None)


async def test_what_a_lost_task_has_left_half_done_is_shown_in_the_end(world: World) -> None:
    run_id = await planned(world, "s1")
    await first_chunk_of(world, "s1")
    await world.cancelling.begin(run_id)
    world.queues.waiting.clear()
    world.clock.advance(2 * 3600 + 1)
    await world.sweep()
    await world.finish()
    await world.build_storefronts()
    run = await world.runs.get(run_id)
    assert run
    assert (run.status, run.missing, run.deadline) == ("cancelled", ["s1"], None)
    assert (await tickets(world, "s1"), world.built["s1"]) == (1, 1)


async def test_a_feed_that_is_still_being_read_changes_nothing_any_more(world: World) -> None:
    run_id = world.drop("acme", {"s1": lines()})
    await world.announce(world.announced.pop())
    reading = world.works[-1]
    while not await world.all_runs():
        await world.step(reading)
    await world.cancelling.begin(run_id)
    await world.until_quiet()
    assert (await status(world, run_id), await world.items("s1")) == ("cancelled", {})
    with pytest.raises(Problem, match="Send the feed again"):
        await world.reruns.begin(await world.runs.existing(run_id), None)


async def test_a_cancelled_run_can_be_run_again(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    await world.cancelling.begin(run_id)
    await world.rerun(run_id, None)
    await world.until_quiet()
    assert await status(world, run_id) == "done"
    assert await statuses(world, run_id) == {"s1": "updated", "s2": "updated"}


async def test_what_has_ended_cannot_be_cancelled(world: World) -> None:
    run_id = await planned(world, "s1")
    await world.until_quiet()
    with pytest.raises(Problem, match="has ended: done"):
        await world.cancelling.begin(run_id)
    other = await planned(world, "s2")
    await world.cancelling.begin(other)
    with pytest.raises(Problem, match="has ended: cancelled"):
        await world.cancelling.begin(other)
