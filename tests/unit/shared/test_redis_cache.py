"""When Redis is asked, and when it is left alone."""

import asyncio
import logging

import pytest

from shared.redis_cache import PAUSE_SECONDS, Circuit
from tests.unit.shared.cache_doubles import PATIENCE, Timer


class Service:
    """Answers, fails, or keeps everybody waiting; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.up = True
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> str:
        self.asked += 1
        await self.may_answer.wait()
        if not self.up:
            raise ConnectionError("refused")
        return "answer"


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def circuit(timer: Timer) -> Circuit:
    return Circuit(PATIENCE, timer)


async def test_while_it_answers_it_is_asked(circuit: Circuit, service: Service) -> None:
    assert [await circuit.ask(service) for _ in range(3)] == ["answer"] * 3


async def test_after_a_failure_it_is_left_alone_for_a_while(
    circuit: Circuit, service: Service, timer: Timer
) -> None:
    service.up = False
    assert await circuit.ask(service) is None
    service.up = True
    timer.now = PAUSE_SECONDS - 0.01
    assert await circuit.ask(service) is None
    assert service.asked == 1
    timer.now = PAUSE_SECONDS
    assert await circuit.ask(service) == "answer"
    assert await circuit.ask(service) == "answer"


async def test_only_one_finds_out_whether_it_is_back(
    circuit: Circuit, service: Service, timer: Timer
) -> None:
    service.up = False
    await circuit.ask(service)
    timer.now = PAUSE_SECONDS
    service.may_answer.clear()
    first = asyncio.create_task(circuit.ask(service))
    await asyncio.sleep(0)
    assert [await circuit.ask(service) for _ in range(5)] == [None] * 5
    service.may_answer.set()
    assert await first is None
    assert service.asked == 2
    timer.now += PAUSE_SECONDS - 0.01
    assert await circuit.ask(service) is None
    assert service.asked == 2


async def test_one_that_was_to_find_out_and_was_cancelled_leaves_it_to_another(
    circuit: Circuit, service: Service, timer: Timer
) -> None:
    service.up = False
    await circuit.ask(service)
    timer.now = PAUSE_SECONDS
    service.may_answer.clear()
    first = asyncio.create_task(circuit.ask(service))
    await asyncio.sleep(0)
    first.cancel()
    service.up = True
    service.may_answer.set()
    timer.now = 2 * PAUSE_SECONDS
    assert await circuit.ask(service) == "answer"


async def test_no_answer_in_time_is_a_failure(service: Service, timer: Timer) -> None:
    circuit = Circuit(0.01, timer)
    service.may_answer.clear()
    assert await circuit.ask(service) is None
    assert not circuit.closed


async def test_it_is_told_once_that_it_failed_and_once_that_it_is_back(
    circuit: Circuit, service: Service, timer: Timer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service.up = False
    await asyncio.gather(*(circuit.ask(service) for _ in range(10)))
    timer.now = PAUSE_SECONDS
    await circuit.ask(service)
    service.up = True
    timer.now = 2 * PAUSE_SECONDS
    for _ in range(3):
        await circuit.ask(service)
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [("WARNING", "cache.unreachable"), ("INFO", "cache.reachable")]
    assert vars(caplog.records[0])["error"] == "ConnectionError: refused"
