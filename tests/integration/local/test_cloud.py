"""The stand-ins put together: made from the topology, reached by the environment, kept in the directory."""

from pathlib import Path

import pytest
from google.cloud.firestore import AsyncClient
from google.cloud.scheduler_v1 import CloudSchedulerAsyncClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcAsyncIOTransport
from google.cloud.tasks_v2 import CloudTasksAsyncClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport
from grpc.aio import insecure_channel

from infra.local.clock import Clock
from infra.local.cloud import Cloud, local_cloud
from infra.local.environment import PROJECT, REGION
from infra.local.keys import Keys
from infra.topology import Topology

_LOCATION = f"projects/{PROJECT}/locations/{REGION}"
_BASE_URL = "http://127.0.0.1:1"


async def test_queues_are_those_of_the_topology(cloud: Cloud) -> None:
    declared = cloud.topology.queues["returnSync"]
    async with insecure_channel(cloud.environment["CLOUD_TASKS_EMULATOR_HOST"]) as channel:
        client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        queues = [queue async for queue in await client.list_queues(parent=_LOCATION)]
        queue = await client.get_queue(name=f"{_LOCATION}/queues/returnSync")
    assert {each.name.rsplit("/", 1)[1] for each in queues} == cloud.topology.queues.keys()
    assert queue.retry_config.max_attempts == declared.max_attempts
    assert queue.rate_limits.max_concurrent_dispatches == declared.max_concurrent_dispatches


async def test_jobs_call_their_functions_as_the_schedulers_account(cloud: Cloud) -> None:
    async with insecure_channel(cloud.environment["CLOUD_SCHEDULER_EMULATOR_HOST"]) as channel:
        client = CloudSchedulerAsyncClient(transport=CloudSchedulerGrpcAsyncIOTransport(channel=channel))
        job = await client.get_job(name=f"{_LOCATION}/jobs/returnsUpdateCron")
    uri = f"{cloud.environment['BASE_URL']}/returns-cron"
    assert (job.schedule, job.http_target.uri) == ("*/15 * * * *", uri)
    token = job.http_target.oidc_token
    assert token.service_account_email == cloud.environment["SCHEDULER_SERVICE_ACCOUNT"]
    assert token.audience == uri


async def test_a_directory_keeps_documents_and_an_older_topology_is_no_obstacle(
    tmp_path: Path, topology: Topology, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = topology.model_copy(update={"schedules": {}, "firestore": type(topology.firestore)()})
    for number, declared in enumerate((fewer, topology)):
        async with local_cloud(declared, tmp_path, Clock(), keys, _BASE_URL) as cloud:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", cloud.environment["FIRESTORE_EMULATOR_HOST"])
            document = AsyncClient(project=PROJECT).document("kept/one")
            assert (await document.get()).exists == (number == 1)
            await document.set({"number": number})


async def test_an_emulator_of_ones_own_takes_the_place_of_firestore(topology: Topology, keys: Keys) -> None:
    other = "127.0.0.1:8686"
    async with local_cloud(topology, None, Clock(), keys, _BASE_URL, other) as cloud:
        assert cloud.environment["FIRESTORE_EMULATOR_HOST"] == other
        assert "firestore" not in cloud.stats()
        cloud.reset_stats()
        cloud.set_firestore_faults({})
        with pytest.raises(ValueError, match="FIRESTORE_EMULATOR_HOST"):
            cloud.set_firestore_faults({"unavailable_rate": 1})
