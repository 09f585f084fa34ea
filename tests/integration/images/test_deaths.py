"""One thing goes wrong at each single call to the outside, one after the other: no chance involved."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import pytest

from shared.dead_letters import DeadLetter
from shared.errors import PermanentError, TransientError
from tests.integration.images.fakes import BAD
from tests.integration.images.world import FirestoreServer, World

# Run by `make test-long`: `make test` has to be quick.
pytestmark = pytest.mark.long

# More gates than any work here has.
GATES = range(44)
URL = "https://img.example/a.jpg"
OTHER = "https://img.example/b.jpg"


async def written(world: World, write: Awaitable[None]) -> None:
    """A seller's write, to its end; what comes of it waits."""
    await write
    await world.to_its_end(world.works[-1])


async def fetched(world: World, *urls: str) -> None:
    """A product whose images have come into the bucket, and are announced."""
    await written(world, world.create("p1", urls))
    waiting, world.queues.waiting = world.queues.waiting, []
    for task in waiting:
        await world.deliver(task)
        await world.to_its_end(world.works[-1])


async def at_gate(world: World, gate: int) -> bool:
    """Let the latest work go through ``gate`` gates; whether it is still under way."""
    work = world.works[-1]
    for _ in range(gate):
        if work in world.works:
            await world.step(work)
    return work in world.works


async def statuses(world: World) -> list[str]:
    product = (await world.products())["p1"]
    return [entry["status"] for entry in product["images"]]


async def compressions(worlds: FirestoreServer) -> AsyncIterator[tuple[World, int]]:
    """A world for each gate of a compression, which stands there."""
    for gate in GATES:
        world = worlds.world()
        await fetched(world, URL)
        await world.announce(world.originals.announced[-1])
        if not await at_gate(world, gate):
            assert gate > 15, "the compression must have been under way before"
            return
        yield world, gate
    raise AssertionError("more gates are needed")


async def test_a_compression_dies_wherever_it_stands(worlds: FirestoreServer) -> None:
    async for world, _ in compressions(worlds):
        await world.kill(world.works[-1])
        await world.converges()
        assert await statuses(world) == ["done"]
        assert not await world.letters()
        assert (await world.products())["p1"]["version"] == 2


async def test_a_duplicate_comes_wherever_a_compression_stands(worlds: FirestoreServer) -> None:
    async for world, _ in compressions(worlds):
        event = world.originals.announced[-1]
        await world.announce(event)
        await world.to_its_end(world.works[-1])
        await world.converges()
        assert (await world.products())["p1"]["version"] == 2


async def test_an_original_is_overwritten_wherever_its_compression_stands(worlds: FirestoreServer) -> None:
    async for world, _ in compressions(worlds):
        world.originals.put(next(iter(world.originals.objects)), b"another picture")
        await world.announce(world.originals.announced.pop())
        await world.to_its_end(world.works[-1])
        await world.converges()
        assert await statuses(world) == ["done"]


async def test_a_newer_generation_stands_anywhere_while_an_older_one_ends(worlds: FirestoreServer) -> None:
    for gate in GATES:
        world = worlds.world()
        await fetched(world, URL)
        await world.announce(world.originals.announced.pop())
        older = world.works[-1]
        assert await at_gate(world, 12), "it has read its original"
        world.originals.put(next(iter(world.originals.objects)), b"another picture")
        await world.announce(world.originals.announced.pop())
        under_way = await at_gate(world, gate)
        await world.to_its_end(older)
        await world.converges()
        assert await statuses(world) == ["done"]
        if not under_way:
            return
    raise AssertionError("more gates are needed")


async def test_a_product_is_deleted_wherever_a_compression_stands(worlds: FirestoreServer) -> None:
    async for world, _ in compressions(worlds):
        await written(world, world.delete("p1"))
        await world.converges()
        assert not await world.stored()
        assert not world.originals.objects
        assert not world.renditions.objects


async def test_an_image_is_replaced_wherever_its_compression_stands(worlds: FirestoreServer) -> None:
    async for world, _ in compressions(worlds):
        await written(world, world.replace("p1", [OTHER]))
        await world.converges()
        assert await statuses(world) == ["done"]
        assert len(world.originals.objects) == 1


@pytest.mark.parametrize("begin", ["create", "fetch", "remove", "sweep"])
async def test_other_work_dies_wherever_it_stands(worlds: FirestoreServer, begin: str) -> None:
    for gate in GATES:
        world = worlds.world()
        await _began(world, begin)
        under_way = await at_gate(world, gate)
        if under_way:
            await world.kill(world.works[-1])
        await world.converges()
        if not under_way:
            return
    raise AssertionError("more gates are needed")


async def _began(world: World, what: str) -> None:
    if what == "create":
        await world.create("p1", [URL])
        return
    await written(world, world.create("p1", [URL]))
    if what == "fetch":
        await world.deliver(world.queues.waiting.pop())
    elif what == "remove":
        await world.until_quiet()
        await written(world, world.replace("p1", []))
        await world.deliver(world.queues.waiting.pop())
    else:
        world.queues.waiting.clear()
        world.clock.advance(130)
        await world.sweep()


async def test_whoever_kills_each_attempt_gets_one_dead_letter(worlds: FirestoreServer) -> None:
    world = worlds.world()
    await fetched(world, URL)
    for _ in range(9):
        await world.announce(world.originals.announced.pop())
        if await at_gate(world, 7):
            await world.kill(world.works[-1])
        world.clock.advance(130)
        if not world.originals.announced:
            break
    await world.converges()
    (letter,) = await world.letters()
    assert "Killed" in letter["error"]
    assert letter["attempts"] == 6
    await world.replay_all()
    assert await statuses(world) == ["done"]


@pytest.mark.parametrize("error", [PermanentError("It is gone."), TransientError("It is down.")])
async def test_a_source_without_an_image_ends_as_one_dead_letter(
    worlds: FirestoreServer, error: Exception
) -> None:
    world = worlds.world()
    world.web.content[URL] = error
    await written(world, world.create("p1", [URL, OTHER]))
    await world.converges()
    (letter,) = await world.letters()
    assert (letter["error"], letter["attempts"]) == (
        str(error),
        1 if isinstance(error, PermanentError) else 6,
    )
    assert await statuses(world) == ["failed", "done"]
    del world.web.content[URL]
    await world.replay_all()
    await world.converges()
    assert await statuses(world) == ["done", "done"]


async def test_sellers_read_nothing_of_the_inside_of_our_cloud(worlds: FirestoreServer) -> None:
    world = worlds.world()
    world.web.content[URL] = OSError("403 for functions@shop.iam.gserviceaccount.com")
    await written(world, world.create("p1", [URL]))
    await world.converges()
    (entry,) = (await world.products())["p1"]["images"]
    assert (entry["status"], entry["error"], entry["attempts"]) == ("failed", "The fault is ours.", 6)


async def test_a_fetch_that_does_not_know_of_its_success_buries_nothing(worlds: FirestoreServer) -> None:
    """Its last attempt has brought the original, but lost the answer: the compression is under way."""
    world = worlds.world()
    await fetched(world, URL)
    await world.announce(world.originals.announced.pop())
    assert await at_gate(world, 8), "it has begun"
    payload = (await world.stored())[0].task.model_dump()
    await world.letterbox.add(DeadLetter("task", "imageFetch", "fetch-image", payload, "Lost.", 6))
    await world.converges()
    assert await statuses(world) == ["done"]
    assert not await world.letters()


async def test_an_image_that_cannot_be_rendered_ends_as_one_dead_letter(worlds: FirestoreServer) -> None:
    world = worlds.world()
    world.web.content[URL] = BAD
    await written(world, world.create("p1", [URL, OTHER]))
    await world.converges()
    (letter,) = await world.letters()
    assert letter["error"] == "The file is damaged."
    assert await statuses(world) == ["failed", "done"]


async def test_an_upload_joins_its_product_at_the_end(worlds: FirestoreServer) -> None:
    world = worlds.world()
    await written(world, world.create("p1", [URL]))
    world.originals.put(await world.link("p1"), b"an upload")
    await world.converges()
    assert await statuses(world) == ["done", "done"]


async def test_an_upload_that_is_no_image_does_not_join_its_product(worlds: FirestoreServer) -> None:
    world = worlds.world()
    await written(world, world.create("p1", [URL]))
    world.originals.put(await world.link("p1"), BAD)
    await world.converges()
    assert await statuses(world) == ["done"]
    assert len(await world.letters()) == 1


@pytest.mark.parametrize("uploaded", [True, False])
async def test_a_link_outlives_its_product_harmlessly(worlds: FirestoreServer, uploaded: bool) -> None:
    world = worlds.world()
    await written(world, world.create("p1", []))
    name = await world.link("p1")
    await written(world, world.delete("p1"))
    if uploaded:
        world.originals.put(name, b"late")
    await world.converges()
    assert not await world.stored()
    assert not world.originals.objects


async def test_an_upload_of_which_nobody_was_told_is_found(worlds: FirestoreServer) -> None:
    world = worlds.world()
    await written(world, world.create("p1", []))
    world.originals.put(await world.link("p1"), b"an upload")
    world.originals.announced.clear()
    await world.converges()
    assert await statuses(world) == ["done"]


async def test_a_task_that_ended_before_an_attempt_could_begin_gets_a_successor(
    worlds: FirestoreServer,
) -> None:
    world = worlds.world()
    await written(world, world.create("p1", [URL]))
    # Its name stays taken.
    world.queues.waiting.clear()
    world.clock.advance(130)
    await written(world, world.sweep())
    await world.run_all()
    await world.run_all()
    assert await statuses(world) == ["done"]


async def test_the_last_attempt_at_a_fetch_comes_twice(worlds: FirestoreServer) -> None:
    for gate in GATES:
        world = worlds.world()
        await written(world, world.create("p1", [URL]))
        last = replace(world.queues.waiting.pop(), failed=5)
        await world.deliver(last)
        under_way = await at_gate(world, gate)
        await world.deliver(last)
        await world.to_its_end(world.works[-1])
        await world.converges()
        assert await statuses(world) == ["done"]
        assert not await world.letters()
        if not under_way:
            return
    raise AssertionError("more gates are needed")


async def test_uploads_that_did_not_join_go_with_the_product_too(worlds: FirestoreServer) -> None:
    world = worlds.world()
    await written(world, world.create("p1", []))
    world.originals.put(await world.link("p1"), BAD)
    await world.until_quiet()
    await world.link("p1")
    await written(world, world.delete("p1"))
    await world.converges()
    assert not await world.stored()
    assert not world.originals.objects
