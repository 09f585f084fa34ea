"""A local Cloud Tasks on a free port, Google's client for it, and a handler to deliver to."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

from infra.local.clock import Clock
from infra.local.tasks import TasksService
from tests.integration.local.tasks.handler import Handler

LOCATION = "projects/shop/locations/europe-west1"
QUEUE = f"{LOCATION}/queues/returnSync"


class Cloud:
    """One run of the service, with a client connected to it."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.clock = clock
        self.minted: list[tuple[str, str]] = []
        self.service = TasksService(path, clock, self._mint)
        self.address = ""
        self._server = grpc.aio.server()

    def _mint(self, service_account: str, audience: str) -> str:
        self.minted.append((service_account, audience))
        return f"token-{len(self.minted)}"

    async def start(self) -> None:
        self._server.add_generic_rpc_handlers((self.service.handler(),))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        await self._server.start()
        await self.service.start()
        self._channel = grpc.aio.insecure_channel(self.address)
        self.client = tasks_v2.CloudTasksAsyncClient(
            transport=CloudTasksGrpcAsyncIOTransport(channel=self._channel)
        )

    async def stop(self) -> None:
        await self._channel.close()
        await self._server.stop(None)
        await self.service.stop()

    async def queue(self, name: str = QUEUE, **settings: object) -> tasks_v2.Queue:
        """Create a queue; ``settings`` are those of ``tasks_v2.Queue``."""
        return await self.client.create_queue(parent=LOCATION, queue={"name": name, **settings})

    async def settle(self) -> None:
        """Let time pass until no task is left."""
        while True:
            assert await self.service.idle(5.0)
            due = self.service.next_due()
            if due is None:
                return
            self.clock.advance(max(0.0, due.timestamp() - self.clock.time()) + 0.001)

    def stats(self, name: str = QUEUE) -> dict[str, int | bool]:
        return self.service.queue_stats()[name]


@pytest.fixture
async def handler() -> AsyncIterator[Handler]:
    handler = Handler()
    await handler.start()
    yield handler
    await handler.stop()


@pytest.fixture
async def cloud_at() -> AsyncIterator[Callable[[Path | None, Clock], object]]:
    """Start a service on a file; what is still running at the end of the test is stopped."""
    async with AsyncExitStack() as stack:

        async def start(path: Path | None, clock: Clock) -> Cloud:
            cloud = Cloud(path, clock)
            await cloud.start()
            stack.push_async_callback(cloud.stop)
            return cloud

        yield start


@pytest.fixture
async def cloud(cloud_at: Callable[[Path | None, Clock], object]) -> Cloud:
    return await cloud_at(None, Clock())
