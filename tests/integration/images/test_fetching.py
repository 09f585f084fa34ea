"""Which tasks of ``imageFetch`` bring an original, and how."""

from typing import Any

import pytest

from shared.errors import PermanentError
from shared.images import COLLECTION, ImageTask, StoredImage, original_name
from shared.tasks import Attempt
from tests.integration.images.world import FirestoreServer, World

URL = "https://img.example/a.jpg"
PICTURE = b"picture at " + URL.encode()


@pytest.fixture
async def world(worlds: FirestoreServer) -> World:
    """With a product whose image has not been fetched."""
    world = worlds.world()
    await world.create("p1", [URL])
    await world.finish()
    return world


async def the_image(world: World) -> StoredImage:
    (image,) = await world.stored()
    return image


async def becomes(world: World, **fields: Any) -> StoredImage:
    """The image, when something else has happened to it."""
    image = await the_image(world)
    await world.db.collection(COLLECTION).document(image.id).update(fields)
    return await the_image(world)


async def fetch(world: World, task: ImageTask, number: int = 1) -> int:
    """Deliver a task; how many times it has written an original."""
    before = world.originals.written.total()
    await world.fetching.run(task, Attempt("task", number, 6))
    return world.originals.written.total() - before


def again(task: ImageTask, series: int) -> ImageTask:
    return task.model_copy(update={"series": series})


async def test_an_original_is_brought_once_in_each_series(world: World) -> None:
    image = await the_image(world)
    assert [await fetch(world, image.task) for _ in range(3)] == [1, 0, 0]
    name = original_name("p1", image.id)
    first, data, _, _ = world.originals.objects[name]
    assert data == PICTURE
    newer = again(image.task, 1)
    assert [await fetch(world, newer) for _ in range(2)] == [1, 0]
    second, data, _, _ = world.originals.objects[name]
    assert second > first
    assert data == PICTURE
    assert (await the_image(world)).series == 1


async def test_one_that_is_there_needs_no_source_any_more(world: World) -> None:
    image = await the_image(world)
    await fetch(world, image.task)
    world.web.content[URL] = PermanentError("It is gone.")
    assert await fetch(world, again(image.task, 1)) == 1


async def test_attempts_are_counted_in_the_state(world: World) -> None:
    image = await the_image(world)
    await fetch(world, image.task, number=4)
    now = await the_image(world)
    assert (now.status, now.attempts) == ("pending", 4)
    assert now.deadline is not None


@pytest.mark.parametrize("status", ["done", "failed"])
async def test_a_straggler_of_a_series_that_has_ended_does_nothing(world: World, status: str) -> None:
    image = await becomes(world, status=status)
    assert await fetch(world, image.task) == 0
    assert await the_image(world) == image


@pytest.mark.parametrize("status", ["pending", "done", "failed", "awaiting"])
async def test_a_straggler_of_an_older_series_does_nothing(world: World, status: str) -> None:
    image = await becomes(world, status=status, series=2)
    assert await fetch(world, again(image.task, 1)) == 0
    assert await the_image(world) == image


@pytest.mark.parametrize("status", ["done", "failed"])
async def test_a_newer_series_begins_anew_with_what_has_ended(world: World, status: str) -> None:
    image = await becomes(world, status=status, attempts=6)
    assert await fetch(world, again(image.task, 1)) == 1
    now = await the_image(world)
    assert (now.status, now.series, now.attempts) == ("pending", 1, 1)


async def test_what_is_to_be_removed_is_not_brought(world: World) -> None:
    image = await becomes(world, status="removed")
    assert [await fetch(world, again(image.task, series)) for series in (0, 1)] == [0, 0]


async def test_an_image_is_its_products_alone(world: World) -> None:
    image = await the_image(world)
    strange = image.task.model_copy(update={"product_id": "p2"})
    nobodys = image.task.model_copy(update={"image_id": "neverWas"})
    assert [await fetch(world, task) for task in (strange, nobodys)] == [0, 0]


async def test_an_upload_that_never_came_is_forgotten(world: World) -> None:
    image = await becomes(world, uploaded=True, status="awaiting")
    assert await fetch(world, again(image.task, 1)) == 0
    assert await world.stored() == []


async def test_an_upload_that_is_gone_is_not_looked_for_elsewhere(world: World) -> None:
    image = await becomes(world, uploaded=True, status="done", generation=7)
    with pytest.raises(PermanentError, match="gone"):
        await fetch(world, again(image.task, 1))
    assert not world.originals.objects
