"""Faults in creations and deliveries, set while the service runs."""

import pytest
from google.api_core.exceptions import AlreadyExists, DeadlineExceeded, ServiceUnavailable

from infra.local.clock import Clock
from tests.integration.local.tasks.conftest import LOCATION, QUEUE, Cloud, StartCloud
from tests.integration.local.tasks.handler import Handler

ONE_SECOND = {"min_backoff": {"seconds": 1}, "max_backoff": {"seconds": 1}}


async def test_a_duplicate_is_the_same_attempt_twice(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"duplicate_rate": 1})
    await cloud.task(handler.url, body=b"x")
    assert await cloud.service.idle(5)
    first, second = handler.received
    assert first == second
    assert cloud.stats()["succeeded"] == 1


async def test_a_delay_puts_a_delivery_back_without_an_attempt(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"delay_rate": 1})
    created = cloud.clock.time()
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    kept = await cloud.client.get_task(name=task.name)
    assert kept.dispatch_count == 0
    assert 1 <= kept.schedule_time.timestamp() - created <= 61
    await cloud.settle()
    assert [r.headers["X-CloudTasks-TaskRetryCount"] for r in handler.received] == ["0"]


async def test_delays_change_the_order(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"delay_rate": 0.5, "seed": 1})
    created = [(await cloud.task(handler.url, f"t{n}")).name.rpartition("/")[2] for n in range(20)]
    await cloud.settle()
    arrived = [r.task for r in handler.received]
    assert sorted(arrived) == sorted(created)
    assert arrived != created


async def test_an_error_is_an_attempt_that_never_ran(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    cloud.service.set_faults({"error_rate": 1})
    await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    assert not handler.received
    cloud.service.set_faults({})
    await cloud.settle()
    (received,) = handler.received
    assert received.headers["X-CloudTasks-TaskRetryCount"] == "1"
    assert received.headers["X-CloudTasks-TaskPreviousResponse"] == "500"


async def test_a_kill_runs_the_handler_and_loses_its_answer(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    cloud.service.set_faults({"kill_rate": 1})
    await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    cloud.service.set_faults({})
    await cloud.settle()
    assert [r.headers["X-CloudTasks-TaskRetryCount"] for r in handler.received] == ["0", "1"]
    assert "X-CloudTasks-TaskPreviousResponse" not in handler.received[1].headers


async def test_a_creation_that_fails_has_made_nothing(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"create_error_rate": 1})
    with pytest.raises(ServiceUnavailable):
        await cloud.task(handler.url, "t")
    cloud.service.set_faults({})
    await cloud.task(handler.url, "t")
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["t"]


async def test_a_creation_whose_answer_is_lost_has_made_its_task(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"create_lost_answer_rate": 1})
    with pytest.raises(ServiceUnavailable):
        await cloud.task(handler.url, "t")
    cloud.service.set_faults({})
    with pytest.raises(AlreadyExists):
        await cloud.task(handler.url, "t")
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["t"]


async def test_a_creation_that_hangs_makes_nothing_and_holds_up_nobody(
    cloud: Cloud, handler: Handler
) -> None:
    await cloud.queue()
    cloud.service.set_faults({"create_hang_rate": 1})
    with pytest.raises(DeadlineExceeded):
        await cloud.client.create_task(
            parent=QUEUE, task={"http_request": {"url": handler.url}}, timeout=0.05
        )
    cloud.service.set_faults({})
    await cloud.task(handler.url, "t")
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["t"]


async def test_a_creation_that_failed_may_succeed_the_next_time(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    cloud.service.set_faults({"create_error_rate": 0.5, "seed": 1})
    calls = 1
    while True:
        try:
            await cloud.task(handler.url, "t")
            break
        except ServiceUnavailable:
            calls += 1
    assert 1 < calls < 10


async def test_a_queue_can_have_faults_of_its_own(cloud: Cloud, handler: Handler) -> None:
    other = f"{LOCATION}/queues/other"
    await cloud.queue(retry_config=ONE_SECOND)
    await cloud.queue(other)
    cloud.service.set_faults({"queues": {"returnSync": {"error_rate": 1}}})
    await cloud.task(handler.url, "faulty")
    await cloud.task(handler.url, "sound", queue=other)
    assert await cloud.service.idle(5)
    assert [r.task for r in handler.received] == ["sound"]


async def test_a_seed_repeats_a_run(start_cloud: StartCloud, handler: Handler) -> None:
    async def run(seed: int) -> list[tuple[str, str]]:
        handler.received.clear()
        cloud = await start_cloud(None, Clock())
        cloud.service.set_faults({"seed": seed, "duplicate_rate": 0.3, "error_rate": 0.3, "kill_rate": 0.3})
        await cloud.queue(retry_config=ONE_SECOND)
        for n in range(10):
            await cloud.task(handler.url, f"t{n}")
        await cloud.settle()
        return sorted((r.task, r.headers["X-CloudTasks-TaskRetryCount"]) for r in handler.received)

    first = await run(7)
    assert await run(7) == first
    assert await run(8) != first


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"drop_rate": 0.1}, "unknown key 'drop_rate'"),
        ({"kill_rate": 1.1}, "faults.kill_rate must be 0 to 1"),
        ({"kill_rate": -0.1}, "faults.kill_rate must be 0 to 1"),
        ({"kill_rate": float("nan")}, "faults.kill_rate must be 0 to 1"),
        ({"kill_rate": "high"}, "faults.kill_rate must be a number"),
        ({"kill_rate": True}, "faults.kill_rate must be a number"),
        ({"seed": 1.5}, "faults.seed must be an integer"),
        ({"queues": {"q": {"colour": 1}}}, "queues.q: unknown key 'colour'"),
        ({"queues": {"q": 1}}, "queues.q must be an object"),
        ({"queues": []}, "queues must be an object"),
    ],
)
async def test_wrong_settings_are_refused(cloud: Cloud, settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        cloud.service.set_faults(settings)


async def test_refused_settings_leave_the_old_ones(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    cloud.service.set_faults({"error_rate": 1})
    with pytest.raises(ValueError, match="unknown key"):
        cloud.service.set_faults({"error_rate": 0, "colour": 1})
    await cloud.task(handler.url, queue=QUEUE)
    assert await cloud.service.idle(5)
    assert not handler.received
