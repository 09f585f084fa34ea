"""The RPCs about queues, through Google's client."""

import asyncio

import grpc
import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
)
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from infra.local.refusal import Refusal
from infra.local.tasks import QueueConfig
from tests.integration.local.tasks.conftest import LOCATION, QUEUE, Cloud
from tests.integration.local.tasks.handler import Handler


async def test_a_queue_without_settings_has_googles_defaults(cloud: Cloud) -> None:
    queue = await cloud.queue()
    assert queue.state == tasks_v2.Queue.State.RUNNING
    assert queue.rate_limits.max_dispatches_per_second == 500
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    assert queue.rate_limits.max_burst_size == 500
    assert queue.retry_config.max_attempts == 100
    assert queue.retry_config.max_retry_duration.total_seconds() == 0
    assert queue.retry_config.min_backoff.total_seconds() == 0.1
    assert queue.retry_config.max_backoff.total_seconds() == 3600
    assert queue.retry_config.max_doublings == 16
    assert await cloud.client.get_queue(name=QUEUE) == queue


async def test_the_synchronous_client_works_too(cloud: Cloud, handler: Handler) -> None:
    def use() -> list[str]:
        with grpc.insecure_channel(cloud.address) as channel:
            client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
            client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=QUEUE))
            client.create_task(parent=QUEUE, task={"http_request": {"url": handler.url}})
            return [queue.name for queue in client.list_queues(parent=LOCATION)]

    assert await asyncio.to_thread(use) == [QUEUE]
    await handler.arrived(1)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rate_limits": {"max_dispatches_per_second": 500.1}}, "at most 500"),
        ({"rate_limits": {"max_dispatches_per_second": -1}}, "over 0"),
        ({"rate_limits": {"max_concurrent_dispatches": 5001}}, "1 to 5000"),
        ({"rate_limits": {"max_concurrent_dispatches": -1}}, "1 to 5000"),
        ({"retry_config": {"max_attempts": -2}}, "max_attempts must be -1"),
        ({"retry_config": {"max_doublings": -1}}, "max_doublings must not be negative"),
        (
            {"retry_config": {"max_retry_duration": {"seconds": -1}}},
            "max_retry_duration must not be negative",
        ),
        ({"retry_config": {"min_backoff": {"seconds": 2}, "max_backoff": {"seconds": 1}}}, "must not exceed"),
        ({"name": f"{LOCATION}/queues/under_score"}, "letters, digits and hyphens"),
        ({"name": f"{LOCATION}/queues/{'q' * 101}"}, "at most 100"),
        ({"name": "returnSync"}, "is not of the form"),
        ({"name": "projects/shop/locations/elsewhere/queues/q"}, "does not belong to the parent"),
    ],
)
async def test_settings_out_of_range_are_refused(
    cloud: Cloud, settings: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        await cloud.queue(**{"name": QUEUE, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"http_target": {"http_method": "GET"}},
        {"app_engine_routing_override": {"service": "s"}},
        {"stackdriver_logging_config": {"sampling_ratio": 1}},
    ],
)
async def test_what_is_not_there_is_not_pretended(cloud: Cloud, settings: dict[str, object]) -> None:
    with pytest.raises(MethodNotImplemented):
        await cloud.queue(**settings)
    with pytest.raises(MethodNotImplemented):
        await cloud.client.update_queue(
            queue={"name": (await cloud.queue()).name, **settings}, update_mask={"paths": list(settings)}
        )


async def test_iam_policies_and_filters_are_not_implemented(cloud: Cloud) -> None:
    with pytest.raises(MethodNotImplemented):
        await cloud.client.get_iam_policy({"resource": QUEUE})
    with pytest.raises(MethodNotImplemented):
        await cloud.client.list_queues({"parent": LOCATION, "filter": "state: PAUSED"})


async def test_a_queue_exists_once(cloud: Cloud) -> None:
    await cloud.queue()
    with pytest.raises(AlreadyExists):
        await cloud.queue()


async def test_queues_are_listed_in_pages_within_their_location(cloud: Cloud) -> None:
    names = [f"{LOCATION}/queues/q{n}" for n in range(5)]
    for name in reversed(names):
        await cloud.queue(name)
    cloud.service.ensure_queue("shop", "europe-west10", "other", QueueConfig())
    pages = await cloud.client.list_queues({"parent": LOCATION, "page_size": 2})
    listed = [[queue.name for queue in page.queues] async for page in pages.pages]
    assert listed == [names[:2], names[2:4], names[4:]]


async def test_an_update_changes_what_its_mask_names(cloud: Cloud) -> None:
    await cloud.queue(retry_config={"max_attempts": 7, "max_doublings": 3})
    changed = await cloud.client.update_queue(
        queue={
            "name": QUEUE,
            "rate_limits": {"max_dispatches_per_second": 40},
            "retry_config": {"max_attempts": 9, "max_doublings": 0},
        },
        update_mask={"paths": ["rate_limits.max_dispatches_per_second", "retry_config.max_doublings"]},
    )
    assert changed.rate_limits.max_dispatches_per_second == 40
    assert changed.rate_limits.max_burst_size == 40
    assert (changed.retry_config.max_attempts, changed.retry_config.max_doublings) == (7, 0)
    assert await cloud.client.get_queue(name=QUEUE) == changed


async def test_an_update_without_a_mask_resets_what_it_does_not_say(cloud: Cloud) -> None:
    await cloud.queue(retry_config={"max_attempts": 7}, rate_limits={"max_concurrent_dispatches": 3})
    await cloud.client.pause_queue(name=QUEUE)
    changed = await cloud.client.update_queue(queue={"name": QUEUE, "retry_config": {"max_doublings": 2}})
    assert (changed.retry_config.max_attempts, changed.retry_config.max_doublings) == (100, 2)
    assert changed.rate_limits.max_concurrent_dispatches == 1000
    assert changed.state == tasks_v2.Queue.State.PAUSED


async def test_an_update_of_an_unknown_field_is_refused(cloud: Cloud) -> None:
    await cloud.queue()
    with pytest.raises(InvalidArgument, match="no field 'colour'"):
        await cloud.client.update_queue(queue={"name": QUEUE}, update_mask={"paths": ["colour"]})


async def test_an_update_creates_a_queue_that_is_not_there(cloud: Cloud) -> None:
    await cloud.client.update_queue(queue={"name": QUEUE})
    assert (await cloud.client.get_queue(name=QUEUE)).retry_config.max_attempts == 100


async def test_a_deleted_queues_name_is_unusable_for_three_days(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    await cloud.client.delete_queue(name=QUEUE)
    with pytest.raises(NotFound):
        await cloud.task(handler.url)
    with pytest.raises(FailedPrecondition, match="existed too recently"):
        await cloud.queue()
    cloud.clock.advance(3 * 24 * 3600)
    await cloud.queue()


async def test_deleting_a_queue_deletes_its_tasks(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    await cloud.client.pause_queue(name=QUEUE)
    await cloud.task(handler.url)
    await cloud.client.delete_queue(name=QUEUE)
    cloud.clock.advance(4 * 24 * 3600)
    await cloud.queue()
    assert cloud.stats()["depth"] == 0


@pytest.mark.parametrize("rpc", ["get_queue", "delete_queue", "purge_queue", "pause_queue", "resume_queue"])
async def test_a_queue_that_does_not_exist_is_not_found(cloud: Cloud, rpc: str) -> None:
    with pytest.raises(NotFound):
        await getattr(cloud.client, rpc)(name=QUEUE)


async def test_a_paused_queue_takes_tasks_and_keeps_them(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    assert (await cloud.client.pause_queue(name=QUEUE)).state == tasks_v2.Queue.State.PAUSED
    await cloud.task(handler.url)
    assert await cloud.service.idle(5)
    assert not handler.received
    assert cloud.service.next_due() is None
    assert (await cloud.client.resume_queue(name=QUEUE)).state == tasks_v2.Queue.State.RUNNING
    await handler.arrived(1)


async def test_a_purge_removes_all_tasks_and_says_when(cloud: Cloud, handler: Handler) -> None:
    await cloud.queue()
    await cloud.client.pause_queue(name=QUEUE)
    for n in range(3):
        await cloud.task(handler.url, f"t{n}")
    purged = await cloud.client.purge_queue(name=QUEUE)
    assert purged.purge_time.timestamp() == pytest.approx(cloud.clock.time(), abs=5)
    assert [task async for task in await cloud.client.list_tasks(parent=QUEUE)] == []
    with pytest.raises(AlreadyExists):
        await cloud.task(handler.url, "t0")


async def test_a_topology_can_be_synced_again_and_again(cloud: Cloud, handler: Handler) -> None:
    cloud.service.ensure_queue("shop", "europe-west1", "returnSync", QueueConfig(max_attempts=3))
    await cloud.client.pause_queue(name=QUEUE)
    await cloud.task(handler.url)
    cloud.service.ensure_queue(
        "shop", "europe-west1", "returnSync", QueueConfig(max_attempts=4, max_doublings=0)
    )
    queue = await cloud.client.get_queue(name=QUEUE)
    assert (queue.retry_config.max_attempts, queue.retry_config.max_doublings) == (4, 0)
    assert queue.state == tasks_v2.Queue.State.PAUSED
    assert cloud.stats()["depth"] == 1
    await cloud.client.delete_queue(name=QUEUE)
    cloud.service.ensure_queue("shop", "europe-west1", "returnSync", QueueConfig())
    assert (await cloud.client.get_queue(name=QUEUE)).retry_config.max_attempts == 100


async def test_a_topology_out_of_range_is_refused(cloud: Cloud) -> None:
    with pytest.raises(Refusal, match="max_dispatches_per_second"):
        cloud.service.ensure_queue("shop", "l", "q", QueueConfig(max_dispatches_per_second=0))
