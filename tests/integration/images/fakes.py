"""The surroundings of images: queues, buckets, other people's servers and the renderer, written by hand."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from functions.images.buckets import Listed, Original
from functions.images.rendering import ImageRefusedError, Rendered, Rendition
from infra.local.clock import Clock
from shared.events import StoredObject
from shared.images import Images, ImageTask, original_name
from shared.tasks import Queue
from tests.integration.steps import gate

# What no renderer makes anything of.
BAD = b"bad"


@dataclass(frozen=True)
class Task:
    """A task and how many attempts at it have failed."""

    queue: Queue[Any]
    payload: ImageTask
    failed: int = 0


@dataclass(frozen=True)
class Event:
    """An event and how many deliveries of it have failed."""

    stored: StoredObject
    failed: int = 0


class FakeQueues:
    """Cloud Tasks as the product sees it: remembers keys, and hands the tasks about images to the test."""

    def __init__(self) -> None:
        self.waiting: list[Task] = []
        self._keys: set[str] = set()

    def forget(self) -> None:
        """A day passes: names of ended tasks are free again."""
        self._keys.clear()

    async def enqueue(self, queue: Queue[Any], payload: BaseModel, *, key: str) -> bool:
        await gate()
        name = f"{queue.name} {key}"
        added = name not in self._keys
        if added:
            self._keys.add(name)
            if isinstance(payload, ImageTask):
                self.waiting.append(Task(queue, payload))
        await gate()
        return added


@dataclass
class FakeBucket:
    """A bucket: names to bytes, generations, and the times and series of what was written."""

    clock: Clock
    objects: dict[str, tuple[int, bytes, int | None, Any]] = field(default_factory=dict)
    announced: list[Event] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    generation: int = 0

    def put(self, name: str, data: bytes, series: int | None = None) -> None:
        """As anybody may who has a link."""
        self.generation += 1
        self.objects[name] = (self.generation, data, series, self.clock.now())
        self.written[name] += 1
        stored = StoredObject(
            bucket="b",
            name=name,
            generation=self.generation,
            size=len(data),
            time_created=self.clock.now(),
        )
        self.announced.append(Event(stored))

    async def find(self, name: str) -> Original | None:
        await gate()
        found = self.objects.get(name)
        await gate()
        return Original(found[0], found[2]) if found else None

    async def read(self, name: str, generation: int) -> bytes | None:
        await gate()
        found = self.objects.get(name)
        await gate()
        return found[1] if found and found[0] == generation else None

    async def write(self, name: str, media_type: str, chunks: Any, series: int | None = None) -> None:
        data = chunks if isinstance(chunks, bytes) else b"".join([chunk async for chunk in chunks])
        await gate()
        self.put(name, data, series)
        await gate()

    async def rewrite(self, name: str, original: Original, series: int) -> None:
        await gate()
        found = self.objects.get(name)
        if found and found[0] == original.generation:
            self.put(name, found[1], series)
        await gate()

    async def page(self, after: str, limit: int) -> Sequence[Listed]:
        await gate()
        names = sorted(name for name in self.objects if name > after)[:limit]
        found = [Listed(name, self.objects[name][0], self.objects[name][3]) for name in names]
        await gate()
        return found

    async def below(self, prefix: str) -> Sequence[Listed]:
        found = await self.page("", len(self.objects))
        return [each for each in found if each.name.startswith(prefix)]

    async def delete_listed(self, listed: Iterable[Listed]) -> None:
        for each in listed:
            self._delete(each.name, each.generation)

    def _delete(self, name: str, generation: int | None) -> None:
        found = self.objects.get(name)
        if found and generation in (None, found[0]):
            del self.objects[name]


class FakeOriginals(FakeBucket):
    async def delete(self, name: str, generation: int | None = None) -> None:
        await gate()
        self._delete(name, generation)
        await gate()


class FakeRenditions(FakeBucket):
    def url(self, name: str) -> str:
        return f"https://images.example/{name}"

    async def of_image(self, product_id: str, image_id: str) -> list[str]:
        await gate()
        prefix = f"{original_name(product_id, image_id)}/"
        found = [name for name in self.objects if name.startswith(prefix)]
        await gate()
        return found

    async def delete(self, names: Any) -> None:
        for name in names:
            await gate()
            self._delete(name, None)
            await gate()


class NumberedImages(Images):
    """Images whose ids are the same in each run of the same example."""

    def __init__(self, db: AsyncClient, clock: Clock) -> None:
        super().__init__(db, clock.now)
        self._number = 0

    def new_id(self) -> str:
        self._number += 1
        return f"i{self._number}"


@dataclass
class FakeWeb:
    """Other people's servers: what is at a URL, an image's bytes or why there is none."""

    content: dict[str, bytes | Exception] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[Any]:
        await gate()
        found = self.content.get(url, b"picture at " + url.encode())
        if isinstance(found, Exception):
            raise found
        yield FakeDownload(found)


@dataclass(frozen=True)
class FakeDownload:
    data: bytes
    media_type: str = "image/jpeg"

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.data


async def fake_render(data: bytes) -> Rendered:
    """Two renditions, from which it can be told what they were made of."""
    await gate()
    if data == BAD:
        raise ImageRefusedError("damaged", "The file is damaged.")
    made = [
        Rendition(name, "webp", "image/webp", 8, 6, b"%s of %s" % (name.encode(), data))
        for name in ("l", "s")
    ]
    return Rendered("image/jpeg", 80, 60, 1, tuple(made))
