"""Rates, concurrency, and the rest that a queue takes when its handler asks for relief."""

import asyncio
from email.utils import formatdate

import pytest
from aiohttp import web

from tests.integration.local.tasks.conftest import LOCATION, QUEUE, Cloud
from tests.integration.local.tasks.handler import Handler


async def test_no_more_tasks_run_at_once_than_allowed(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(rate_limits={"max_concurrent_dispatches": 3})
    release = asyncio.Event()
    handler.before_answer = release.wait
    for _ in range(9):
        await cloud.task(handler.url)
    await handler.arrived(3)
    assert (cloud.stats()["running"], cloud.stats()["due"]) == (3, 6)
    release.set()
    assert await cloud.service.idle(5)
    assert (len(handler.received), handler.most_concurrent) == (9, 3)


async def test_the_rate_follows_the_clock(cloud: Cloud, handler: Handler) -> None:
    # One dispatch in 100 s: what real time adds while the test runs does not matter. The bucket holds ten.
    await cloud.queue(rate_limits={"max_dispatches_per_second": 0.01})
    for _ in range(15):
        await cloud.task(handler.url)
    await handler.arrived(10)
    assert cloud.stats()["dispatched"] == 10
    cloud.clock.advance(100)
    await handler.arrived(11)
    assert cloud.stats()["dispatched"] == 11
    cloud.clock.advance(300)
    await handler.arrived(14)
    assert cloud.stats()["dispatched"] == 14


async def test_waiting_for_the_rate_is_not_idle(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(rate_limits={"max_dispatches_per_second": 0.01})
    for _ in range(11):
        await cloud.task(handler.url)
    await handler.arrived(10)
    assert not await cloud.service.idle(0.05)


async def test_a_slower_queue_does_not_hold_up_another(cloud: Cloud, handler: Handler) -> None:
    other = f"{LOCATION}/queues/other"
    await cloud.queue(rate_limits={"max_concurrent_dispatches": 1})
    await cloud.queue(other)
    handler.before_answer = asyncio.Event().wait
    await cloud.task(handler.url)
    await cloud.task(handler.url)
    await handler.arrived(1)
    await cloud.task(handler.url, queue=other)
    await handler.arrived(2)
    assert cloud.stats(other)["running"] == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_whole_queue_rests_after_a_429_or_503(cloud: Cloud, handler: Handler, status: int) -> None:
    day = {"seconds": 24 * 3600}
    await cloud.queue(
        rate_limits={"max_concurrent_dispatches": 1}, retry_config={"min_backoff": day, "max_backoff": day}
    )
    handler.answers.append(web.Response(status=status, headers={"Retry-After": "600"}))
    await cloud.task(handler.url, "first")
    await cloud.task(handler.url, "second")
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["first"]
    due = cloud.service.next_due()
    assert due
    assert due.timestamp() == pytest.approx(cloud.clock.time() + 600, abs=5)
    cloud.advance_to(due.timestamp())
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["first", "second"]


async def test_a_task_is_not_retried_before_its_retry_after(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config={"min_backoff": {"seconds": 1}, "max_backoff": {"seconds": 1}})
    later = formatdate(cloud.clock.time() + 900, usegmt=True)
    handler.answers.append(web.Response(status=503, headers={"Retry-After": later}))
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    kept = await cloud.client.get_task(name=task.name)
    assert kept.schedule_time.timestamp() == pytest.approx(cloud.clock.time() + 900, abs=5)


async def test_other_errors_slow_only_their_task(cloud: Cloud, handler: Handler) -> None:
    day = {"seconds": 24 * 3600}
    await cloud.queue(
        rate_limits={"max_concurrent_dispatches": 1}, retry_config={"min_backoff": day, "max_backoff": day}
    )
    handler.answers.append(web.Response(status=500, headers={"Retry-After": "600"}))
    await cloud.task(handler.url, "first")
    await cloud.task(handler.url, "second")
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["first", "second"]


async def test_the_counters_tell_what_happened(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(
        retry_config={"max_attempts": 2, "min_backoff": {"seconds": 1}, "max_backoff": {"seconds": 1}}
    )
    handler.answers.extend([500, 500, 500])
    await cloud.task(handler.url)
    await cloud.settle()
    await cloud.task(handler.url)
    await cloud.settle()
    assert cloud.stats(QUEUE) == {
        "depth": 0,
        "due": 0,
        "running": 0,
        "delayed": 0,
        "paused": False,
        "created": 2,
        "dispatched": 4,
        "succeeded": 1,
        "failed": 3,
        "retried": 2,
        "dropped": 1,
        "deduplicated": 0,
    }


async def test_idle_notices_that_the_last_due_task_was_deleted(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(rate_limits={"max_dispatches_per_second": 0.01})
    names = {(await cloud.task(handler.url)).name for _ in range(11)}
    await handler.arrived(10)
    waiting = asyncio.create_task(cloud.service.idle(5))
    (left,) = names - {f"{QUEUE}/tasks/{received.task}" for received in handler.received}
    await cloud.client.delete_task(name=left)
    assert await waiting
