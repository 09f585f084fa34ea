"""What becomes of a run's stores: one thing goes wrong at a time, and no chance is involved."""

from collections.abc import AsyncIterator, Sequence

import pytest

from functions.prices import planning
from functions.prices.lines_of_parts import Line
from infra.local.clock import Clock
from shared.errors import PermanentError, TransientError
from shared.problems import Problem
from tests.integration.prices.world import FirestoreServer, World

# More gates than an update has; every other, since nothing happens from behind a call to before the next.
GATES = range(0, 60, 2)
SKUS = [f"sku-{number}" for number in range(6)]


@pytest.fixture
async def worlds(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    """A database for the worlds of a test, in which stores of six lines are two chunks."""
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    monkeypatch.setattr(planning, "CHUNK_LINES", 3)
    yield server
    await server.stop()


@pytest.fixture
def world(worlds: FirestoreServer) -> World:
    return worlds.world()


def lines(price: int = 100, skus: Sequence[str] = SKUS) -> list[Line]:
    return [Line(sku, price, "EUR", True, "care", "", "Soap") for sku in skus]


async def statuses(world: World, run_id: str) -> dict[str, str]:
    return {store.store_id: store.status for store in await world.stores_of(run_id)}


async def status(world: World, run_id: str) -> str:
    run = await world.runs.get(run_id)
    assert run
    return run.status


async def tickets(world: World, store_id: str) -> int:
    snapshot = await world.db.collection("storefronts").document(store_id).get()
    return int((snapshot.to_dict() or {}).get("requested", 0))


async def planned(world: World, *stores: str) -> str:
    """A feed whose tasks wait."""
    run_id = world.drop("acme", {store: lines() for store in stores})
    await world.announce(world.announced.pop())
    await world.finish()
    return run_id


async def last_updates(worlds: FirestoreServer) -> AsyncIterator[tuple[World, str]]:
    """A world for each gate of the last update of a run, which stands there."""
    for gates in GATES:
        world = worlds.world()
        run_id = await planned(world, "s1")
        first, last = world.updates
        world.take(first)
        await world.deliver(first)
        await world.finish()
        world.take(last)
        await world.deliver(last)
        work = world.works[-1]
        for _ in range(gates):
            if work in world.works:
                await world.step(work)
        if work not in world.works:
            assert gates > 15, "the update must have been under way before"
            return
        yield world, run_id
    raise AssertionError("more gates are needed")


async def test_the_last_update_of_a_store_dies_wherever_it_stands(worlds: FirestoreServer) -> None:
    async for world, run_id in last_updates(worlds):
        await world.kill(world.works[-1])
        await world.run_all()
        assert (await status(world, run_id), await tickets(world, "s1")) == ("done", 1)
        assert world.built["s1"] == 1
        assert await world.items("s1") == {line.sku: line for line in lines()}


async def test_a_duplicate_comes_wherever_the_last_update_stands(worlds: FirestoreServer) -> None:
    async for world, run_id in last_updates(worlds):
        (store,) = await world.stores_of(run_id)
        await world.deliver(store.tasks[1])
        await world.to_its_end(world.works[-1])
        await world.run_all()
        # Who lost to the duplicate comes again.
        await world.run_all()
        assert (await status(world, run_id), await tickets(world, "s1")) == ("done", 1)
        assert world.built["s1"] == 1


async def test_a_storefront_waits_for_all_chunks_of_its_store(world: World) -> None:
    await planned(world, "s1")
    task = world.updates[0]
    for _ in range(3):
        await world.deliver(task)
        await world.finish()
    assert await tickets(world, "s1") == 0
    await world.run_all()
    assert await tickets(world, "s1") == 1


async def test_a_feed_that_repeats_another_changes_no_page_and_rebuilds_nothing(world: World) -> None:
    await planned(world, "s1")
    await world.until_quiet()
    again = await planned(world, "s1")
    await world.until_quiet()
    assert await statuses(world, again) == {"s1": "unchanged"}
    run = await world.runs.get(again)
    assert run
    assert run.totals
    assert (run.totals["pages_written"], run.totals["items_changed"]) == (0, 0)
    assert await tickets(world, "s1") == 1


async def test_only_pages_of_changed_items_are_written(world: World) -> None:
    await planned(world, "s1", "s2")
    await world.until_quiet()
    run_id = world.drop("acme", {"s1": [*lines(skus=SKUS[1:]), *lines(999, SKUS[:1])], "s2": lines()})
    await world.until_quiet()
    run = await world.runs.get(run_id)
    assert run
    assert run.totals
    assert (run.totals["pages_written"], run.totals["items_changed"]) == (1, 1)
    assert await statuses(world, run_id) == {"s1": "updated", "s2": "unchanged"}
    assert (await tickets(world, "s1"), await tickets(world, "s2")) == (2, 1)


async def test_an_older_feed_that_comes_late_overwrites_nothing(world: World) -> None:
    older = world.drop("acme", {"s1": lines(1)})
    world.announced.clear()
    world.drop("acme", {"s1": lines(2, SKUS[:3])})
    await world.until_quiet()
    world.announced.append(older)
    await world.until_quiet()
    prices = {sku: line.price for sku, line in (await world.items("s1")).items()}
    assert prices == dict.fromkeys(SKUS[:3], 2) | dict.fromkeys(SKUS[3:], 1)


async def test_a_store_of_another_retailer_is_refused_and_holds_up_nobody(world: World) -> None:
    await planned(world, "s1")
    await world.until_quiet()
    run_id = world.drop("other", {"s1": lines(1), "s2": lines(1)})
    await world.until_quiet()
    assert await statuses(world, run_id) == {"s1": "refused", "s2": "updated"}
    run = await world.runs.get(run_id)
    assert run
    assert (run.status, run.failed) == ("partial", ["s1"])
    assert {line.price for line in (await world.items("s1")).values()} == {100}


async def test_a_store_whose_update_is_given_up_fails_alone_and_can_be_tried_again(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    world.parts.fails = PermanentError("It is gone.")
    await world.deliver(world.updates[0])
    await world.finish()
    world.parts.fails = None
    world.take(world.updates[0])
    await world.until_quiet()
    run = await world.runs.get(run_id)
    assert run
    assert (run.status, run.failed) == ("partial", ["s1"])
    failed, _ = await world.stores_of(run_id)
    assert (failed.status, failed.reason) == ("failed", "It is gone.")
    # What came in of it is shown all the same.
    assert world.built == {"s1": await tickets(world, "s1"), "s2": 1}
    await world.replay_all()
    assert await statuses(world, run_id) == {"s1": "updated", "s2": "updated"}
    assert await world.items("s1") == await world.items("s2")


async def test_nothing_of_our_cloud_is_told_of_an_update_that_ran_out_of_attempts(world: World) -> None:
    run_id = await planned(world, "s1")
    world.parts.fails = TransientError("bucket x-17 of project y")
    for _ in range(10):
        await world.run_all()
    (store,) = await world.stores_of(run_id)
    assert store.status == "failed"
    assert "x-17" not in store.reason
    assert {letter["error"] for letter in await world.letters()} == {"bucket x-17 of project y"}


async def test_the_deadline_names_who_is_missing_and_who_comes_late_still_counts(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    lost = world.updates[-1]
    world.take(lost)
    await world.run_all()
    world.clock.advance(2 * 3600 + 1)
    await world.sweep()
    await world.run_all()
    run = await world.runs.get(run_id)
    assert run
    assert (run.status, run.missing, run.deadline) == ("partial", ["s2"], None)
    # Half of it has come in.
    assert world.built == {"s1": 1, "s2": 1}
    await world.deliver(lost)
    await world.run_all()
    assert (await statuses(world, run_id))["s2"] == "updated"
    assert world.built["s2"] == 2
    assert await status(world, run_id) == "partial"


async def test_tasks_that_were_never_enqueued_are(world: World) -> None:
    run_id = world.drop("acme", {"s1": lines()})
    await world.announce(world.announced.pop())
    work = world.works[-1]
    while not world.queues.enqueued:
        await world.step(work)
    await world.kill(work)
    world.announced.clear()
    world.queues.waiting.clear()
    world.queues.forget()
    world.clock.advance(601)
    await world.sweep()
    await world.until_quiet()
    assert await status(world, run_id) == "done"


async def test_a_feed_that_nobody_came_to_read_fails(world: World) -> None:
    run_id = world.drop("acme", {"s1": lines()})
    await world.announce(world.announced.pop())
    while not await world.all_runs():
        await world.step(world.works[-1])
    await world.kill(world.works[-1])
    world.clock.advance(25 * 3600 + 1)
    await world.sweep()
    await world.finish()
    assert await status(world, run_id) == "failed"


async def test_one_store_is_run_again_and_comes_to_the_same(world: World) -> None:
    run_id = await planned(world, "s1", "s2")
    await world.until_quiet()
    await world.rerun(run_id, "s1")
    await world.finish()
    assert {task.store_id for task in world.updates} == {"s1"}
    assert await status(world, run_id) == "running"
    await world.until_quiet()
    assert await status(world, run_id) == "done"
    assert await statuses(world, run_id) == {"s1": "unchanged", "s2": "updated"}
    assert (await tickets(world, "s1"), await tickets(world, "s2")) == (1, 1)


async def test_what_is_under_way_or_was_never_taken_is_not_run_again(world: World) -> None:
    run = await world.runs.get(await planned(world, "s1"))
    assert run
    with pytest.raises(Problem, match="still under way"):
        await world.reruns.begin(run, None)
    await world.until_quiet()
    done = await world.runs.get(run.id)
    assert done
    with pytest.raises(Problem, match="not valid"):
        await world.reruns.begin(done, "s9")
    world.clock.advance(30 * 86400)
    with pytest.raises(Problem, match="not kept"):
        await world.reruns.begin(done, None)
