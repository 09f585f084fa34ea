"""What changes while a re-index makes its last round, with the sync standing still: searches find no less after it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from shared.return_sync.runs import LEASE
from tests.integration.returns.reindex_world import (
    LIVE,
    FirestoreServer,
    ReindexWorld,
    in_step,
    is_in_step,
    put,
    removal,
)


async def locked_behind_a_run(server: FirestoreServer) -> ReindexWorld:
    """A world at the beginning of the last round, just after a run of the sync has brought all sorts of news.

    What it has pushed no round has read yet: a new return, a change, a removal, and what time alone has changed.
    """
    world = await in_step(server)
    due = world.clock.now() + timedelta(hours=2, minutes=5)
    in_force: dict[str, Any] = {"next_status": "received", "next_status_at": due.isoformat()}
    await world.ingest(put("DUE", **in_force), put("LATE", status="cancelled", **in_force))
    await world.until_quiet(crons=1)
    world.clock.advance(timedelta(hours=2).total_seconds() - 900)
    await world.reindex()
    while not world.algolia.temporary():
        await world.run_all()
    await until(world, "compare")
    await world.ingest(put("NEW"), put("R-1", 1, reason="v2"), removal("R-2"))
    # From now on both of those are what they were to become.
    world.clock.advance(timedelta(minutes=6).total_seconds())
    await world.sync()
    await until(world, "lock")
    while not await is_in_last_round(world):
        await world.run_all()
    return world


async def until(world: ReindexWorld, stage: str) -> None:
    job = await world.jobs.active("returns")
    assert job is not None
    await world.until_stage(job, stage)


async def is_in_last_round(world: ReindexWorld) -> bool:
    """Whether the job has the sync's lock and is not done with the round under it."""
    job = await world.jobs.active("returns")
    return job is not None and bool(job.state["run_id"]) and job.state["stage"] == "catch up"


async def everything_changes(world: ReindexWorld) -> None:
    again: dict[str, Any] = {"next_status": None, "next_status_at": None, "status": "received"}
    await world.ingest(put("NEW", 5, reason="v3"), put("R-1", 5, reason="v3"))
    await world.ingest(put("DUE", 5, **again), put("LATE", 5, **again))


async def gates_of_the_round(world: ReindexWorld) -> AsyncIterator[int]:
    """The number of each gate of the last round, before the job goes through it."""
    number = 0
    while await is_in_last_round(world):
        await world.deliver(world.queues.waiting.pop(0))
        while world.works:
            yield number
            number += 1
            await world.step(world.works[0])


async def changed_at(server: FirestoreServer, gate: int) -> tuple[ReindexWorld, bool]:
    """The world after a re-index in whose last round everything changed at a gate; whether it came to that gate."""
    world = await locked_behind_a_run(server)
    came = False
    async for number in gates_of_the_round(world):
        if number == gate:
            came = True
            await everything_changes(world)
    await world.until_rest()
    return world, came


def assert_nothing_is_older_than_before(world: ReindexWorld, when: str) -> None:
    """Everything is at least as new as the run had made it."""
    live = world.algolia.indices[LIVE]
    assert {f"R-{n}" for n in range(9)} - {"R-2"} | {"NEW", "DUE", "LATE"} == set(live), when
    assert live["R-1"]["reason"] in ("v2", "v3"), when
    assert (live["DUE"]["status"], live["LATE"]["status"]) == ("received", "received"), when


@pytest.mark.parametrize("gate", [0, 12, 24, 36])
async def test_what_changes_again_in_the_last_round_is_found_as_before(
    reindex_server: FirestoreServer, gate: int
) -> None:
    world, came = await changed_at(reindex_server, gate)
    assert came
    assert_nothing_is_older_than_before(world, f"at gate {gate}")
    await world.until_quiet()
    assert await is_in_step(world)


@pytest.mark.long
async def test_at_whatever_moment_of_the_last_round_it_changes(reindex_server: FirestoreServer) -> None:
    gate, came = 0, True
    while came:
        world, came = await changed_at(reindex_server, gate)
        assert_nothing_is_older_than_before(world, f"at gate {gate}")
        gate += 1
    assert gate > 30


async def test_a_last_round_that_loses_the_lock_beyond_its_end_is_made_again(
    reindex_server: FirestoreServer,
) -> None:
    world = await locked_behind_a_run(reindex_server)
    for second in (10, 20, 30):
        # Four returns, as many as a step reads: it ends at a full page, among what came after the lock.
        await world.ingest(*(put(f"R-{n}", second, reason=f"v{second}") for n in range(3, 7)))
        await world.run_all()
    assert await is_in_last_round(world)
    await everything_changes(world)
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.sync()
    await world.until_quiet()
    assert await world.jobs.active("returns") is None
    assert world.algolia.moves == 1
    assert await is_in_step(world)


async def test_changes_that_do_not_end_do_not_keep_the_last_round_from_its_end(
    reindex_server: FirestoreServer,
) -> None:
    world = await locked_behind_a_run(reindex_server)
    # A step reads four of them; all that time the sync stands still.
    for second in range(10, 30):
        await world.ingest(*(put(f"R-{n}", second, reason=f"v{second}") for n in range(3, 6)))
        await world.run_all()
        world.clock.advance(1)
        if not world.queues.waiting:
            break
    else:
        raise AssertionError("does not end")
    world.algolia.settle()
    assert_nothing_is_older_than_before(world, "at each step")
