"""When jobs fire, what they send, and what the answers do."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.rpc.code_pb2 import Code

from tests.integration.local.scheduler.conftest import JOB, Cloud, StartCloud, clock_at
from tests.integration.local.tasks.handler import Handler


def at(hour: int, minute: int, second: int = 0) -> datetime:
    """A moment of the day on which the tests play."""
    return datetime(2027, 7, 1, hour, minute, second, tzinfo=UTC)


def sent_for(handler: Handler) -> list[str]:
    return [received.headers["X-CloudScheduler-ScheduleTime"] for received in handler.received]


async def test_a_job_calls_its_target_as_it_was_created(cloud: Cloud, handler: Handler) -> None:
    target = {
        "uri": f"{handler.url}/cron?x=1",
        "http_method": "PUT",
        "body": b"{}",
        "headers": {"X-Mine": "kept", "x-cloudscheduler": "forged", "User-Agent": "me"},
        "oidc_token": {"service_account_email": "cron@shop.example"},
    }
    await cloud.job("", http_target=target)
    await cloud.reach(at(12, 15))
    (received,) = handler.received
    assert (received.method, received.path, received.body) == ("PUT", "/cron?x=1", b"{}")
    headers = {n: v for n, v in received.headers.items() if n not in ("Host", "Accept", "Accept-Encoding")}
    assert headers == {
        "Authorization": "Bearer token-1",
        "Content-Type": "application/octet-stream",
        "Content-Length": "2",
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "returnsUpdateCron",
        "X-CloudScheduler-ScheduleTime": "2027-07-01T12:15:00Z",
        "X-Mine": "kept",
    }
    assert cloud.minted == [("cron@shop.example", f"{handler.url}/cron?x=1")]


async def test_a_job_fires_at_each_of_its_times(cloud: Cloud, handler: Handler) -> None:
    await cloud.job(handler.url)
    await cloud.reach(at(12, 14, 30))
    assert not handler.received
    for minute in (15, 30, 45):
        await cloud.reach(at(12, minute))
    assert sent_for(handler) == [f"2027-07-01T12:{minute}:00Z" for minute in (15, 30, 45)]


async def test_a_jump_over_several_times_fires_once(cloud: Cloud, handler: Handler) -> None:
    await cloud.job(handler.url)
    await cloud.reach(at(15, 40))
    assert len(handler.received) == 1
    assert (await cloud.client.get_job(name=JOB)).schedule_time == at(15, 45)


async def test_a_schedule_is_read_in_its_time_zone(cloud: Cloud, handler: Handler) -> None:
    job = await cloud.job(handler.url, "0 18 * * *", time_zone="Europe/Berlin")
    assert job.schedule_time == at(16, 0)
    await cloud.reach(at(16, 0))
    assert sent_for(handler) == ["2027-07-01T18:00:00+02:00"]


async def test_a_success_shows_in_the_job(cloud: Cloud, handler: Handler) -> None:
    await cloud.job(handler.url)
    await cloud.reach(at(12, 15))
    job = await cloud.client.get_job(name=JOB)
    assert job.status.code == Code.OK
    assert at(12, 15) <= job.last_attempt_time <= at(12, 16)


async def test_a_failure_shows_and_is_not_retried_by_default(cloud: Cloud, handler: Handler) -> None:
    handler.default = 503
    await cloud.job(handler.url)
    await cloud.reach(at(12, 15))
    job = await cloud.client.get_job(name=JOB)
    assert (job.status.code, job.schedule_time) == (Code.UNAVAILABLE, at(12, 30))


async def test_retries_back_off_and_end(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    retry = {
        "retry_count": 3,
        "min_backoff_duration": {"seconds": 10},
        "max_backoff_duration": {"seconds": 30},
        "max_doublings": 5,
    }
    await cloud.job(handler.url, retry_config=retry)
    await cloud.reach(at(12, 15))
    for expected in (10, 20, 30):
        job = await cloud.client.get_job(name=JOB)
        assert 0 <= (job.schedule_time - job.last_attempt_time).total_seconds() - expected < 2
        await cloud.reach(job.schedule_time)
    assert sent_for(handler) == ["2027-07-01T12:15:00Z"] * 4
    assert (await cloud.client.get_job(name=JOB)).schedule_time == at(12, 30)


async def test_retries_go_on_until_the_duration_is_used_up_too(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    retry = {
        "retry_count": 1,
        "max_retry_duration": {"seconds": 50},
        "min_backoff_duration": {"seconds": 20},
        "max_backoff_duration": {"seconds": 20},
    }
    await cloud.job(handler.url, retry_config=retry)
    await cloud.reach(at(12, 15))
    while (due := (await cloud.client.get_job(name=JOB)).schedule_time) < at(12, 30):
        await cloud.reach(due)
    assert len(handler.received) == 3  # at 0, 20 and 40 s


async def test_retries_end_where_the_next_time_begins(cloud: Cloud, handler: Handler) -> None:
    handler.default = 500
    retry = {"retry_count": 5, "min_backoff_duration": {"seconds": 600}}
    await cloud.job(handler.url, retry_config=retry)
    await cloud.reach(at(12, 15))
    await cloud.reach((await cloud.client.get_job(name=JOB)).schedule_time)
    await cloud.reach(at(12, 30))
    assert sent_for(handler) == ["2027-07-01T12:15:00Z", "2027-07-01T12:15:00Z", "2027-07-01T12:30:00Z"]


async def test_two_executions_of_a_job_never_overlap(cloud: Cloud, handler: Handler) -> None:
    release = asyncio.Event()
    handler.before_answer = release.wait
    await cloud.job(handler.url)
    cloud.clock.advance(at(12, 15).timestamp() - cloud.clock.time())
    await handler.arrived(1)
    cloud.clock.advance(20 * 60)
    assert cloud.service.busy
    assert not await cloud.service.idle(0.05)
    assert len(handler.received) == 1
    release.set()
    assert await cloud.service.idle(5)
    # The time that passed meanwhile was put off, not lost.
    assert sent_for(handler) == ["2027-07-01T12:15:00Z", "2027-07-01T12:30:00Z"]
    assert handler.most_concurrent == 1


async def test_a_paused_job_does_not_fire_and_forgets_what_it_missed(cloud: Cloud, handler: Handler) -> None:
    await cloud.job(handler.url)
    await cloud.client.pause_job(name=JOB)
    await cloud.reach(at(13, 5))
    assert not handler.received
    assert cloud.service.next_due() is None
    assert (await cloud.client.resume_job(name=JOB)).schedule_time == at(13, 15)
    await cloud.reach(at(13, 15))
    assert len(handler.received) == 1


async def test_a_job_can_be_run_now(cloud: Cloud, handler: Handler) -> None:
    before = await cloud.job(handler.url)
    await cloud.client.run_job(name=JOB)
    assert await cloud.service.idle(5)
    assert len(handler.received) == 1
    assert (await cloud.client.get_job(name=JOB)).schedule_time == before.schedule_time


@pytest.mark.parametrize("status", [200, 500])
async def test_the_host_can_run_a_job_and_wait_for_its_answer(
    cloud: Cloud, handler: Handler, status: int
) -> None:
    handler.default = status
    await cloud.job(handler.url)
    await cloud.client.pause_job(name=JOB)
    run = await cloud.service.run_now("returnsUpdateCron")
    assert run.http_status == status
    assert bool(run.reason) == (status == 500)
    assert timedelta(0) <= cloud.clock.now() - run.dispatched_at < timedelta(seconds=5)
    assert 0 <= run.seconds < 5
    assert (await cloud.client.get_job(name=JOB)).last_attempt_time == run.dispatched_at


async def test_the_host_cannot_run_a_job_that_is_not_there(cloud: Cloud) -> None:
    with pytest.raises(LookupError):
        await cloud.service.run_now("nothing")


async def test_deleting_a_job_while_it_runs_ends_it(cloud: Cloud, handler: Handler) -> None:
    release = asyncio.Event()
    handler.before_answer = release.wait
    await cloud.job(handler.url)
    cloud.clock.advance(at(12, 15).timestamp() - cloud.clock.time())
    await handler.arrived(1)
    await cloud.client.delete_job(name=JOB)
    release.set()
    assert await cloud.service.idle(5)
    assert [job async for job in await cloud.client.list_jobs(parent=JOB.partition("/jobs/")[0])] == []


async def test_an_execution_cut_off_happens_again_after_a_restart(
    tmp_path: Path, handler: Handler, start_cloud: StartCloud
) -> None:
    handler.before_answer = asyncio.Event().wait
    before = await start_cloud(tmp_path / "jobs.db", clock_at(at(12, 14, 59)))
    await before.job(handler.url)
    before.clock.advance(2)
    await handler.arrived(1)
    async with asyncio.timeout(1):
        await before.service.stop()
    handler.before_answer = None

    after = await start_cloud(tmp_path / "jobs.db", before.clock)
    assert await after.service.idle(5)
    assert sent_for(handler) == ["2027-07-01T12:15:00Z"] * 2


async def test_executions_can_be_stopped_and_started_again(cloud: Cloud, handler: Handler) -> None:
    handler.before_answer = asyncio.Event().wait
    await cloud.job(handler.url)
    cloud.clock.advance(at(12, 15).timestamp() - cloud.clock.time())
    await handler.arrived(1)
    await cloud.service.stop()
    handler.before_answer = None
    await cloud.service.start()
    assert await cloud.service.idle(5)
    assert sent_for(handler) == ["2027-07-01T12:15:00Z"] * 2


async def test_a_restart_keeps_jobs_and_pending_retries(
    tmp_path: Path, handler: Handler, start_cloud: StartCloud
) -> None:
    handler.default = 500
    before = await start_cloud(tmp_path / "jobs.db", clock_at(at(12, 14)))
    await before.job(handler.url, retry_config={"retry_count": 1, "min_backoff_duration": {"seconds": 60}})
    await before.reach(at(12, 15))
    job = await before.client.get_job(name=JOB)
    await before.stop()

    after = await start_cloud(tmp_path / "jobs.db", before.clock)
    assert await after.client.get_job(name=JOB) == job
    await after.reach(job.schedule_time)
    assert sent_for(handler) == ["2027-07-01T12:15:00Z"] * 2
    assert (await after.client.get_job(name=JOB)).schedule_time == at(12, 30)
