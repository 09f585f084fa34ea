"""Schedules and queues steered over HTTP, and seen to obey at Cloud Scheduler and Cloud Tasks themselves."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from infra.topology import Topology
from shared import clients
from shared.settings import settings
from tests.integration.ops.conftest import Headers
from tests.integration.refusals import refused


async def schedule(olga: httpx.AsyncClient, name: str) -> dict[str, Any]:
    listed = (await olga.get("/schedules")).raise_for_status().json()["schedules"]
    return dict(next(each for each in listed if each["name"] == name))


async def queue(olga: httpx.AsyncClient, name: str) -> dict[str, Any]:
    listed = (await olga.get("/queues")).raise_for_status().json()["queues"]
    return dict(next(each for each in listed if each["name"] == name))


async def job_state(name: str) -> str:
    config = settings()
    path = f"projects/{config.google_cloud_project}/locations/{config.region}/jobs/{name}"
    return str((await clients.cloud_scheduler().get_job(name=path)).state.name)


async def test_all_schedules_are_listed(olga: httpx.AsyncClient, topology: Topology) -> None:
    listed = (await olga.get("/schedules")).raise_for_status().json()["schedules"]
    assert {each["name"]: each["cron"] for each in listed} == {
        name: schedule.cron for name, schedule in topology.schedules.items()
    }
    assert {(each["state"], each["last_error"]) for each in listed} == {("enabled", "")}
    assert all(each["next_at"] for each in listed)


async def test_a_schedule_rests_until_it_is_resumed(olga: httpx.AsyncClient) -> None:
    for _ in range(2):
        paused = await olga.post("/schedules/returnsUpdateCron:pause")
        assert (paused.status_code, paused.json()["state"], paused.json()["next_at"]) == (200, "paused", None)
    assert await job_state("returnsUpdateCron") == "PAUSED"
    for _ in range(2):
        resumed = await olga.post("/schedules/returnsUpdateCron:resume")
        assert (resumed.status_code, resumed.json()["state"]) == (200, "enabled")
    assert await job_state("returnsUpdateCron") == "ENABLED"


@pytest.mark.parametrize("state", ["pause", "resume"])
async def test_a_schedule_is_run_now_even_while_it_rests(
    olga: httpx.AsyncClient, cloud: Cloud, state: str
) -> None:
    (await olga.post(f"/schedules/returnsUpdateCron:{state}")).raise_for_status()
    assert (await olga.post("/schedules/returnsUpdateCron:run")).status_code == 202
    assert await cloud.idle(10)
    (run,) = (await olga.get("/runs", params={"kind": "sync"})).json()["runs"]
    assert (run["status"], run["purpose"], run["by"]) == ("done", "sync", "")
    assert (await schedule(olga, "returnsUpdateCron"))["last_at"]


async def test_a_queue_holds_its_tasks_back_until_it_is_resumed(
    olga: httpx.AsyncClient, cloud: Cloud, topology: Topology
) -> None:
    listed = (await olga.get("/queues")).raise_for_status().json()["queues"]
    assert {each["name"] for each in listed} == set(topology.queues)
    for _ in range(2):
        paused = await olga.post("/queues/returnSync:pause")
        assert (paused.status_code, paused.json()["state"], paused.json()["depth"]) == (200, "paused", 0)
    (await olga.post("/schedules/returnsUpdateCron:run")).raise_for_status()
    assert await cloud.scheduler.idle(10)
    held = await queue(olga, "returnSync")
    assert (held["state"], held["depth"], held["retrying"]) == ("paused", 1, 0)
    assert held["oldest_at"]
    (run,) = (await olga.get("/runs", params={"kind": "sync"})).json()["runs"]
    assert run["status"] == "waiting"
    resumed = await olga.post("/queues/returnSync:resume")
    assert resumed.json()["state"] == "running"
    assert await cloud.idle(10)
    assert (await queue(olga, "returnSync"))["depth"] == 0


async def test_there_are_no_others(olga: httpx.AsyncClient) -> None:
    for path in ("/schedules/nobody", "/schedules/a%2Fb", "/queues/nobody", "/queues/a%2Fb"):
        for verb in ("pause", "resume"):
            refused(await olga.post(f"{path}:{verb}"), 404, "not-found")
    refused(await olga.post("/schedules/nobody:run"), 404, "not-found")


async def test_who_is_no_operator_steers_nothing(
    http: httpx.AsyncClient, bearer: Callable[..., Headers], db: AsyncClient
) -> None:
    steering = [
        ("GET", "/schedules"),
        ("GET", "/queues"),
        *(("POST", f"/schedules/returnsUpdateCron:{verb}") for verb in ("pause", "resume", "run")),
        *(("POST", f"/queues/returnSync:{verb}") for verb in ("pause", "resume")),
    ]
    for method, path in steering:
        refused(await http.request(method, f"/ops{path}"), 401, "unauthorized")
        seller = bearer("seller", "warehouse", "retailer")
        refused(await http.request(method, f"/ops{path}", headers=seller), 403, "forbidden")
    assert await job_state("returnsUpdateCron") == "ENABLED"
    assert [entry async for entry in db.collection("operator_actions").stream()] == []
