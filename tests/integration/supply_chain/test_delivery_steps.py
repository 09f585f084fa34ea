"""One thing goes wrong at each single call to the outside, one after the other: no chance involved."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from infra.local.clock import Clock
from tests.integration.supply_chain.world import FirestoreServer, Mood, World, use_three_attempts

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

# More gates than any work here has.
GATES = range(16)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirestoreServer]:
    server = FirestoreServer(Clock())
    await server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    use_three_attempts(monkeypatch)
    yield server
    await server.stop()


async def written(world: World, write: Callable[[], Awaitable[None]]) -> None:
    await write()
    await world.to_its_end(world.works[-1])


async def delivered(world: World) -> None:
    """The task that was added last, to the end of its first attempt."""
    await world.deliver(world.queue.waiting.pop())
    await world.to_its_end(world.works[-1])


async def at_gate(world: World, gate: int) -> bool:
    """Let the only work go through ``gate`` gates; whether it is still under way."""
    work = world.works[-1]
    for _ in range(gate):
        if work in world.works:
            await world.step(work)
    return work in world.works


@pytest.mark.parametrize("seconds", [0, 9, 16, 26])
@pytest.mark.parametrize("mood", ["well", "losing answers", "silent"])
async def test_a_delivery_is_overtaken_wherever_it_stands(
    server: FirestoreServer, seconds: int, mood: Mood
) -> None:
    for gate in GATES:
        world = server.world()
        await written(world, lambda: world.create("p1", "delivered"))  # noqa: B023
        await delivered(world)
        await written(world, lambda: world.replace("p1", "old"))  # noqa: B023
        await world.deliver(world.queue.waiting.pop())
        under_way = await at_gate(world, gate)
        world.partner.mood = mood
        await written(world, lambda: world.replace("p1", "new"))  # noqa: B023
        world.clock.advance(seconds)
        await delivered(world)
        world.partner.mood = "well"
        await world.converges()
        if not under_way:
            return
    raise AssertionError("more gates than thought")


@pytest.mark.parametrize("status", ["synced", "superseded"])
async def test_a_sweep_meanwhile_costs_no_attempt(server: FirestoreServer, status: str) -> None:
    for gate in GATES:
        world = server.world()
        await written(world, lambda: world.create("p1", "late"))  # noqa: B023
        late = world.queue.waiting.pop()
        if status == "superseded":
            await written(world, lambda: world.replace("p1", "newer"))  # noqa: B023
        world.clock.advance(130)
        await world.deliver(late)
        delivery, under_way = world.works[-1], await at_gate(world, gate)
        await written(world, world.sweep)
        if under_way:
            await world.to_its_end(delivery)
        event = min(await world.events(), key=lambda event: event.version)
        assert event.status == status, f"gate {gate}"
        if not under_way:
            return
    raise AssertionError("more gates than thought")


@pytest.mark.parametrize("what", ["create", "replace", "delete", "deliver", "sweep"])
async def test_a_death_anywhere_loses_nothing(server: FirestoreServer, what: str) -> None:
    for gate in GATES:
        world = server.world()
        await written(world, lambda: world.create("p0", "another"))  # noqa: B023
        await BEGINNINGS[what](world)
        under_way = await at_gate(world, gate)
        if under_way:
            await world.kill(world.works[-1])
        await world.converges()
        if not under_way:
            return
    raise AssertionError("more gates than thought")


async def _create(world: World) -> None:
    await world.create("p1", "new")


async def _replace(world: World) -> None:
    await world.replace("p0", "newer")


async def _delete(world: World) -> None:
    await world.delete("p0")


async def _deliver(world: World) -> None:
    await world.deliver(world.queue.waiting.pop())


async def _sweep(world: World) -> None:
    """One event was never enqueued, and one has lost its task after an attempt."""
    world.partner.mood = "failing"
    await delivered(world)
    world.queue.waiting.clear()
    world.clock.advance(10 * 3600)
    await written(world, lambda: world.create("p1", "unpublished"))
    world.queue.waiting.clear()
    world.queue.forget()
    world.clock.advance(130)
    world.partner.mood = "well"
    await world.sweep()


BEGINNINGS = {"create": _create, "replace": _replace, "delete": _delete, "deliver": _deliver, "sweep": _sweep}


async def test_a_straggler_of_an_old_series_is_no_attempt_of_the_new(server: FirestoreServer) -> None:
    """Its last attempt would otherwise bury what is being tried anew."""
    world = server.world()
    world.partner.mood = "failing"
    await written(world, lambda: world.create("p1", "new"))
    await delivered(world)
    straggler = world.queue.waiting.pop()
    world.clock.advance(10 * 3600)
    await written(world, world.sweep)
    for _ in range(3):
        await world.deliver(straggler)
        await world.to_its_end(world.works[-1]) if world.works else None
    (event,) = await world.events()
    assert (event.status, event.series, event.attempts) == ("pending", 1, 0)


async def test_what_is_refused_for_good_is_dead_at_once_and_says_why(server: FirestoreServer) -> None:
    world = server.world()
    world.partner.refuses.add("p1")
    await written(world, lambda: world.create("p1", "new"))
    await delivered(world)
    (letter,) = await world.letters()
    assert (letter["event"], letter["attempts"]) == ("p1:1", 1)
    assert "no such thing is sold here" in letter["error"]
    (event,) = await world.events()
    assert event.status == "dead"


async def test_an_api_that_wants_to_rest_is_left_alone(server: FirestoreServer) -> None:
    world = server.world()
    world.partner.mood = "resting"
    await written(world, lambda: world.create("p1", "new"))
    await delivered(world)
    asked = len(world.partner.requests)
    world.clock.advance(100)
    await written(world, lambda: world.replace("p1", "newer"))
    await delivered(world)
    assert len(world.partner.requests) == asked
    world.partner.mood = "well"
    await world.converges()


async def test_a_request_without_an_answer_may_yet_arrive_so_nothing_newer_is_sent_for_a_while(
    server: FirestoreServer,
) -> None:
    world = server.world()
    world.partner.mood = "silent"
    await written(world, lambda: world.create("p1", "new"))
    await delivered(world)
    world.partner.mood = "well"
    await written(world, lambda: world.replace("p1", "newer"))
    world.clock.advance(20)
    await delivered(world)
    assert world.partner.requests == []
    world.clock.advance(6)
    await world.run_all()
    assert world.partner.requests == [("p1", 2)]
    await world.converges()
