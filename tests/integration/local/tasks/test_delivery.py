from google.cloud import tasks_v2
from tests.integration.local.tasks.conftest import QUEUE


async def test_a_task_is_delivered_and_gone(cloud, handler):
    await cloud.queue()
    await cloud.client.create_task(parent=QUEUE, task={"http_request": {"url": handler.url + "/x", "body": b"hi"}})
    assert await cloud.service.idle(5)
    assert [r.body for r in handler.received] == [b"hi"]
    print(handler.received)
    assert cloud.stats()["depth"] == 0


async def test_72_hours(cloud, handler):
    handler.default = 500
    await cloud.queue(retry_config={"max_attempts": 19, "min_backoff": {"seconds": 28}, "max_backoff": {"seconds": 28800}, "max_doublings": 16})
    start = cloud.clock.time()
    await cloud.client.create_task(parent=QUEUE, task={"http_request": {"url": handler.url + "/x", "body": b"hi"}})
    await cloud.settle()
    assert len(handler.received) == 19
    print(cloud.stats(), (cloud.clock.time() - start) / 3600)
    print(handler.received[-1])
