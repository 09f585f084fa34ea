"""A local Cloud Tasks on a free port, Google's client for it, and a handler to deliver to."""

from collections.abc import AsyncIterator, Awaitable, Callable
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
        self.mint_error: Exception | None = None
        self.service = TasksService(path, clock, self._mint)
        self.address = ""
        self._server = grpc.aio.server()

    def _mint(self, service_account: str, audience: str) -> str:
        if self.mint_error:
            raise self.mint_error
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
        await self.service.close()

    async def queue(self, name: str = QUEUE, **settings: object) -> tasks_v2.Queue:
        """Create a queue; ``settings`` are those of ``tasks_v2.Queue``."""
        return await self.client.create_queue(parent=LOCATION, queue={"name": name, **settings})

    async def task(
        self, url: str, task_id: str = "", queue: str = QUEUE, **settings: object
    ) -> tasks_v2.Task:
        """Create a task; ``settings`` are those of ``tasks_v2.HttpRequest``."""
        name = f"{queue}/tasks/{task_id}" if task_id else ""
        return await self.client.create_task(
            parent=queue, task={"name": name, "http_request": {"url": url, **settings}}
        )

    async def settle(self) -> None:
        """Move the clock from one due task to the next until none is left."""
        assert await self.service.idle(5.0)
        while due := self.service.next_due():
            self.advance_to(due.timestamp())
            assert await self.service.idle(5.0)

    def advance_to(self, moment: float) -> None:
        """Move the clock to ``moment``, if that is still ahead."""
        self.clock.advance(max(0.0, moment - self.clock.time()))

    def stats(self, name: str = QUEUE) -> dict[str, int | bool]:
        return self.service.queue_stats()[name]


StartCloud = Callable[[Path | None, Clock], Awaitable[Cloud]]


@pytest.fixture
async def handler() -> AsyncIterator[Handler]:
    handler = Handler()
    await handler.start()
    yield handler
    await handler.stop()


@pytest.fixture
async def start_cloud() -> AsyncIterator[StartCloud]:
    """Start a service on a file; it is stopped at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(path: Path | None, clock: Clock) -> Cloud:
            cloud = Cloud(path, clock)
            await cloud.start()
            stack.push_async_callback(cloud.stop)
            return cloud

        yield start


@pytest.fixture
async def cloud(start_cloud: StartCloud) -> Cloud:
    return await start_cloud(None, Clock())
