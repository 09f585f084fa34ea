"""A local Cloud Scheduler on a free port, Google's client for it, and a target to call."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcAsyncIOTransport

from infra.local.clock import Clock
from infra.local.scheduler import SchedulerService
from tests.integration.local.tasks.handler import Handler

LOCATION = "projects/shop/locations/europe-west1"
JOB = f"{LOCATION}/jobs/returnsUpdateCron"


class Cloud:
    """One run of the service, with a client connected to it."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.clock = clock
        self.minted: list[tuple[str, str]] = []
        self.service = SchedulerService(path, clock, self._mint)
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
        self.client = scheduler_v1.CloudSchedulerAsyncClient(
            transport=CloudSchedulerGrpcAsyncIOTransport(channel=self._channel)
        )

    async def stop(self) -> None:
        await self._channel.close()
        await self._server.stop(None)
        await self.service.close()

    async def job(self, uri: str, schedule: str = "*/15 * * * *", **settings: object) -> scheduler_v1.Job:
        """Create ``JOB``; ``settings`` are those of ``scheduler_v1.Job``."""
        job = {"name": JOB, "schedule": schedule, "http_target": {"uri": uri}, **settings}
        return await self.client.create_job(parent=LOCATION, job=job)

    async def reach(self, moment: datetime) -> None:
        """Move the clock to ``moment``, and wait until the jobs that fall due have run."""
        self.clock.advance(max(0.0, moment.timestamp() - self.clock.time()))
        assert await self.service.idle(5.0)


def clock_at(moment: datetime) -> Clock:
    """A clock that shows ``moment`` now."""
    return Clock(moment.timestamp() - datetime.now(UTC).timestamp())


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
    """A cloud where it is one past noon, UTC, on 1 July 2027."""
    return await start_cloud(None, clock_at(datetime(2027, 7, 1, 12, 1, tzinfo=UTC)))
