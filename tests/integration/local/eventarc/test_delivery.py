"""From an event in a bucket to the function that has acknowledged it."""

import asyncio
import json
from itertools import pairwise

import pytest

from tests.integration.local.eventarc.conftest import ACCOUNT, FINALIZED, LIMIT, Cloud, Event, ids
from tests.integration.local.tasks.handler import Handler

DAY = 24 * 3600


async def test_an_event_arrives_as_a_cloudevent_in_binary_mode(cloud: Cloud, function: Handler) -> None:
    cloud.tell(Event("e1", "products/p1/photo.jpg", data={"name": "products/p1/photo.jpg", "size": "12"}))
    assert await cloud.service.idle(5)
    (received,) = function.received
    assert (received.method, received.path) == ("POST", "/compress-image")
    assert {name: value for name, value in received.headers.items() if name.startswith("ce-")} == {
        "ce-id": "e1",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/uploads",
        "ce-specversion": "1.0",
        "ce-type": FINALIZED,
        "ce-subject": "objects/products/p1/photo.jpg",
        "ce-time": "2026-11-20T08:00:00.123Z",
        "ce-bucket": "uploads",
    }
    assert received.headers["Content-Type"] == "application/json"
    assert json.loads(received.body) == {"name": "products/p1/photo.jpg", "size": "12"}


async def test_a_delivery_is_made_as_the_account_of_the_events(cloud: Cloud, function: Handler) -> None:
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    audience = f"{function.url}/compress-image"
    assert function.received[0].headers["Authorization"] == f"Bearer {ACCOUNT}>{audience}"


async def test_an_acknowledged_event_is_gone_from_both_sides(cloud: Cloud, function: Handler) -> None:
    function.default = 204
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    assert (cloud.source.kept, cloud.service.owed(), cloud.service.next_due()) == ([], [], None)
    assert cloud.counts == {"attempts": 1, "acknowledged": 1, "failed": 0, "dropped": 0}


@pytest.mark.parametrize(
    "event", [Event("e1", bucket="images"), Event("e1", type=FINALIZED.replace("finalized", "deleted"))]
)
async def test_what_no_trigger_wants_is_dropped(cloud: Cloud, function: Handler, event: Event) -> None:
    cloud.tell(event)
    assert await cloud.service.idle(5)
    assert (function.received, cloud.source.kept) == ([], [])


async def test_no_more_are_under_way_than_the_function_takes(cloud: Cloud, function: Handler) -> None:
    go_on = asyncio.Event()
    function.before_answer = go_on.wait
    cloud.tell(*(Event(f"e{number}") for number in range(20)))
    await function.arrived(LIMIT)
    go_on.set()
    assert await cloud.service.idle(5)
    assert len(function.received) == 20
    assert function.most_concurrent == LIMIT


@pytest.mark.parametrize("status", [302, 400, 429, 500])
async def test_whatever_does_not_acknowledge_is_tried_again(
    cloud: Cloud, function: Handler, status: int
) -> None:
    function.answers.append(status)
    cloud.tell(Event("e1"))
    await cloud.settle()
    assert ids(function) == ["e1", "e1"]


async def test_an_event_that_waits_is_shown_with_its_reason(cloud: Cloud, function: Handler) -> None:
    function.default = 500
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    (owed,) = cloud.service.owed()
    assert (owed["id"], owed["trigger"], owed["attempts"]) == ("e1", "compressImage", 1)
    assert "500" in owed["reason"]


async def test_attempts_come_after_10_to_600_seconds_for_24_hours(cloud: Cloud, function: Handler) -> None:
    function.default = 500
    started = cloud.clock.time()
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    times = [started]
    while await cloud.advance_to_next():
        times.append(cloud.clock.time())
    waits = [round(later - earlier) for earlier, later in pairwise(times)]
    assert waits[:8] == [10, 20, 40, 80, 160, 320, 600, 600]
    assert DAY - 610 < times[-1] - started <= DAY
    assert cloud.counts["dropped"] == 1


async def test_attempts_are_one_trace_and_each_a_span(cloud: Cloud, function: Handler) -> None:
    function.answers.append(500)
    cloud.tell(Event("e1"))
    await cloud.settle()
    (_, trace, span, _), (_, trace_again, other_span, _) = (
        received.headers["traceparent"].split("-") for received in function.received
    )
    assert trace == trace_again
    assert span != other_span


async def test_without_a_token_nothing_is_sent_and_nothing_lost(cloud: Cloud, function: Handler) -> None:
    cloud.mint_error = OSError("no key")
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    assert function.received == []
    cloud.mint_error = None
    await cloud.settle()
    assert ids(function) == ["e1"]


async def test_one_that_fails_holds_up_no_other(cloud: Cloud, function: Handler) -> None:
    function.answers.append(500)
    cloud.tell(Event("bad"))
    await function.arrived(1)
    cloud.tell(Event("good"))
    assert await cloud.service.idle(5)
    assert ids(function) == ["bad", "good"]


async def test_while_a_function_works_the_cloud_is_not_idle(cloud: Cloud, function: Handler) -> None:
    go_on = asyncio.Event()
    function.before_answer = go_on.wait
    cloud.tell(Event("e1"))
    assert not await cloud.service.idle(0)
    go_on.set()
    assert await cloud.service.idle(5)
