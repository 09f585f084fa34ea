import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.alarm import Alarm


@contextmanager
def running(alarm: Alarm, work: object) -> Iterator[None]:
    task = asyncio.create_task(alarm.run(work))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()


async def test_work_is_done_at_once_and_when_rung() -> None:
    done: asyncio.Queue[int] = asyncio.Queue()
    alarm = Alarm()

    def work() -> None:
        done.put_nowait(1)

    with running(alarm, work):
        await asyncio.wait_for(done.get(), 5)
        assert done.empty()
        alarm.ring()
        await asyncio.wait_for(done.get(), 5)


async def test_work_is_done_again_after_the_time_it_asked_for() -> None:
    done: asyncio.Queue[float] = asyncio.Queue()

    def work() -> float:
        done.put_nowait(asyncio.get_running_loop().time())
        return 0.05

    with running(Alarm(), work):
        first = await asyncio.wait_for(done.get(), 5)
        second = await asyncio.wait_for(done.get(), 5)
    assert second - first >= 0.049


async def test_an_error_does_not_end_the_work() -> None:
    outcomes = iter([ValueError("a bad moment"), None])
    survived = asyncio.Event()
    alarm = Alarm()

    def work() -> None:
        outcome = next(outcomes)
        if outcome:
            alarm.ring()
            raise outcome
        survived.set()

    with running(alarm, work):
        await asyncio.wait_for(survived.wait(), 5)
