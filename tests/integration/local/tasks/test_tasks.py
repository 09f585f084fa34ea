"""The RPCs about tasks, through Google's client."""

import asyncio

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, MethodNotImplemented, NotFound
from google.cloud import tasks_v2

from tests.integration.local.tasks.conftest import LOCATION, QUEUE, Cloud
from tests.integration.local.tasks.handler import Handler

URL = "http://127.0.0.1:9/"
DAY = 24 * 3600


@pytest.fixture
async def paused(cloud: Cloud) -> Cloud:
    """A cloud whose queue keeps its tasks."""
    await cloud.queue()
    await cloud.client.pause_queue(name=QUEUE)
    return cloud


async def test_a_task_without_a_name_gets_one(paused: Cloud) -> None:
    first, second = await paused.task(URL), await paused.task(URL)
    assert first.name.startswith(f"{QUEUE}/tasks/")
    assert first.name != second.name


async def test_defaults_are_filled_in(paused: Cloud) -> None:
    task = await paused.task(URL)
    assert task.http_request.http_method == tasks_v2.HttpMethod.POST
    assert task.dispatch_deadline.total_seconds() == 600
    assert task.schedule_time.timestamp() == pytest.approx(paused.clock.time(), abs=5)
    assert task.create_time.timestamp() == int(task.create_time.timestamp())


async def test_a_schedule_time_in_the_past_becomes_now(paused: Cloud) -> None:
    task = await paused.client.create_task(
        parent=QUEUE, task={"http_request": {"url": URL}, "schedule_time": {"seconds": 1}}
    )
    assert task.schedule_time.timestamp() == pytest.approx(paused.clock.time(), abs=5)


async def test_output_only_fields_are_ignored(paused: Cloud) -> None:
    task = await paused.client.create_task(
        parent=QUEUE, task={"http_request": {"url": URL}, "dispatch_count": 5, "response_count": 4}
    )
    assert (task.dispatch_count, task.response_count) == (0, 0)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ({}, "no http_request"),
        ({"http_request": {"url": ""}}, "http_request.url"),
        ({"http_request": {"url": "ftp://x/"}}, "http_request.url"),
        ({"http_request": {"url": "/relative"}}, "http_request.url"),
        ({"http_request": {"url": "http://"}}, "http_request.url"),
        ({"http_request": {"url": "http://h:99999/"}}, "http_request.url"),
        ({"http_request": {"url": "http://h/" + "x" * 2083}}, "limit is 2083"),
        ({"http_request": {"url": URL, "http_method": "GET", "body": b"x"}}, "POST, PUT and PATCH"),
        ({"http_request": {"url": URL, "http_method": 12}}, "http_method 12"),
        ({"http_request": {"url": URL, "headers": {"A": "x\r\nB: y"}}}, "header 'A'"),
        ({"http_request": {"url": URL, "headers": {"bad name": "x"}}}, "not an HTTP header name"),
        ({"http_request": {"url": URL, "headers": {"A": "x" * 81920}}}, "less than 81920"),
        ({"http_request": {"url": URL, "oidc_token": {"audience": "a"}}}, "service_account_email"),
        ({"http_request": {"url": URL, "body": b"x" * 102_400}}, "limit is 102400"),
        ({"http_request": {"url": URL}, "dispatch_deadline": {"seconds": 14}}, "15 s to 30 min"),
        ({"http_request": {"url": URL}, "dispatch_deadline": {"seconds": 1801}}, "15 s to 30 min"),
        ({"http_request": {"url": URL}, "retry_config": {"max_attempts": -2}}, "max_attempts"),
        ({"http_request": {"url": URL}, "name": "t1"}, "is not of the form"),
        ({"http_request": {"url": URL}, "name": f"{QUEUE}/tasks/a.b"}, "is not of the form"),
        ({"http_request": {"url": URL}, "name": f"{QUEUE}/tasks/{'x' * 501}"}, "at most 500"),
        ({"http_request": {"url": URL}, "name": f"{LOCATION}/queues/other/tasks/t"}, "does not belong"),
    ],
)
async def test_a_wrong_task_is_refused_with_the_reason(
    paused: Cloud, task: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        await paused.client.create_task(parent=QUEUE, task=task)
    assert paused.stats()["depth"] == 0


async def test_a_task_is_scheduled_at_most_30_days_ahead(paused: Cloud) -> None:
    def scheduled_in(seconds: float) -> dict[str, object]:
        at = {"seconds": int(paused.clock.time() + seconds)}
        return {"http_request": {"url": URL}, "schedule_time": at}

    await paused.client.create_task(parent=QUEUE, task=scheduled_in(30 * DAY - 60))
    with pytest.raises(InvalidArgument, match="30 days"):
        await paused.client.create_task(parent=QUEUE, task=scheduled_in(30 * DAY + 60))


@pytest.mark.parametrize(
    "task",
    [
        {"app_engine_http_request": {"relative_uri": "/x"}},
        {"http_request": {"url": URL, "oauth_token": {"service_account_email": "a@b"}}},
    ],
)
async def test_other_targets_and_tokens_are_not_implemented(paused: Cloud, task: dict[str, object]) -> None:
    with pytest.raises(MethodNotImplemented):
        await paused.client.create_task(parent=QUEUE, task=task)


async def test_a_queue_must_exist(cloud: Cloud) -> None:
    with pytest.raises(NotFound):
        await cloud.task(URL)
    with pytest.raises(NotFound):
        await cloud.client.list_tasks(parent=QUEUE)


async def test_a_name_is_taken_once(paused: Cloud) -> None:
    await paused.task(URL, "t")
    with pytest.raises(AlreadyExists):
        await paused.task(URL, "t")
    assert paused.stats()["deduplicated"] == 1


@pytest.mark.parametrize("end", ["done", "exhausted", "deleted"])
async def test_a_name_stays_taken_for_a_day_after_the_tasks_end(
    cloud: Cloud, handler: Handler, end: str
) -> None:
    await cloud.queue(retry_config={"max_attempts": 1})
    handler.default = 500 if end == "exhausted" else 200
    if end == "deleted":
        await cloud.client.pause_queue(name=QUEUE)
    task = await cloud.task(handler.url, "t")
    if end == "deleted":
        await cloud.client.delete_task(name=task.name)
    assert await cloud.service.idle(5)
    with pytest.raises(AlreadyExists):
        await cloud.task(handler.url, "t")
    cloud.clock.advance(DAY + 1)
    await cloud.task(handler.url, "t")


async def test_a_body_shows_in_the_full_view_only(paused: Cloud) -> None:
    task = await paused.task(URL, body=b"secret")
    full = tasks_v2.Task.View.FULL
    assert task.http_request.body == b""
    assert task.view == tasks_v2.Task.View.BASIC
    shown = await paused.client.get_task({"name": task.name, "response_view": full})
    assert (shown.http_request.body, shown.view) == (b"secret", full)
    (listed,) = [t async for t in await paused.client.list_tasks({"parent": QUEUE, "response_view": full})]
    assert listed == shown


async def test_tasks_are_listed_in_pages_of_their_own_queue(paused: Cloud) -> None:
    other = f"{LOCATION}/queues/returnSync-2"
    await paused.queue(other)
    await paused.client.pause_queue(name=other)
    await paused.task(URL, "foreign", queue=other)
    names = [(await paused.task(URL, f"t{n}")).name for n in range(5)]
    pages = await paused.client.list_tasks({"parent": QUEUE, "page_size": 2})
    assert [[task.name for task in page.tasks] async for page in pages.pages] == [
        names[:2],
        names[2:4],
        names[4:],
    ]


async def test_a_deleted_task_is_not_delivered_again(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    release = asyncio.Event()
    handler.before_answer = release.wait
    handler.default = 500
    task = await cloud.task(handler.url)
    await handler.arrived(1)
    await cloud.client.delete_task(name=task.name)
    release.set()
    await cloud.settle()
    assert len(handler.received) == 1


@pytest.mark.parametrize("rpc", ["get_task", "delete_task", "run_task"])
async def test_a_task_that_has_ended_is_not_found(cloud: Cloud, handler: Handler, rpc: str) -> None:
    await cloud.queue()
    task = await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    with pytest.raises(NotFound):
        await getattr(cloud.client, rpc)(name=task.name)


async def test_run_task_dispatches_from_a_paused_queue_before_its_time(
    paused: Cloud, handler: Handler
) -> None:
    at = {"seconds": int(paused.clock.time() + DAY)}
    task = await paused.client.create_task(
        parent=QUEUE, task={"http_request": {"url": handler.url}, "schedule_time": at}
    )
    assert (await paused.client.run_task(name=task.name)).dispatch_count == 1
    assert await paused.service.idle(5)
    assert len(handler.received) == 1
    assert paused.stats()["depth"] == 0


async def test_a_forced_run_that_fails_is_retried_from_the_time_of_the_call(
    paused: Cloud, handler: Handler
) -> None:
    handler.default = 500
    await paused.client.update_queue(
        queue={"name": QUEUE, "retry_config": {"min_backoff": {"seconds": 60}}},
        update_mask={"paths": ["retry_config.min_backoff"]},
    )
    task = await paused.task(handler.url)
    before = paused.clock.time()
    await paused.client.run_task(name=task.name)
    after = paused.clock.time()
    assert await paused.service.idle(5)
    kept = await paused.client.get_task(name=task.name)
    assert before + 60 <= kept.schedule_time.timestamp() <= after + 60
