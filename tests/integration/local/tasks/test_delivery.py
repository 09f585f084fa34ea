"""What arrives at a handler, and what its answers do to the task."""

import asyncio
import socket

import pytest
from google.api_core.exceptions import NotFound
from google.rpc.code_pb2 import Code

from tests.integration.local.tasks.conftest import QUEUE, Cloud
from tests.integration.local.tasks.handler import Handler

ONE_SECOND = {"min_backoff": {"seconds": 1}, "max_backoff": {"seconds": 1}}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_task_arrives_as_it_was_created(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    created = await cloud.task(
        f"{handler.url}/update?x=1",
        "r-1",
        http_method="PUT",
        body=b"{}",
        headers={"Content-Type": "application/json"},
    )
    assert await cloud.service.idle(5)
    (received,) = handler.received
    assert (received.method, received.path, received.body) == ("PUT", "/update?x=1", b"{}")
    headers = {n: v for n, v in received.headers.items() if n not in ("Host", "Accept", "Accept-Encoding")}
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": "2",
        "User-Agent": "Google-Cloud-Tasks",
        "X-CloudTasks-QueueName": "returnSync",
        "X-CloudTasks-TaskName": "r-1",
        "X-CloudTasks-TaskRetryCount": "0",
        "X-CloudTasks-TaskExecutionCount": "0",
        "X-CloudTasks-TaskETA": f"{created.schedule_time.timestamp():.6f}",
    }


async def test_a_body_without_a_type_is_an_octet_stream(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    await cloud.task(handler.url, body=b"x")
    assert await cloud.service.idle(5)
    assert handler.received[0].headers["Content-Type"] == "application/octet-stream"


async def test_reserved_headers_of_the_user_are_replaced(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    forged = {
        "X-CloudTasks-TaskRetryCount": "99",
        "x-cloudtasks-other": "1",
        "X-Google-Secret": "1",
        "X-AppEngine-QueueName": "1",
        "user-agent": "me",
        "Host": "elsewhere",
        "Content-Length": "7",
        "Transfer-Encoding": "chunked",
        "X-Mine": "kept",
    }
    await cloud.task(handler.url, body=b"x", headers=forged)
    assert await cloud.service.idle(5)
    headers = {name.lower(): value for name, value in handler.received[0].headers.items()}
    assert headers["x-cloudtasks-taskretrycount"] == "0"
    assert headers["user-agent"] == "Google-Cloud-Tasks"
    assert headers["host"] in handler.url
    assert headers["content-length"] == "1"
    assert headers["x-mine"] == "kept"
    absent = {"x-cloudtasks-other", "x-google-secret", "x-appengine-queuename", "transfer-encoding"}
    assert not absent & headers.keys()


@pytest.mark.parametrize(
    ("audience", "expected"), [("", "{url}/x"), ("https://f.example", "https://f.example")]
)
async def test_an_oidc_token_is_for_the_audience_or_the_url(
    cloud: Cloud, handler: Handler, audience: str, expected: str
) -> None:
    await cloud.queue()
    token = {"service_account_email": "tasks@shop.example", "audience": audience}
    await cloud.task(f"{handler.url}/x", oidc_token=token, headers={"authorization": "Basic mine"})
    assert await cloud.service.idle(5)
    assert cloud.minted == [("tasks@shop.example", expected.format(url=handler.url))]
    assert handler.received[0].headers["Authorization"] == "Bearer token-1"
    assert "authorization" not in handler.received[0].headers


async def test_a_retry_tells_how_the_last_attempt_ended(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    handler.answers.extend([404, 500])
    await cloud.task(handler.url)
    await cloud.settle()
    _, second, third = (received.headers for received in handler.received)
    seen = ("TaskRetryCount", "TaskExecutionCount", "TaskPreviousResponse", "TaskRetryReason")
    assert [second[f"X-CloudTasks-{name}"] for name in seen] == [
        "1",
        "1",
        "404",
        "NOT_FOUND(5): HTTP status code 404",
    ]
    # A 5xx counts as a retry, not as an execution.
    assert [third[f"X-CloudTasks-{name}"] for name in seen] == [
        "2",
        "1",
        "500",
        "INTERNAL(13): HTTP status code 500",
    ]


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_any_2xx_ends_the_task(cloud: Cloud, handler: Handler, status: int) -> None:
    await cloud.queue()
    handler.default = status
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    with pytest.raises(NotFound):
        await cloud.client.get_task(name=task.name)


@pytest.mark.parametrize("status", [302, 400, 429, 500, 503])
async def test_anything_else_is_a_failed_attempt(cloud: Cloud, handler: Handler, status: int) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    handler.default = status
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    assert (await cloud.client.get_task(name=task.name)).response_count == 1


async def test_a_connection_that_fails_is_a_failed_attempt(cloud: Cloud) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    task = await cloud.task(f"http://127.0.0.1:{closed_port()}/")
    assert await cloud.service.idle(5)
    kept = await cloud.client.get_task(name=task.name)
    assert (kept.dispatch_count, kept.response_count) == (1, 0)
    assert kept.last_attempt.response_status.code == Code.UNAVAILABLE


async def test_a_task_shows_its_attempts(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config=ONE_SECOND)
    handler.default = 500
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    first = await cloud.client.get_task(name=task.name)
    cloud.advance_to(first.schedule_time.timestamp())
    assert await cloud.service.idle(5)
    second = await cloud.client.get_task(name=task.name)
    assert (second.dispatch_count, second.response_count) == (2, 2)
    assert second.first_attempt.dispatch_time == first.last_attempt.dispatch_time
    assert second.last_attempt.schedule_time == first.schedule_time
    assert second.last_attempt.dispatch_time >= first.schedule_time
    assert second.last_attempt.response_time >= second.last_attempt.dispatch_time
    assert second.last_attempt.response_status.code == Code.INTERNAL
    assert 1.0 <= (second.schedule_time - second.last_attempt.dispatch_time).total_seconds() < 2.0


async def test_eighteen_retries_spread_over_72_hours(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    await cloud.queue(
        retry_config={
            "max_attempts": 19,
            "min_backoff": {"seconds": 28},
            "max_backoff": {"seconds": 28800},
            "max_doublings": 16,
        }
    )
    started = cloud.clock.time()
    task = await cloud.task(handler.url)
    await cloud.settle()
    assert [r.headers["X-CloudTasks-TaskRetryCount"] for r in handler.received] == [str(n) for n in range(19)]
    assert 71.9 < (cloud.clock.time() - started) / 3600 < 72.0
    assert cloud.stats()["dropped"] == 1
    with pytest.raises(NotFound):  # there is no dead-letter queue
        await cloud.client.get_task(name=task.name)


async def test_attempts_and_duration_must_both_be_used_up(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    await cloud.queue(
        retry_config={
            "max_attempts": 2,
            "max_retry_duration": {"seconds": 35},
            "min_backoff": {"seconds": 10},
            "max_backoff": {"seconds": 10},
        }
    )
    await cloud.task(handler.url)
    await cloud.settle()
    assert len(handler.received) == 4  # at 0, 10, 20 and 30 s; the next would be after 35 s


async def test_a_tasks_own_retry_settings_override_the_queues(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    await cloud.queue(retry_config={"max_attempts": 5, **ONE_SECOND})
    await cloud.client.create_task(
        parent=QUEUE, task={"http_request": {"url": handler.url}, "retry_config": {"max_attempts": 2}}
    )
    await cloud.settle()
    assert len(handler.received) == 2


async def test_without_limits_a_task_is_dropped_after_31_days(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    day = {"seconds": 24 * 3600}
    await cloud.queue(retry_config={"max_attempts": -1, "min_backoff": day, "max_backoff": day})
    await cloud.task(handler.url)
    await cloud.settle()
    assert 31 <= len(handler.received) <= 32


async def test_a_task_waits_for_its_schedule_time(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    at = cloud.clock.time() + 3600
    await cloud.client.create_task(
        parent=QUEUE, task={"http_request": {"url": handler.url}, "schedule_time": {"seconds": int(at)}}
    )
    assert await cloud.service.idle(5)
    assert not handler.received
    assert cloud.stats()["delayed"] == 1
    cloud.advance_to(at)
    assert await cloud.service.idle(5)
    assert len(handler.received) == 1


async def test_tasks_fall_due_in_real_time_too(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue(retry_config={"min_backoff": {"nanos": 50_000_000}, "max_backoff": {"seconds": 1}})
    handler.answers.append(500)
    await cloud.task(handler.url)
    await handler.arrived(2)


async def test_stopping_does_not_wait_for_handlers(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    handler.before_answer = asyncio.Event().wait
    await cloud.task(handler.url)
    await handler.arrived(1)
    async with asyncio.timeout(1):
        await cloud.service.stop()


async def test_a_token_that_cannot_be_made_is_a_failed_attempt(cloud: Cloud, handler: Handler) -> None:
    cloud.mint_error = PermissionError("nobody is unknown")
    await cloud.queue(retry_config=ONE_SECOND)
    task = await cloud.task(handler.url, oidc_token={"service_account_email": "nobody@shop.example"})
    assert await cloud.service.idle(5)
    kept = await cloud.client.get_task(name=task.name)
    assert kept.last_attempt.response_status.code == Code.UNAUTHENTICATED
    assert not handler.received
