"""Rebuilding a store: what it costs, how requests coalesce, who gives way to whom, and deaths at every step."""

import logging
from collections.abc import Mapping

import pytest

from functions.storefront.generations import GRACE, LEASE
from shared.problems import Problem
from tests.integration.steps import Work
from tests.integration.storefront.world import PAGES, STORE, FirestoreServer, World, expected

# More gates than a rebuild has.
_ENOUGH = 60


async def begun(world: World, steps: int) -> Work:
    """A rebuild for a change of the store, so far on its way."""
    await world.change()
    await world.finish()
    await world.deliver(world.queues.waiting.pop())
    (work,) = world.works
    for _ in range(steps):
        await world.step(work)
    return work


async def built(world: World) -> None:
    """A change of the store, and a rebuild for it."""
    await begun(world, 0)
    await world.finish()


async def test_a_hundred_requests_are_two_builds(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    first = await begun(world, 6)
    for _ in range(100):
        await world.requests.request(STORE)
    # Some of them are tried while the first build is under way, all of them after it.
    early, world.queues.waiting = world.queues.waiting[:5], world.queues.waiting[5:]
    for task in early:
        await world.deliver(task)
        await world.finish_but(first)
    assert len(world.queues.waiting) == 95 + 1, "those that came too early wait as one"
    await world.run_all()
    assert (await world.state()).last_generation == 2
    assert (await world.state()).built == (await world.state()).requested


async def test_a_rebuild_reads_each_page_once_and_writes_each_view_once(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await world.send("b1", [("apple", 5, 1)])
    await world.change()
    await world.finish()
    before = cost(worlds)
    await world.run_all()
    spent = {name: count - before[name] for name, count in cost(worlds).items()}
    # The state, the assortment and its pages, the categories and their head, no counters yet, and a batch of events.
    assert spent["reads"] == 1 + 1 + len(PAGES) + 17 + 1 + 1
    # The claim, three views, the pointer, the counters, and the batch.
    assert spent["writes"] == 1 + 3 + 1 + 1 + 1
    assert spent["deletes"] == 0


def cost(worlds: FirestoreServer) -> Mapping[str, int]:
    return {name: getattr(worlds.service.stats, name) for name in ("reads", "writes", "deletes")}


async def test_whoever_dies_anywhere_is_followed_by_a_whole_generation(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await built(world)
    deaths = 0
    # Every other gate: to die after one call is to die before the next.
    for steps in range(0, _ENOUGH, 2):
        work = await begun(world, 0)
        for _ in range(steps):
            if work in world.works:
                await world.step(work)
        if work not in world.works:
            break
        await world.kill(work)
        deaths += 1
        await world.read(0)
        await world.run_all()
        await world.read(0)
        await world.finish()
        assert (await world.shown()).revision == world.revision
    assert deaths > 8
    await world.converges()


async def test_an_older_build_never_replaces_a_newer_one(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    slow = await begun(world, 12)
    worlds.clock.advance(LEASE.total_seconds() + 1)
    fast = await begun_beside(world, slow)
    await world.to_its_end(fast)
    assert (await world.shown()).revision == 2
    await world.to_its_end(slow)
    assert (await world.shown()).revision == 2
    await world.converges()


async def begun_beside(world: World, other: Work) -> Work:
    await world.change()
    await world.finish_but(other)
    await world.deliver(world.queues.waiting.pop())
    return world.works[-1]


async def test_a_newer_request_waits_for_the_build_under_way(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    slow = await begun(world, 12)
    waiting = await begun_beside(world, slow)
    await world.to_its_end(waiting)
    assert len(world.queues.waiting) == 1, "it comes again"
    await world.run_all()
    assert (await world.shown()).revision == 2


async def test_a_rollback_holds_until_somebody_asks_again(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await built(world)
    await built(world)
    under_way = await begun(world, 12)
    await world.roll_back()
    await world.finish_but(under_way)
    await world.until_quiet()
    assert (await world.shown()).revision == 1
    await world.request()
    await world.until_quiet()
    assert (await world.shown()).revision == 3


async def test_there_is_nothing_to_go_back_to_at_first(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await built(world)
    with pytest.raises(Problem) as refused:
        await world.go_back()
    assert refused.value.status == 409


async def test_what_was_served_before_stays_and_what_was_before_that_goes(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    for _ in range(4):
        await built(world)
    worlds.clock.advance(GRACE.total_seconds() + 1)
    await world.sweep()
    await world.finish()
    assert set(await world.documents()) == {3, 4}


async def test_a_warning_is_of_what_was_lost_and_not_of_cleaning_up(
    worlds: FirestoreServer, caplog: pytest.LogCaptureFixture
) -> None:
    world = await worlds.world()
    worlds.clock.advance(GRACE.total_seconds())
    # The walk for the world's categories is begun.
    await world.sweep()
    await world.run_all()
    for _ in range(3):
        await built(world)
    levels = []
    for lost in (False, True):
        if lost:
            await world.change(lost=True)
            await world.finish()
        worlds.clock.advance(2 * GRACE.total_seconds())
        caplog.clear()
        with caplog.at_level(logging.INFO):
            await world.sweep()
            await world.finish()
        levels += [record.levelno for record in caplog.records if record.message == "storefronts.swept"]
    assert levels == [logging.INFO, logging.WARNING]


async def test_who_builds_removes_what_was_replaced_long_ago(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await built(world)
    await built(world)
    worlds.clock.advance(GRACE.total_seconds() + 1)
    await built(world)
    assert set(await world.documents()) == {2, 3}
    assert not await world.due(), "there is nothing left for the sweeper"


async def test_a_reader_who_comes_too_late_for_a_view_is_shown_the_next(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await built(world)
    await world.read(0)
    (reader,) = world.works
    # It has the pointer.
    await world.step(reader)
    await world.step(reader)
    for _ in range(2):
        await begun_beside(world, reader)
        await world.finish_but(reader)
    worlds.clock.advance(GRACE.total_seconds() + 1)
    await world.sweep()
    await world.finish_but(reader)
    assert 1 not in await world.documents()
    await world.finish()
    assert {(generation, kind) for generation, kind, _ in world.seen} == {
        (3, kind) for kind in ("TREE0", "TREE", "FETCH")
    }


async def test_events_beyond_what_one_rebuild_can_fold_are_the_next_ones(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    world.fold_at_most(2)
    sent = [[("apple", number, 1)] for number in range(5)]
    for number, events in enumerate(sent):
        await world.send(f"b{number}", events)
    await built(world)
    await world.until_quiet()
    assert (await world.state()).last_generation == 3
    assert await world.counts() == expected(sent)


async def test_a_batch_by_a_name_that_was_another_ones_is_refused(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await world.batches.add(STORE, "b1", [("apple", 1, 0)])
    await built(world)
    await world.batches.add(STORE, "b1", [("apple", 1, 0)])
    with pytest.raises(Problem) as refused:
        await world.batches.add(STORE, "b1", [("apple", 2, 0)])
    assert refused.value.status == 409
    await built(world)
    assert await world.counts() == {"apple": (1, 0)}
