"""Stores are told of new categories: all of them, soon, and once for many changes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from functions.storefront.fan_outs import WINDOW
from functions.storefront.refreshing import PAGE, STALE_AFTER
from shared.storefronts import RefreshTask
from tests.integration.steps import Work
from tests.integration.storefront.platform import Platform
from tests.integration.storefront.world import FirestoreServer

# More gates than any work here has: those before a call to the outside, of which the ones after it are no different.
GATES = range(0, 80, 2)
STORES = ("s1", "s2")
# A change is told of 35 seconds after it at the latest.
SOON = 36


@pytest.fixture
def platform(worlds: FirestoreServer) -> Platform:
    return Platform(worlds.database(), worlds.clock)


async def change(platform: Platform, name: str = "Food") -> None:
    """Change the categories, and be told that it is done."""
    await platform.put("food", name=name)
    await platform.finish()


async def at_gate(platform: Platform, gate: int) -> Work | None:
    """Let the latest work go through ``gate`` gates; the work, if it is still under way."""
    work = platform.works[-1]
    for _ in range(gate):
        if work in platform.works:
            await platform.step(work)
    return work if work in platform.works else None


async def platforms(worlds: FirestoreServer) -> AsyncIterator[tuple[Platform, int]]:
    """A platform of a store for each gate; to be left when the work at hand has no more of them."""
    for gate in GATES:
        platform = Platform(worlds.database(), worlds.clock)
        await platform.write(["s1"], current=None)
        yield platform, gate
    raise AssertionError("more gates are needed")


async def test_a_change_reaches_every_store(platform: Platform) -> None:
    await platform.open_stores(*STORES)
    await change(platform)
    platform.clock.advance(SOON)
    await platform.run_due()
    assert await platform.shown() == {"s1": 1, "s2": 1}
    assert await platform.tickets() == {"s1": 2, "s2": 2}


async def test_a_change_that_changes_nothing_is_not_told_of(platform: Platform) -> None:
    await change(platform)
    platform.clock.advance(SOON)
    await platform.run_due()
    await change(platform)
    assert not platform.queues.waiting


async def test_changes_of_a_minute_share_a_few_walks(platform: Platform) -> None:
    for _ in range(1_000):
        await platform.fan_outs.announce()
        platform.clock.advance(0.06)
    assert platform.queues.enqueued <= 3


async def test_two_changes_of_one_window_are_both_told_of(platform: Platform) -> None:
    await platform.open_stores("s1")
    platform.clock.advance(WINDOW.total_seconds() - platform.clock.time() % WINDOW.total_seconds())
    for name in ("Food", "Groceries"):
        await change(platform, name)
        await platform.run_due()
    platform.clock.advance(SOON)
    await platform.run_due()
    assert await platform.shown() == {"s1": 2}


async def test_a_store_that_waits_for_a_build_gets_no_further_ticket(platform: Platform) -> None:
    await platform.open_stores(*STORES)
    for number in range(3):
        await change(platform, f"Food {number}")
        platform.clock.advance(SOON)
        await platform.walk()
    assert len(platform.walks) == 3
    assert await platform.tickets() == {"s1": 2, "s2": 2}
    await platform.run_due()
    assert await platform.shown() == {"s1": 3, "s2": 3}


async def test_a_walk_goes_on_from_page_to_page_and_passes_over_who_is_up_to_date(platform: Platform) -> None:
    await change(platform)
    stores = [f"s{number:04}" for number in range(2 * PAGE + 1)]
    await platform.write(stores, categories_version=0)
    await platform.write(stores[::2], categories_version=1)
    platform.clock.advance(SOON)
    for _ in range(4):
        await platform.walk()
    assert [walk.after for walk in platform.walks] == [None, stores[PAGE - 1], stores[2 * PAGE - 1]]
    assert {store for store, tickets in (await platform.tickets()).items() if tickets > 1} == set(
        stores[1::2]
    )
    assert len(platform.queues.waiting) == len(stores[1::2])


async def test_a_build_stands_anywhere_while_a_change_is_told_of(worlds: FirestoreServer) -> None:
    async for platform, gate in platforms(worlds):
        await platform.requests.request("s1")
        await platform.deliver(platform.queues.take(platform.clock.now())[0])
        build = await at_gate(platform, gate)
        await _changed_beside(platform, build)
        platform.clock.advance(SOON)
        await platform.run_due()
        assert await platform.shown() == {"s1": 1}
        if not build:
            return


async def _changed_beside(platform: Platform, build: Work | None) -> None:
    """A change and its walk from beginning to end, while ``build`` stands where it is."""
    await platform.put("food")
    await platform.to_its_end(platform.works[-1])
    # Nobody waits for it to be due: it would be long for a build to stand still.
    await platform.deliver(platform.queues.waiting.pop())
    await platform.to_its_end(platform.works[-1])
    assert not build or build in platform.works


async def test_a_walk_dies_wherever_it_stands(worlds: FirestoreServer) -> None:
    async for platform, gate in platforms(worlds):
        await change(platform)
        platform.clock.advance(SOON)
        await platform.deliver(platform.queues.take(platform.clock.now())[0])
        walk = await at_gate(platform, gate)
        if walk:
            await platform.kill(walk)
        # Its delivery is repeated: nobody needs to sweep.
        await platform.run_due()
        assert await platform.shown() == {"s1": 1}
        if not walk:
            return


async def test_a_change_dies_wherever_it_stands(worlds: FirestoreServer) -> None:
    async for platform, gate in platforms(worlds):
        await platform.put("food")
        put = await at_gate(platform, gate)
        if put:
            await platform.kill(put)
        await platform.converges()
        if not put:
            return


async def test_a_sweep_dies_wherever_it_stands_and_tasks_are_lost(worlds: FirestoreServer) -> None:
    async for platform, gate in platforms(worlds):
        await change(platform)
        await platform.requests.request("s1")
        platform.queues.waiting.clear()
        platform.clock.advance(700)
        await platform.sweep()
        sweep = await at_gate(platform, gate)
        if sweep:
            await platform.kill(sweep)
        await platform.converges()
        if not sweep:
            return


async def test_a_walk_is_begun_anew_when_nothing_was_heard_of_it_for_two_minutes(platform: Platform) -> None:
    await change(platform)
    platform.queues.waiting.clear()
    platform.clock.advance(110)
    assert await platform.sweeper.sweep() == {}
    platform.clock.advance(11)
    assert await platform.sweeper.sweep() == {"walks": 1}


async def test_a_build_that_fails_is_tried_again_after_twice_the_time(platform: Platform) -> None:
    await platform.requests.request("s1")
    tried = []
    for minute in range(0, 100, 5):
        platform.queues.waiting.clear()
        if (await platform.sweeper.sweep()).get("enqueued"):
            tried.append(minute)
        platform.clock.advance(300.1)
    assert len(tried) > 2
    assert all(later >= 2 * earlier for earlier, later in pairwise(tried))
    assert platform.queues.enqueued == 1 + len(tried)


async def test_a_build_that_is_under_way_is_not_begun_anew(platform: Platform) -> None:
    await platform.requests.request("s1")
    platform.clock.advance(601)
    await platform.deliver(platform.queues.take(platform.clock.now())[0])
    while not (await platform.stored())["s1"].get("claim"):
        await platform.step(platform.works[-1])
    assert await platform.sweeper.sweep() == {"building": 1}


async def test_a_generation_goes_when_its_time_is_over(platform: Platform) -> None:
    for _ in range(3):
        await platform.open_stores("s1")
    assert len((await platform.stored())["s1"]["generations"]) == 3
    platform.clock.advance(601)
    assert await platform.sweeper.sweep() == {"cleaned": 1}
    assert len((await platform.stored())["s1"]["generations"]) == 2


async def test_what_is_stale_is_rebuilt_at_night(platform: Platform) -> None:
    now = platform.clock.now()
    fresh, old = now - timedelta(hours=1), now - STALE_AFTER - timedelta(minutes=1)
    await change(platform)
    platform.queues.waiting.clear()
    await platform.write(["fresh", "seen"], categories_version=1, built_at=fresh)
    await platform.write(["old"], categories_version=1, built_at=old)
    await platform.write(["older-categories"], categories_version=0, built_at=fresh)
    await platform.write(["held"], categories_version=0, built_at=old, current=1, last_generation=2)
    for store_id in ("seen", "held"):
        await platform.batches.add(store_id, "b1", [("apple", 10, 1)])
    assert await platform.nightly.begin() == {"begun": True}
    assert await platform.nightly.begin() == {"begun": False}
    await platform.walk()
    asked = sorted(task.payload.root.store_id for task in platform.queues.waiting)
    assert asked == ["old", "older-categories", "seen"]


async def test_a_walk_that_is_delivered_late_takes_nothing_back(platform: Platform) -> None:
    await platform.fan_outs.ended(5)
    await platform.fan_outs.ended(4)
    assert (await platform.fan_outs.progress()).done == 5


async def test_the_walk_of_a_version_that_was_told_of_is_over_at_once(platform: Platform) -> None:
    await platform.open_stores(*STORES)
    await change(platform)
    platform.clock.advance(SOON)
    await platform.run_due()
    await platform.write(["s3"], categories_version=0)
    await platform.fan_outs.enqueue(RefreshTask(which="categories", round="again"))
    await platform.run_due()
    assert (await platform.tickets())["s3"] == 1
