"""Schedules and queues, when the services behind answer late, oddly or not at all."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition, NotFound, ServiceUnavailable
from google.cloud.scheduler_v1 import Job
from google.cloud.tasks_v2 import Queue, Task
from google.rpc.code_pb2 import Code

from functions.ops import control
from functions.ops.actions import Act
from functions.ops.console import panels
from functions.ops.control import QueueControl, Schedules, queue_view, schedule_view
from functions.ops.replay import TARGETS
from infra.topology import load
from shared.problems import Problem
from shared.settings import settings

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


class Log:
    """An audit log that forgets."""

    @asynccontextmanager
    async def recorded(
        self, who: str, what: str, target: str, details: Mapping[str, str] | None = None
    ) -> AsyncIterator[Act]:
        yield Act()


@dataclass
class Tasks:
    """Cloud Tasks, where one queue is not what it should be."""

    odd: str
    hangs: bool = False
    depth: int = 3

    async def get_queue(self, *, name: str, timeout: float) -> Queue:  # noqa: ASYNC109  # as Google's client
        if name.endswith(f"/{self.odd}"):
            if self.hangs:
                await asyncio.Event().wait()
            raise ServiceUnavailable("away")
        return Queue(name=name, state=Queue.State.RUNNING)

    async def list_tasks(self, request: Any, *, timeout: float) -> Any:  # noqa: ASYNC109
        count = min(self.depth, request["page_size"])

        async def pages() -> AsyncIterator[Any]:
            yield SimpleNamespace(
                tasks=[Task(create_time=AT, dispatch_count=0) for _ in range(count)],
                next_page_token="more" if self.depth > count else "",
            )
            raise AssertionError("one page is enough")

        return SimpleNamespace(pages=pages())


def queues(tasks: Any) -> QueueControl:
    return QueueControl(lambda: tasks, settings(), Log())  # type: ignore[arg-type]


def test_the_page_waits_longer_than_a_look_at_a_queue_takes() -> None:
    assert control.LOOK_SECONDS < panels.SECONDS


def test_the_schedules_are_those_of_the_deployment() -> None:
    assert set(load().schedules) == control.SCHEDULES, "functions/ops/control.py: SCHEDULES are not all"


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_queue_that_does_not_answer_holds_up_none_of_the_others(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 0.05)
    found = {queue.name: queue for queue in await queues(Tasks("imageFetch", hangs)).all()}
    assert found.keys() == TARGETS.keys()
    assert (found.pop("imageFetch").state) == "unknown"
    assert {(queue.state, queue.depth) for queue in found.values()} == {("running", 3)}


async def test_no_more_is_counted_than_one_request_brings() -> None:
    (queue, *_) = await queues(Tasks("nobody", depth=5_000)).all()
    assert (queue.depth, queue.has_more) == (1_000, True)


def test_a_queue_says_how_long_its_tasks_have_waited_and_how_many_have_failed() -> None:
    tasks = [
        Task(create_time=AT, dispatch_count=1, response_count=0),
        Task(create_time=AT - timedelta(hours=2), dispatch_count=1, response_count=1),
        Task(create_time=AT, dispatch_count=3, response_count=0),
    ]
    view = queue_view("q", Queue(state=Queue.State.PAUSED), tasks, has_more=False)
    assert (view.state, view.depth, view.retrying) == ("paused", 3, 2)
    assert view.oldest_at == AT - timedelta(hours=2)


def test_a_schedule_says_how_its_last_attempt_ended() -> None:
    job = Job(name="projects/p/locations/l/jobs/nightly", schedule="0 4 * * *", time_zone="Etc/UTC")
    job.state, job.schedule_time, job.last_attempt_time = Job.State.ENABLED, AT, AT - timedelta(days=1)
    job.status = {"code": Code.UNAVAILABLE, "message": "503"}
    view = schedule_view(job)
    assert (view.name, view.state, view.next_at) == ("nightly", "enabled", AT)
    assert view.last_error == "UNAVAILABLE: 503"
    job.state, job.status = Job.State.PAUSED, {}
    assert (schedule_view(job).next_at, schedule_view(job).last_error) == (None, "")


@dataclass
class Scheduler:
    """Cloud Scheduler with one schedule, which takes no order."""

    state: Job.State

    async def pause_job(self, *, name: str, timeout: float) -> Job:  # noqa: ASYNC109
        raise FailedPrecondition("not now")

    async def resume_job(self, *, name: str, timeout: float) -> Job:  # noqa: ASYNC109
        raise NotFound("no such job")

    async def get_job(self, *, name: str, timeout: float) -> Job:  # noqa: ASYNC109
        return Job(name=name, state=self.state)


def schedules(state: Job.State) -> Schedules:
    scheduler: Any = Scheduler(state)
    return Schedules(lambda: scheduler, settings(), Log())  # type: ignore[arg-type]


async def test_pausing_what_rests_already_is_as_good_as_done() -> None:
    assert (await schedules(Job.State.PAUSED).pause("nightlyAudits", "olga")).state == "paused"


async def test_what_its_state_does_not_allow_is_refused() -> None:
    with pytest.raises(Problem, match="is disabled") as caught:
        await schedules(Job.State.DISABLED).pause("nightlyAudits", "olga")
    assert (caught.value.status, caught.value.kind) == (409, "not-possible")


@pytest.mark.parametrize("name", ["nightlyAudits", "../queues/returnSync", "a/b", "", "x" * 501, "ä"])
async def test_there_is_no_other_schedule(name: str) -> None:
    with pytest.raises(Problem) as caught:
        await schedules(Job.State.PAUSED).resume(name, "olga")
    assert caught.value.status == 404
