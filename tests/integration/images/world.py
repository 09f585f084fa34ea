"""A world in which images come, are compressed and go a step at a time, in any order, and killed at any step.

The database is the local Firestore behind Google's own client; time, queues, buckets, other people's servers and the
renderer are fakes written by hand, and every call to the outside stops at a gate (tests/integration/steps.py).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from google.cloud.firestore import AsyncClient

from functions.images.compression import Compression
from functions.images.fetching import Fetching
from functions.images.letters import ImageLetters
from functions.images.orphans import OrphanSweeper, Walk, is_original, is_rendition
from functions.images.outcomes import Outcomes
from functions.images.removal import Removal
from functions.images.sweeper import Sweeper
from functions.products.catalog import Catalog
from functions.products.images import AllowedSources
from functions.products.model import ProductContent
from functions.products.reading import ProductReader
from infra.local.clock import Clock
from shared import dead_letters, images, outbox
from shared.cache import MemoryStore, VersionedCache
from shared.dead_letters import DeadLetter, DeadLetters
from shared.errors import PermanentError, TransientError
from shared.images import (
    IMAGE_FETCH,
    IMAGE_REMOVAL,
    ImageTask,
    StoredImage,
    original_name,
    stored_image,
)
from shared.outbox import Outbox
from shared.problems import Problem
from shared.products import ProductWrites
from shared.tasks import Attempt
from tests.integration import steps
from tests.integration.images.fakes import (
    Event,
    FakeOriginals,
    FakeQueues,
    FakeRenditions,
    FakeWeb,
    NumberedImages,
    Task,
    fake_render,
)
from tests.integration.steps import Workshop

OWNER = "ann"
# As many deliveries as an event gets before Eventarc gives it up.
_DELIVERIES = 12


class FirestoreServer(steps.FirestoreServer):
    """The local Firestore, for worlds of images."""

    def world(self) -> "World":
        """A world of its own. To be called inside the loop that serves."""
        return World(self.database(), self.clock)


class World(Workshop):
    """Catalog and images with everything around them."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__()
        self.db = db
        self.clock = clock
        self.queues: Any = FakeQueues()
        self.web = FakeWeb()
        self.originals = FakeOriginals(clock)
        self.renditions = FakeRenditions(clock)
        self.images = NumberedImages(db, clock)
        cache = VersionedCache(MemoryStore(60, Random(0), clock.time))
        writes = ProductWrites(db, Outbox(db, clock.now), cache, clock.now)
        reader = ProductReader(db, cache)
        self.catalog = Catalog(
            writes,
            self.images,
            AllowedSources((), own="https://shop.example/products"),
            self.queues,
            reader,
            clock.now,
        )
        outcomes = Outcomes(db, writes, self.images, self.queues, clock.now)
        self.fetching = Fetching(self.images, self.originals, self.web, clock.now)
        self.compression = Compression(
            images=self.images,
            originals=self.originals,
            renditions=self.renditions,
            outcomes=outcomes,
            render=fake_render,
            policy="p1",
            clock=clock.now,
        )
        self.removal = Removal(self.images, self.originals, self.renditions)
        self.sweeper = Sweeper(self.images, outcomes, self.queues, clock.now)
        walks = [
            Walk("uploads", self.originals, is_original),
            Walk("images", self.renditions, is_rendition),
        ]
        self.orphan_sweeper = OrphanSweeper(db, self.images, walks, clock.now)
        self.letterbox = ImageLetters(self.images, outcomes, DeadLetters(db, clock.now), clock.now)

    # What sellers do

    async def create(self, product_id: str, urls: Sequence[str]) -> None:
        said = content(urls)
        await self._write(
            "create", lambda: self.catalog.create(product_id, OWNER, said, lambda batch, written: None)
        )

    async def replace(self, product_id: str, urls: Sequence[str]) -> None:
        await self._write(
            "replace", lambda: self.catalog.replace(product_id, OWNER, content(urls), lambda version: None)
        )

    async def delete(self, product_id: str) -> None:
        await self._write("delete", lambda: self.catalog.delete(product_id, OWNER, lambda version: None))

    async def _write(self, name: str, write: Callable[[], Awaitable[Any]]) -> None:
        async def written() -> None:
            try:
                await write()
            except Problem as problem:
                if problem.status != 404:
                    raise

        await self.begin(name, written)

    async def link(self, product_id: str) -> str:
        """A link for an upload; the name of the object that it leads to."""
        image_id = self.images.new_id()
        task = ImageTask(product_id=product_id, image_id=image_id)
        await self.images.await_upload(task, f"https://shop.example/{image_id}")
        return original_name(product_id, image_id)

    # What the platform does

    async def deliver(self, task: Task) -> None:
        """Deliver a task; if it fails or dies, it waits again, unless that was its last attempt."""
        await self.begin(task.queue.name, lambda: self._deliver(task))

    async def _deliver(self, task: Task) -> None:
        attempt = Attempt("task", task.failed + 1, task.queue.max_attempts)
        try:
            await self._attempt(task, attempt)
        except (TransientError, asyncio.CancelledError):
            if not attempt.is_last:
                self.queues.waiting.append(replace(task, failed=task.failed + 1))
            raise

    async def _attempt(self, task: Task, attempt: Attempt) -> None:
        """As :class:`shared.tasks.TaskHandler` settles it."""
        runs = {IMAGE_FETCH.name: self.fetching.run, IMAGE_REMOVAL.name: self.removal.run}
        try:
            await runs[task.queue.name](task.payload, attempt)
        except PermanentError as error:
            await self._bury(task, attempt, error)
        except TransientError as error:
            if not attempt.is_last:
                raise
            await self._bury(task, attempt, error)

    async def _bury(self, task: Task, attempt: Attempt, error: Exception) -> None:
        await self.letterbox.add(
            DeadLetter(
                "task",
                task.queue.name,
                task.queue.function,
                task.payload.model_dump(),
                str(error),
                attempt.number,
            )
        )

    async def announce(self, event: Event) -> None:
        """Deliver an event; if its handler fails or dies, it comes again, for a day."""
        await self.begin("event", lambda: self._announce(event))

    async def _announce(self, event: Event) -> None:
        try:
            await self.compression.run(event.stored)
        except (TransientError, asyncio.CancelledError):
            if event.failed < _DELIVERIES:
                self.originals.announced.append(replace(event, failed=event.failed + 1))
            raise

    async def sweep(self) -> None:
        async def swept() -> None:
            await self.sweeper.sweep()

        await self.begin("sweep", swept)

    # What the test decides

    async def run_all(self) -> None:
        """Let everything under way come to its end, and deliver what is waiting, once."""
        await self.finish()
        waiting, self.queues.waiting = self.queues.waiting, []
        announced, self.originals.announced = self.originals.announced, []
        for task in waiting:
            await self.deliver(task)
        for event in announced:
            await self.announce(event)
        await self.finish()

    async def until_quiet(self) -> None:
        """Time passes, everything is tried again and swept, until nothing is to happen to any image."""
        for _ in range(12):
            # As often as anything is tried: nothing that is still being tried is swept.
            for _ in range(7):
                await self.run_all()
                self.clock.advance(130)
            if not self.queues.waiting and not self.originals.announced and not await self.due():
                return
            self.clock.advance(3600)
            self.queues.forget()
            await self.sweep()
        raise AssertionError(f"still to happen: {await self.due()}")

    async def replay_all(self) -> None:
        """An operator has all dead letters tried again."""
        for letter in await self.letters():
            self.queues.waiting.append(Task(IMAGE_FETCH, ImageTask.model_validate_json(letter["payload"])))
        await self.until_quiet()

    # What is so

    async def converges(self) -> None:
        """See that, once quiet, each image is done or has a dead letter, and that there is no file but theirs."""
        await self.until_quiet()
        self.clock.advance(2 * 86400)
        await self.orphan_sweeper.sweep()
        stored, products = await self.stored(), await self.products()
        self._check_files(stored)
        letters = Counter(image_of_letter(letter) for letter in await self.letters())
        for image in stored:
            product = products.get(image.product_id)
            assert product, f"{image} outlives its product"
            self._check_image(image, product, letters)
        for product_id, product in products.items():
            shown = [entry["id"] for entry in product["images"]]
            known = {image.id for image in stored if image.product_id == product_id}
            assert set(shown) <= known
            assert product["version"] == await self._events_of(product_id)
            assert product | images.shown(product["images"]) == product

    def _check_files(self, stored: Sequence[StoredImage]) -> None:
        assert set(self.renditions.objects) == {name for image in stored for name in image.renditions}
        ours = {original_name(image.product_id, image.id) for image in stored}
        assert set(self.originals.objects) <= ours

    def _check_image(self, image: StoredImage, product: dict[str, Any], letters: Counter[str]) -> None:
        entries = [entry for entry in product["images"] if entry["id"] == image.id]
        if image.status == "failed":
            assert letters[image.id], f"{image} has no letter"
            assert all(entry["status"] == "failed" and entry["error"] for entry in entries)
            return
        assert image.status == "done", image
        assert entries, f"{image} is not shown"
        generation, data, _, _ = self.originals.objects[original_name(image.product_id, image.id)]
        assert image.generation == generation
        for entry in entries:
            self._check_renditions(entry, data)

    def _check_renditions(self, entry: dict[str, Any], data: bytes) -> None:
        assert entry["status"] == "done"
        names = [
            rendition["url"].removeprefix("https://images.example/") for rendition in entry["renditions"]
        ]
        made = [self.renditions.objects[name][1] for name in names]
        assert made == [b"l of " + data, b"s of " + data]

    async def due(self) -> list[StoredImage]:
        return [image for image in await self.stored() if image.deadline is not None]

    async def stored(self) -> list[StoredImage]:
        found = [stored_image(each) async for each in self.db.collection(images.COLLECTION).stream()]
        return [image for image in found if image]

    async def products(self) -> dict[str, dict[str, Any]]:
        return {s.id: s.to_dict() or {} async for s in self.db.collection("products").stream()}

    async def letters(self) -> list[dict[str, Any]]:
        return [s.to_dict() or {} async for s in self.db.collection(dead_letters.COLLECTION).stream()]

    async def _events_of(self, product_id: str) -> int:
        events = [s.to_dict() or {} async for s in self.db.collection(outbox.COLLECTION).stream()]
        return sum(event["product_id"] == product_id for event in events)


def image_of_letter(letter: dict[str, Any]) -> str:
    return ImageTask.model_validate_json(letter["payload"]).image_id


def content(urls: Sequence[str]) -> ProductContent:
    return ProductContent(
        product_name="Boots", currency="EUR", product_price="89.90", product_images=list(urls)
    )
