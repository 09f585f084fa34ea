"""Faults in deliveries, set while the service runs."""

import pytest

from tests.integration.local.eventarc.conftest import Cloud, Event, Source, StartCloud, ids
from tests.integration.local.tasks.handler import Handler


async def test_a_duplicate_is_the_same_attempt_twice(cloud: Cloud, function: Handler) -> None:
    cloud.service.set_faults({"duplicate_rate": 1})
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    first, second = function.received
    assert first == second
    assert cloud.counts["acknowledged"] == 1


async def test_delays_change_the_order_and_are_no_attempts(cloud: Cloud, function: Handler) -> None:
    cloud.service.set_faults({"delay_rate": 0.5, "seed": 1})
    told = [f"e{number}" for number in range(20)]
    cloud.tell(*map(Event, told))
    await cloud.settle()
    assert sorted(ids(function)) == sorted(told)
    assert ids(function) != told
    assert cloud.counts["attempts"] == 20


async def test_an_error_never_reaches_the_function(cloud: Cloud, function: Handler) -> None:
    cloud.service.set_faults({"error_rate": 1})
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    assert function.received == []
    cloud.service.set_faults({})
    await cloud.settle()
    assert ids(function) == ["e1"]


async def test_a_lost_answer_has_the_function_run_again(cloud: Cloud, function: Handler) -> None:
    cloud.service.set_faults({"kill_rate": 1})
    cloud.tell(Event("e1"))
    assert await cloud.service.idle(5)
    cloud.service.set_faults({})
    await cloud.settle()
    assert ids(function) == ["e1", "e1"]


async def test_a_seed_repeats_a_run(start_cloud: StartCloud, function: Handler) -> None:
    async def run(seed: int) -> list[str]:
        function.received.clear()
        cloud = await start_cloud(None, Source())
        cloud.service.set_faults({"seed": seed, "duplicate_rate": 0.3, "error_rate": 0.3, "kill_rate": 0.3})
        cloud.tell(*(Event(f"e{number}") for number in range(10)))
        await cloud.settle()
        return sorted(received.headers["traceparent"] for received in function.received)

    first = await run(7)
    assert await run(7) == first
    assert await run(8) != first


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"drop_rate": 0.1}, "events: unknown key 'drop_rate'"),
        ({"kill_rate": 1.1}, "events.kill_rate must be 0 to 1"),
        ({"create_error_rate": 1}, "unknown key"),
    ],
)
async def test_wrong_settings_are_refused(cloud: Cloud, settings: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        cloud.service.set_faults(settings)
