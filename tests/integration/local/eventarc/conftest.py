"""A local Eventarc on a source of events, and a function to deliver to."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.local.clock import Clock
from infra.local.eventarc.dispatcher import Trigger
from infra.local.eventarc.service import EventarcService
from tests.integration.local.tasks.handler import Handler

FINALIZED = "google.cloud.storage.object.v1.finalized"
ACCOUNT = "events@shop.iam.gserviceaccount.com"
LIMIT = 3


@dataclass(frozen=True)
class Event:
    """An event of an object, as Cloud Storage keeps it."""

    id: str
    name: str = "photo.jpg"
    bucket: str = "uploads"
    type: str = FINALIZED
    time: str = "2026-11-20T08:00:00.123Z"
    data: Mapping[str, Any] = field(default_factory=lambda: {"generation": "7"})


class Source:
    """Keeps events in memory until they are taken over."""

    def __init__(self) -> None:
        self.kept: list[Event] = []

    def pending(self, limit: int) -> Sequence[Event]:
        return self.kept[:limit]

    def forget(self, ids: Collection[str]) -> None:
        self.kept = [event for event in self.kept if event.id not in ids]


class Cloud:
    """One run of the service, with one trigger."""

    def __init__(self, path: Path | None, clock: Clock, source: Source, url: str) -> None:
        self.clock = clock
        self.source = source
        self.mint_error: Exception | None = None
        self.service = EventarcService(
            path,
            clock,
            self._mint,
            ACCOUNT,
            [Trigger("compressImage", "uploads", FINALIZED, url, LIMIT)],
            source,
        )

    def _mint(self, service_account: str, audience: str) -> str:
        if self.mint_error:
            raise self.mint_error
        return f"{service_account}>{audience}"

    def tell(self, *events: Event) -> None:
        """Let events happen."""
        self.source.kept.extend(events)
        self.service.take()

    async def advance_to_next(self) -> bool:
        """Move the clock to the next attempt and wait for its end; False when nothing is owed."""
        due = self.service.next_due()
        if due is None:
            return False
        self.clock.advance(max(0.0, due.timestamp() - self.clock.time()))
        assert await self.service.idle(5)
        return True

    async def settle(self) -> None:
        """Move the clock from one attempt to the next until nothing is owed."""
        assert await self.service.idle(5)
        while await self.advance_to_next():
            pass

    @property
    def counts(self) -> dict[str, int]:
        return self.service.stats["compressImage"]


StartCloud = Callable[[Path | None, Source], Awaitable[Cloud]]


@pytest.fixture
async def function() -> AsyncIterator[Handler]:
    """The function that the trigger calls."""
    handler = Handler()
    await handler.start()
    yield handler
    await handler.stop()


@pytest.fixture
async def start_cloud(function: Handler) -> AsyncIterator[StartCloud]:
    """Start a service on a file; it is stopped at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(path: Path | None, source: Source) -> Cloud:
            cloud = Cloud(path, Clock(), source, f"{function.url}/compress-image")
            await cloud.service.start()
            stack.push_async_callback(cloud.service.close)
            return cloud

        yield start


@pytest.fixture
async def cloud(start_cloud: StartCloud) -> Cloud:
    return await start_cloud(None, Source())


def ids(function: Handler) -> list[str]:
    """The events that the function got, in the order in which they came."""
    return [received.headers["ce-id"] for received in function.received]
