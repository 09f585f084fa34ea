"""The countdown latch in a database: whoever arrives, however often and in whatever order, one release follows."""

import asyncio
from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.cloud import Cloud
from shared.latch import Latch

HOUR = timedelta(hours=1)


@pytest.fixture
async def latch(cloud: Cloud, db: AsyncClient) -> Latch:
    return await opened(cloud, db, "run-1")


async def opened(cloud: Cloud, db: AsyncClient, latch_id: str) -> Latch:
    latch = Latch(db, latch_id, cloud.clock.now)
    batch = db.batch()
    latch.open(batch, cloud.clock.now() + HOUR)
    await batch.commit()
    return latch


async def arrive(db: AsyncClient, latch: Latch, *members: int) -> None:
    batch = db.batch()
    for member in members:
        latch.arrive(batch, member)
    await batch.commit()


async def release_if_complete(db: AsyncClient, latch: Latch, latch_id: str = "run-1") -> bool:
    """What each member does after its arrival; whether it was the one that released."""
    seen = await latch.state()
    if seen.released or not seen.complete:
        return False
    batch = db.batch()
    latch.release(batch, seen)
    batch.create(db.collection("releases").document(), {"latch": latch_id})
    try:
        await batch.commit()
    except FailedPrecondition:
        return False
    return True


async def releases(db: AsyncClient, latch_id: str = "run-1") -> int:
    query = db.collection("releases").where(filter=FieldFilter("latch", "==", latch_id))
    return int((await query.count().get())[0][0].value)


async def test_a_latch_opens_once_along_with_the_rest_of_its_batch(
    cloud: Cloud, db: AsyncClient, latch: Latch
) -> None:
    batch = db.batch()
    latch.open(batch, cloud.clock.now())
    batch.set(db.collection("runs").document("r"), {"started": True})
    with pytest.raises(AlreadyExists):
        await batch.commit()
    assert not (await db.collection("runs").document("r").get()).exists


async def test_a_latch_that_was_never_opened_is_told(db: AsyncClient) -> None:
    with pytest.raises(LookupError, match="no latch run-9"):
        await Latch(db, "run-9").state()


async def test_a_member_that_arrives_again_counts_once(db: AsyncClient, latch: Latch) -> None:
    await latch.seal(2)
    for _ in range(3):
        await arrive(db, latch, 0)
    state = await latch.state()
    assert (state.arrived, state.complete) == (1, False)


async def test_members_may_arrive_before_their_number_is_known(db: AsyncClient, latch: Latch) -> None:
    await arrive(db, latch, 1, 0)
    assert not (await latch.state()).complete
    await latch.seal(2)
    assert (await latch.state()).complete


async def test_an_arrival_is_lost_with_the_work_it_came_with(db: AsyncClient, latch: Latch) -> None:
    work = db.collection("work").document("w")
    await work.set({})
    batch = db.batch()
    batch.create(work, {})
    latch.arrive(batch, 0)
    with pytest.raises(AlreadyExists):
        await batch.commit()
    assert (await latch.state()).arrived == 0


async def test_without_members_it_is_complete_when_it_is_sealed(db: AsyncClient, latch: Latch) -> None:
    assert not await release_if_complete(db, latch)
    await latch.seal(0)
    assert await release_if_complete(db, latch)


async def test_sealing_again_changes_nothing(db: AsyncClient, latch: Latch) -> None:
    await latch.seal(1)
    await arrive(db, latch, 0)
    assert await release_if_complete(db, latch)
    await latch.seal(1)
    state = await latch.state()
    assert (state.members, state.released) == (1, True)
    assert not await release_if_complete(db, latch)


async def test_of_many_last_arrivals_at_once_one_releases(db: AsyncClient, latch: Latch) -> None:
    members = 25
    await latch.seal(members)

    async def come(member: int) -> bool:
        await arrive(db, latch, member)
        return await release_if_complete(db, latch)

    # Each member twice, as a queue may deliver it.
    released = await asyncio.gather(*(come(member % members) for member in range(2 * members)))
    assert released.count(True) == await releases(db) == 1


async def test_who_loses_the_race_to_release_does_nothing_at_all(db: AsyncClient, latch: Latch) -> None:
    await latch.seal(1)
    await arrive(db, latch, 0)
    seen = await latch.state()
    assert await release_if_complete(db, latch)
    late = db.batch()
    latch.release(late, seen)
    late.create(db.collection("releases").document(), {"latch": "run-1"})
    with pytest.raises(FailedPrecondition):
        await late.commit()
    assert await releases(db) == 1


async def test_a_seal_does_not_move(latch: Latch) -> None:
    await latch.seal(2)
    await latch.seal(2)
    with pytest.raises(ValueError, match="2 members already"):
        await latch.seal(3)


async def test_past_its_deadline_an_incomplete_latch_is_overdue(
    cloud: Cloud, db: AsyncClient, latch: Latch
) -> None:
    await latch.seal(2)
    await arrive(db, latch, 0)
    state = await latch.state()
    assert not state.overdue(cloud.clock.now())
    assert state.overdue(cloud.clock.now() + HOUR + timedelta(seconds=1))
    await arrive(db, latch, 1)
    assert not (await latch.state()).overdue(cloud.clock.now() + 2 * HOUR)


async def test_its_state_costs_two_reads(cloud: Cloud, db: AsyncClient, latch: Latch) -> None:
    if cloud.firestore is None:
        pytest.skip("FIRESTORE_EMULATOR_HOST is set, and Google's emulator does not count what it would bill")
    await arrive(db, latch, *range(100))
    cloud.reset_stats()
    await latch.state()
    assert cloud.stats()["firestore"]["reads"] == 2


async def test_a_latch_and_its_arrivals_go_when_their_time_has_come(
    cloud: Cloud, db: AsyncClient, latch: Latch
) -> None:
    if cloud.firestore is None:
        pytest.skip("FIRESTORE_EMULATOR_HOST is set, and Google's emulator has no time to live")
    await arrive(db, latch, 0, 1)
    cloud.clock.advance(timedelta(days=29).total_seconds())
    await cloud.firestore.sweep_expired()
    assert (await latch.state()).arrived == 2
    cloud.clock.advance(timedelta(days=2).total_seconds())
    await cloud.firestore.sweep_expired()
    with pytest.raises(LookupError):
        await latch.state()
    assert not [reference async for reference in db.collection_group("arrivals").stream()]


steps = st.integers(0, 4).flatmap(
    lambda members: st.tuples(
        st.just(members),
        st.lists(st.sampled_from(["seal", *range(members)]), max_size=8)
        .map(
            # At least once each, then as often and in whatever order.
            lambda again: ["seal", *range(members), *again]
        )
        .flatmap(st.permutations),
    )
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(steps)
async def test_however_they_come_it_is_released_once_and_by_the_last(
    cloud: Cloud, db: AsyncClient, script: tuple[int, list[int | str]]
) -> None:
    members, order = script
    latch_id = db.collection("latches").document().id
    latch = await opened(cloud, db, latch_id)
    missing = {"seal", *range(members)}
    for step in order:
        if step == "seal":
            await latch.seal(members)
        else:
            await arrive(db, latch, int(step))
        was_missing = bool(missing)
        missing.discard(step)
        released = await release_if_complete(db, latch, latch_id)
        assert released == (was_missing and not missing)
    assert await releases(db, latch_id) == 1
