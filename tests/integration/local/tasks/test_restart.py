"""What a death of the local cloud leaves behind."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from google.api_core.exceptions import AlreadyExists
from google.cloud import tasks_v2

from infra.local.clock import Clock
from tests.integration.local.tasks.conftest import QUEUE, Cloud, StartCloud
from tests.integration.local.tasks.handler import Handler

# A local cloud in a process of its own, so that it can be killed in the middle of a delivery.
VICTIM = """
import asyncio, sys
from pathlib import Path
from infra.local.clock import Clock
from infra.local.tasks import QueueConfig
from tests.integration.local.tasks.conftest import Cloud

async def main(path, url):
    cloud = Cloud(Path(path), Clock())
    await cloud.start()
    cloud.service.ensure_queue("shop", "europe-west1", "returnSync", QueueConfig(max_attempts=7))
    await cloud.task(url, "in-flight", body=b"kept")
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_delivery_cut_off_by_kill_9_happens_again(
    tmp_path: Path, handler: Handler, start_cloud: StartCloud
) -> None:
    handler.before_answer = asyncio.Event().wait
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(tmp_path / "tasks.db"), handler.url, cwd=Path(__file__).parents[4]
    )
    await handler.arrived(1, within=30)
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    handler.before_answer = None

    cloud = await start_cloud(tmp_path / "tasks.db", Clock())
    assert await cloud.service.idle(5)
    assert [(r.task, r.body) for r in handler.received] == [("in-flight", b"kept")] * 2
    assert (await cloud.client.get_queue(name=QUEUE)).retry_config.max_attempts == 7


async def test_a_stop_and_a_start_lose_nothing(
    tmp_path: Path, handler: Handler, start_cloud: StartCloud
) -> None:
    clock = Clock()
    before = await start_cloud(tmp_path / "tasks.db", clock)
    await before.queue(retry_config={"min_backoff": {"seconds": 60}})
    await before.task(handler.url, "done")
    assert await before.service.idle(5)
    handler.answers.append(500)
    await before.task(handler.url, "waits")
    assert await before.service.idle(5)
    waits = await before.client.get_task(name=f"{QUEUE}/tasks/waits")
    await before.stop()

    after = await start_cloud(tmp_path / "tasks.db", clock)
    assert await after.client.get_task(name=waits.name) == waits
    with pytest.raises(AlreadyExists):
        await after.task(handler.url, "done")
    after.advance_to(waits.schedule_time.timestamp())
    assert await after.service.idle(5)
    assert handler.received[-1].headers["X-CloudTasks-TaskRetryCount"] == "1"
    assert handler.received[-1].headers["X-CloudTasks-TaskPreviousResponse"] == "500"


async def test_deliveries_can_be_stopped_and_started_again(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    handler.before_answer = asyncio.Event().wait
    await cloud.task(handler.url, "cut-off")
    await handler.arrived(1)
    await cloud.service.stop()
    handler.before_answer = None
    await cloud.task(handler.url, "meanwhile")
    await cloud.service.start()
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["cut-off", "cut-off", "meanwhile"]


async def test_a_paused_queue_stays_paused(tmp_path: Path, start_cloud: StartCloud) -> None:
    before = await start_cloud(tmp_path / "tasks.db", Clock())
    await before.queue()
    await before.client.pause_queue(name=QUEUE)
    await before.stop()
    after = await start_cloud(tmp_path / "tasks.db", Clock())
    assert (await after.client.get_queue(name=QUEUE)).state == tasks_v2.Queue.State.PAUSED
