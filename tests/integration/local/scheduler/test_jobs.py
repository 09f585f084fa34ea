"""The RPCs about jobs, through Google's client."""

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
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from infra.local.refusal import Refusal
from infra.local.scheduler import JobConfig
from tests.integration.local.scheduler.conftest import JOB, LOCATION, Cloud
from tests.integration.local.tasks.handler import Handler

URL = "http://127.0.0.1:9/"


async def test_a_job_without_settings_has_googles_defaults(cloud: Cloud) -> None:
    job = await cloud.job(URL)
    assert job.state == scheduler_v1.Job.State.ENABLED
    assert job.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert job.time_zone == "Etc/UTC"
    assert job.attempt_deadline.total_seconds() == 180
    assert job.retry_config.retry_count == 0
    assert job.retry_config.max_retry_duration.total_seconds() == 0
    assert job.retry_config.min_backoff_duration.total_seconds() == 5
    assert job.retry_config.max_backoff_duration.total_seconds() == 3600
    assert job.retry_config.max_doublings == 5
    assert job.user_update_time.timestamp() == pytest.approx(cloud.clock.time(), abs=5)
    assert await cloud.client.get_job(name=JOB) == job


async def test_the_synchronous_client_works_too(cloud: Cloud, handler: Handler) -> None:
    def use() -> list[str]:
        with grpc.insecure_channel(cloud.address) as channel:
            client = scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))
            client.create_job(
                parent=LOCATION,
                job={"name": JOB, "schedule": "0 * * * *", "http_target": {"uri": handler.url}},
            )
            client.run_job(name=JOB)
            return [job.name for job in client.list_jobs(parent=LOCATION)]

    assert await asyncio.to_thread(use) == [JOB]
    await handler.arrived(1)


async def test_a_job_without_a_name_gets_one(cloud: Cloud) -> None:
    job = await cloud.job(URL, name="")
    assert job.name.startswith(f"{LOCATION}/jobs/")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"schedule": ""}, "five fields"),
        ({"schedule": "* * * *"}, "five fields"),
        ({"schedule": "* * * * * *"}, "five fields"),
        ({"schedule": "60 * * * *"}, "five fields"),
        ({"schedule": "@hourly"}, "five fields"),
        ({"schedule": "0 0 L * *"}, "five fields"),
        ({"schedule": "0 0 30 2 *"}, "never comes"),
        ({"time_zone": "Europe/Atlantis"}, "tz database"),
        ({"time_zone": "../etc/passwd"}, "tz database"),
        ({"http_target": {"uri": "x"}}, "http_target.uri"),
        ({"http_target": {"uri": URL, "http_method": "GET", "body": b"x"}}, "POST, PUT and PATCH"),
        ({"attempt_deadline": {"seconds": 14}}, "15 s to 30 min"),
        ({"attempt_deadline": {"seconds": 1801}}, "15 s to 30 min"),
        ({"retry_config": {"retry_count": 6}}, "0 to 5"),
        ({"retry_config": {"retry_count": -1}}, "0 to 5"),
        ({"retry_config": {"max_doublings": -1}}, "max_doublings must not be negative"),
        (
            {"retry_config": {"max_retry_duration": {"seconds": -1}}},
            "max_retry_duration must not be negative",
        ),
        ({"retry_config": {"min_backoff_duration": {"seconds": 3601}}}, "must not exceed"),
        ({"description": "x" * 501}, "limit is 500"),
        ({"name": f"{LOCATION}/jobs/a.b"}, "is not of the form"),
        ({"name": "projects/shop/locations/elsewhere/jobs/j"}, "does not belong to the parent"),
    ],
)
async def test_a_wrong_job_is_refused_with_the_reason(
    cloud: Cloud, settings: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidArgument, match=text):
        await cloud.job(URL, **settings)


async def test_a_job_needs_a_target(cloud: Cloud) -> None:
    with pytest.raises(InvalidArgument, match="no http_target"):
        await cloud.client.create_job(parent=LOCATION, job={"name": JOB, "schedule": "* * * * *"})


@pytest.mark.parametrize(
    "settings",
    [
        {"pubsub_target": {"topic_name": "projects/shop/topics/t"}},
        {"app_engine_http_target": {"relative_uri": "/x"}},
        {"http_target": {"uri": URL, "oauth_token": {"service_account_email": "a@b"}}},
        {"schedule": "every 5 minutes", "http_target": {"uri": URL}},
    ],
)
async def test_what_is_not_there_is_not_pretended(cloud: Cloud, settings: dict[str, object]) -> None:
    with pytest.raises(MethodNotImplemented):
        await cloud.client.create_job(parent=LOCATION, job={"name": JOB, "schedule": "* * * * *", **settings})


async def test_a_job_exists_once(cloud: Cloud) -> None:
    await cloud.job(URL)
    with pytest.raises(AlreadyExists):
        await cloud.job(URL)


@pytest.mark.parametrize("rpc", ["get_job", "delete_job", "pause_job", "resume_job", "run_job"])
async def test_a_job_that_does_not_exist_is_not_found(cloud: Cloud, rpc: str) -> None:
    with pytest.raises(NotFound):
        await getattr(cloud.client, rpc)(name=JOB)


async def test_a_deleted_job_is_gone(cloud: Cloud) -> None:
    await cloud.job(URL)
    await cloud.client.delete_job(name=JOB)
    with pytest.raises(NotFound):
        await cloud.client.get_job(name=JOB)


async def test_jobs_are_listed_in_pages_within_their_location(cloud: Cloud) -> None:
    names = [f"{LOCATION}/jobs/j{n}" for n in range(5)]
    for name in reversed(names):
        await cloud.job(URL, name=name)
    cloud.service.ensure_job("shop", "europe-west10", "other", JobConfig("* * * * *", URL))
    pages = await cloud.client.list_jobs({"parent": LOCATION, "page_size": 2})
    listed = [[job.name for job in page.jobs] async for page in pages.pages]
    assert listed == [names[:2], names[2:4], names[4:]]


async def test_only_an_enabled_job_can_be_paused_and_only_a_paused_one_resumed(cloud: Cloud) -> None:
    await cloud.job(URL)
    with pytest.raises(FailedPrecondition):
        await cloud.client.resume_job(name=JOB)
    assert (await cloud.client.pause_job(name=JOB)).state == scheduler_v1.Job.State.PAUSED
    with pytest.raises(FailedPrecondition):
        await cloud.client.pause_job(name=JOB)


async def test_an_update_changes_what_its_mask_names(cloud: Cloud) -> None:
    before = await cloud.job(URL, description="old", retry_config={"retry_count": 2})
    changed = await cloud.client.update_job(
        job={
            "name": JOB,
            "schedule": "0 3 * * *",
            "description": "ignored",
            "http_target": {"uri": "http://other/"},
        },
        update_mask={"paths": ["schedule", "http_target.uri"]},
    )
    assert (changed.schedule, changed.http_target.uri) == ("0 3 * * *", "http://other/")
    assert (changed.description, changed.retry_config.retry_count) == ("old", 2)
    assert changed.schedule_time > before.schedule_time
    assert await cloud.client.get_job(name=JOB) == changed


async def test_an_update_without_a_mask_changes_what_it_sets(cloud: Cloud) -> None:
    await cloud.job(URL, description="old")
    changed = await cloud.client.update_job({"job": {"name": JOB, "description": "new"}})
    assert (changed.description, changed.schedule) == ("new", "*/15 * * * *")


@pytest.mark.parametrize("path", ["colour", "http_target.colour"])
async def test_an_update_of_an_unknown_field_is_refused(cloud: Cloud, path: str) -> None:
    await cloud.job(URL)
    with pytest.raises(InvalidArgument, match="colour"):
        await cloud.client.update_job(job={"name": JOB}, update_mask={"paths": [path]})


async def test_a_topology_can_be_synced_again_and_again(cloud: Cloud) -> None:
    config = JobConfig(
        "*/15 * * * *", URL, service_account_email="cron@shop.example", audience="https://f.example"
    )
    cloud.service.ensure_job("shop", "europe-west1", "returnsUpdateCron", config)
    await cloud.client.pause_job(name=JOB)
    before = await cloud.client.get_job(name=JOB)
    assert before.http_target.oidc_token.audience == "https://f.example"
    cloud.clock.advance(3600)
    cloud.service.ensure_job("shop", "europe-west1", "returnsUpdateCron", config)
    after = await cloud.client.get_job(name=JOB)
    assert (after.state, after.schedule_time) == (before.state, before.schedule_time)
    cloud.service.ensure_job("shop", "europe-west1", "returnsUpdateCron", JobConfig("0 3 * * *", URL))
    assert (await cloud.client.get_job(name=JOB)).schedule_time.hour == 3


@pytest.mark.parametrize("config", [JobConfig("* * *", URL), JobConfig("* * * * *", URL, http_method="post")])
async def test_a_topology_that_is_wrong_is_refused(cloud: Cloud, config: JobConfig) -> None:
    with pytest.raises(Refusal):
        cloud.service.ensure_job("shop", "europe-west1", "j", config)
