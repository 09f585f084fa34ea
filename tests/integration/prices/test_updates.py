"""What becomes of a run's stores: one thing goes wrong at a time, and no chance is involved."""

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial

import pytest

from functions.prices import planning
from functions.prices.lines_of_parts import Line
from functions.prices.queues import UpdateTask
from infra.local.clock import Clock
from shared.dead_letters import DeadLetter
from shared.errors import PermanentError, TransientError
from shared.problems import Problem
from tests.integration.prices.world import FirestoreServer, World

# More gates than an update has; every other, since nothing happens from behind a call to before the next.
GATES = range(0, 60, 2)
SKUS = [f"sku-{number}" for number in range(6)]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world in which stores of six lines are two chunks."""
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    monkeypatch.setattr(planning, "CHUNK_LINES", 3)
    yield server.world()
    await server.stop()


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


def stamp_of(world: World, run_id: str) -> str:
    return world.said[run_id][0].stamp


async def planned(world: World, *stores: str) -> str:
    """A feed whose tasks wait."""
    run_id = world.drop("acme", {store: lines() for store in stores})
    await world.announce(world.announced.pop())
    await world.finish()
    return run_id


async def during(world: World, run_id: str) -> None:
    """All of a feed comes in while other work stands where it is."""
    world.announced.remove(run_id)
    await world.announce(run_id)
    await world.to_its_end(world.works[-1])
    for task in [task for task in world.updates if task.run_id == run_id]:
        world.take(task)
        await world.deliver(task)
        await world.to_its_end(world.works[-1])


async def updates(
    world: World, gates: Iterable[int] = GATES, skus: Sequence[str] = SKUS[:3]
) -> AsyncIterator[tuple[str, UpdateTask]]:
    """For each gate the first update of a run's one store, which stands there; the run's id beside it."""
    for number in gates:
        run_id = world.drop("acme", {f"s{number}": lines(skus=skus)})
        await world.announce(world.announced.pop())
        await world.finish()
        task = world.updates[0]
        world.take(task)
        await world.deliver(task)
        work = world.works[-1]
        for _ in range(number):
            if work in world.works:
                await world.step(work)
        if work not in world.works:
            assert number > 20, "the update must have been under way before"
            return
        yield run_id, task
    assert gates is not GATES, "more gates are needed"


async def test_an_update_dies_wherever_it_stands(world: World) -> None:
    async for run_id, task in updates(world):
        await world.kill(world.works[-1])
        await world.run_all()
        assert (await status(world, run_id), await tickets(world, task.store_id)) == ("done", 1)
        assert world.built[task.store_id] == 1
        assert list(await world.items(task.store_id)) == SKUS[:3]


async def test_a_store_never_ends_without_the_lines_of_a_chunk_that_died(world: World) -> None:
    async for run_id, task in updates(world, range(4, 14, 2), SKUS):
        await world.kill(world.works[-1])
        # The other chunk comes before this one comes again.
        await world.run_all()
        assert (await status(world, run_id), await tickets(world, task.store_id)) == ("done", 1)
        assert sorted(await world.items(task.store_id)) == SKUS


async def test_a_duplicate_and_a_newer_feed_come_wherever_an_update_writes(world: World) -> None:
    old, newer, between = lines(100, SKUS[:3]), lines(200, SKUS[2:4]), lines(150, SKUS[:3])
    # From before it reads the assortment until it has written it, which is there already.
    standing = range(4, 9)
    world.drop("acme", {f"s{number}": lines(50) for number in standing})
    await world.until_quiet()
    async for run_id, task in updates(world, standing):
        store = task.store_id
        await world.deliver(task)
        await world.to_its_end(world.works[-1])
        await during(world, world.drop("acme", {store: newer}))
        await world.run_all()
        assert (await status(world, run_id), await tickets(world, store)) == ("done", 3)
        assert await world.items(store) == {line.sku: line for line in [*lines(50), *old, *newer]}
        # So is who decides: a feed between the two changes only what the newer one is silent about.
        await during(world, world.drop("acme", {store: between}, stamp=f"{stamp_of(world, run_id)}-"))
        assert await world.items(store) == {line.sku: line for line in [*lines(50), *between, *newer]}
        await world.run_all()


@pytest.mark.parametrize("gates", range(0, 8, 2))
async def test_a_store_that_is_updated_while_it_is_given_up_stays_so(world: World, gates: int) -> None:
    run_id = await planned(world, "s1")
    letter = DeadLetter("k", "priceUpdates", "update-prices", world.updates[0].model_dump(), "It is gone.", 1)
    await world.begin("letter", partial(world.letterbox.add, letter))
    giving_up = world.works[-1]
    for _ in range(gates):
        await world.step(giving_up)
    for task in world.updates:
        world.take(task)
        await world.deliver(task)
        await world.to_its_end(world.works[-1])
    await world.until_quiet()
    assert await statuses(world, run_id) == {"s1": "updated"}
    assert world.built["s1"] == await tickets(world, "s1")


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


async def test_a_run_ends_wherever_the_giving_up_of_its_store_dies(world: World) -> None:
    world.parts.fails = PermanentError("It is gone.")
    async for run_id, task in updates(world, GATES[1::2]):
        await world.kill(world.works[-1])
        await world.run_all()
        assert await statuses(world, run_id) == {task.store_id: "failed"}
        assert await status(world, run_id) == "partial"


async def test_what_comes_late_of_a_store_is_shown_though_the_rest_never_comes(world: World) -> None:
    await planned(world, "s1")
    late, lost = world.updates
    for task in (late, lost):
        world.take(task)
    world.clock.advance(2 * 3600 + 1)
    await world.sweep()
    await world.run_all()
    await world.deliver(late)
    await world.run_all()
    assert world.built["s1"] == await tickets(world, "s1") == 1


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
