"""The two buckets of prices as Google's client shows them, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed

from infra.local.clock import Clock
from shared.events import StoredObject


@dataclass(frozen=True)
class Stored:
    """An object as it is in a bucket."""

    data: bytes
    generation: int
    metadata: Mapping[str, str] | None


@dataclass
class FakeBucket:
    """A bucket without versions: of a name there is the latest generation, or nothing.

    Attributes:
        refused: how many writes found that what they were to create is there.
    """

    clock: Clock
    objects: dict[str, Stored] = field(default_factory=dict)
    refused: int = 0
    _generation: int = 0

    def put(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> StoredObject:
        """Write an object, as anybody may; the event that tells of it."""
        self._generation += 1
        self.objects[name] = Stored(data, self._generation, metadata)
        return StoredObject(
            bucket="b",
            name=name,
            generation=self._generation,
            size=len(data),
            time_created=self.clock.now(),
        )

    def blob(self, name: str, generation: int | None = None) -> "FakeBlob":
        return FakeBlob(self, name, generation)

    def list_blobs(self, *, prefix: str, **_: Any) -> list["FakeBlob"]:
        return [self.blob(name) for name in sorted(self.objects) if name.startswith(prefix)]


@dataclass
class FakeBlob:
    """An object, or where one may be."""

    bucket: FakeBucket
    name: str
    generation: int | None = None
    metadata: Mapping[str, str] | None = None

    def reload(self, **_: Any) -> None:
        self.metadata = self._stored().metadata

    def download_as_bytes(self, *, start: int = 0, end: int | None = None, **_: Any) -> bytes:
        data = self._stored().data
        return data[start : len(data) if end is None else end + 1]

    def upload_from_string(self, data: bytes, *, if_generation_match: int, **_: Any) -> None:
        assert if_generation_match == 0, "nothing here is ever replaced"
        if self.name in self.bucket.objects:
            self.bucket.refused += 1
            raise PreconditionFailed("it is there")
        self.bucket.put(self.name, data, self.metadata)

    def _stored(self) -> Stored:
        found = self.bucket.objects.get(self.name)
        if found is None or self.generation not in (None, found.generation):
            raise NotFound("no such object")
        return found
