"""Health over HTTP: what operators see, what uptime checks see, and what sweepers write down of it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient
from google.cloud.scheduler_v1 import HttpTarget
from google.cloud.scheduler_v1 import Job as SchedulerJob
from google.cloud.tasks_v2 import Queue

from infra.local.cloud import Cloud
from shared import clients
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.records import Job
from shared.jobs.store import Jobs
from shared.return_sync.runs import IDLE, JOB_TYPE, STATE
from shared.settings import settings
from shared.tasks import TaskQueues
from tests.integration.ops.conftest import Headers, Letters
from tests.integration.refusals import refused


async def found(olga: httpx.AsyncClient) -> dict[str, Any]:
    answer = await olga.get("/health")
    assert answer.status_code == 200, answer.text
    health: dict[str, Any] = answer.json()
    return health | {check["name"]: check for check in health["checks"]}


async def test_a_quiet_system_is_well(olga: httpx.AsyncClient) -> None:
    health = await found(olga)
    wrong = [check for check in health["checks"] if check["status"] != "ok"]
    assert (health["status"], wrong) == ("ok", [])
    assert health["sentence"] == "All is well: nothing has been synced yet."


async def test_it_says_how_far_the_index_is_behind(olga: httpx.AsyncClient, db: AsyncClient) -> None:
    end = datetime.now(UTC) - timedelta(hours=3, minutes=1)
    record = {"job_type": JOB_TYPE, "status": IDLE, "end_date": end, "created_at": end}
    await db.collection(STATE).document(JOB_TYPE).set(record)
    health = await found(olga)
    assert health["sentence"].startswith("Degraded: The index is 3 h behind.")
    assert health["freshness"]["value"] == pytest.approx(3 * 3600 + 60, abs=30)


async def test_open_dead_letters_are_told_with_what_to_do(olga: httpx.AsyncClient, letters: Letters) -> None:
    for _ in range(3):
        await letters.add()
    health = await found(olga)
    assert health["sentence"] == "Degraded: 3 dead letters wait, the oldest for 24 h."
    assert health["dead letters"]["advice"] == "Mend what was wrong, then replay or discard them."


async def test_an_index_that_is_out_of_reach_is_told(cloud: Cloud, olga: httpx.AsyncClient) -> None:
    cloud.set_algolia_faults({"rate_5xx": 1.0})
    health = await found(olga)
    assert (health["status"], health["index"]["status"]) == ("degraded", "degraded")
    assert health["sentence"] == "Degraded: The index is out of reach."
    assert health["index"]["advice"].startswith("Look at Algolia's status.")


async def test_what_somebody_has_paused_is_told(olga: httpx.AsyncClient) -> None:
    config = settings()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    await clients.cloud_tasks().pause_queue(name=f"{parent}/queues/returnSync")
    await clients.cloud_scheduler().pause_job(name=f"{parent}/jobs/returnsUpdateCron")
    health = await found(olga)
    assert health["queues"]["detail"] == "Of the queues paused: returnSync."
    assert health["schedules"]["detail"] == "Of the schedules paused: returnsUpdateCron."


async def test_what_others_have_in_the_project_is_nobodys_business_here(olga: httpx.AsyncClient) -> None:
    config = settings()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    theirs = Queue(name=f"{parent}/queues/invoices")
    await clients.cloud_tasks().create_queue(parent=parent, queue=theirs)
    await clients.cloud_tasks().pause_queue(name=theirs.name)
    target = HttpTarget(uri="https://invoices.example/")
    job = SchedulerJob(name=f"{parent}/jobs/invoices", schedule="0 4 * * *", http_target=target)
    await clients.cloud_scheduler().create_job(parent=parent, job=job)
    await clients.cloud_scheduler().pause_job(name=job.name)
    assert (await found(olga))["status"] == "ok"
    assert "invoices" not in (await olga.get("/schedules")).text
    refused(await olga.post("/schedules/invoices:resume"), 404, "not-found")


async def test_a_schedule_that_is_gone_is_told(olga: httpx.AsyncClient) -> None:
    config = settings()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    await clients.cloud_scheduler().delete_job(name=f"{parent}/jobs/returnsUpdateCron")
    health = await found(olga)
    assert health["schedules"]["detail"] == "Of the schedules missing: returnsUpdateCron."


async def test_a_change_of_a_product_that_waits_is_told(olga: httpx.AsyncClient, db: AsyncClient) -> None:
    waiting = {"status": "pending", "created_at": datetime.now(UTC) - timedelta(hours=5), "error": "503"}
    await db.collection("outbox").document("P1:1").set(waiting)
    check = (await found(olga))["deliveries"]
    assert (check["status"], "5 h" in check["detail"]) == ("degraded", True)


async def test_whatever_waits_past_all_sweepers_is_told(olga: httpx.AsyncClient, db: AsyncClient) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    for collection, field in (
        ("product_images", "deadline"),
        ("storefronts", "due_at"),
        ("jobs", "deadline"),
    ):
        await db.collection(collection).document("x").set({field: past, "created_at": past})
        await db.collection(collection).document("y").set({field: None, "created_at": past})
    health = await found(olga)
    wrong = {check["name"] for check in health["checks"] if check["status"] == "degraded"}
    assert wrong == {"images", "storefronts", "jobs"}


async def test_drift_that_an_audit_found_is_told_until_it_is_repaired(
    olga: httpx.AsyncClient, db: AsyncClient
) -> None:
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, settings()), lambda: datetime.now(UTC), EVERY_QUEUE)
    audit = await jobs.start("audit", "returns", "olga")
    await _end(jobs, audit, counts={"checked": 5, "missing": 1, "extra": 1})
    check = (await found(olga))["audit of returns"]
    assert (check["status"], check["value"]) == ("degraded", 2)
    repair = await jobs.start("repair", "returns", "olga", {"audit": audit.id})
    await _end(jobs, repair, counts={"repaired": 2})
    assert (await found(olga))["audit of returns"]["status"] == "ok"


async def test_drift_is_not_forgotten_for_what_was_begun_and_cancelled_since(
    olga: httpx.AsyncClient, db: AsyncClient
) -> None:
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, settings()), lambda: datetime.now(UTC), EVERY_QUEUE)
    await _end(jobs, await jobs.start("audit", "returns", "olga"), counts={"checked": 5, "missing": 1})
    for _ in range(6):
        await _end(jobs, await jobs.start("reindex", "returns", "olga"), status="cancelled")
    assert (await found(olga))["audit of returns"]["value"] == 1


async def _end(jobs: Jobs, job: Job, **changes: Any) -> None:
    latest = await jobs.get(job.id)
    assert latest is not None
    assert await jobs.end(latest, {"status": "done", **changes})


async def test_only_operators_see_it_all(http: httpx.AsyncClient, bearer: Callable[..., Headers]) -> None:
    refused(await http.get("/ops/health"), 401, "unauthorized")
    refused(await http.get("/ops/health", headers=bearer("seller")), 403, "forbidden")


@pytest.mark.parametrize("path", ["/ops/healthz", "/ops/health/live"])
async def test_whoever_asks_is_told_a_word_and_no_more(
    http: httpx.AsyncClient, letters: Letters, path: str
) -> None:
    await letters.add(error="secret")
    answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
    assert answer.headers["cache-control"] == "no-store"


async def test_without_the_database_it_is_down_and_uptime_checks_see_it(
    cloud: Cloud, http: httpx.AsyncClient, olga: httpx.AsyncClient
) -> None:
    cloud.set_firestore_faults({"unavailable_rate": 1.0})
    answer = await http.get("/ops/health/live")
    assert (answer.status_code, answer.json()) == (503, {"status": "down"})
    health = await found(olga)
    assert health["sentence"].startswith("Down: The database does not answer")


async def test_those_who_ask_often_cost_one_look(cloud: Cloud, http: httpx.AsyncClient) -> None:
    await http.get("/ops/healthz")
    cloud.reset_stats()
    for _ in range(5):
        await http.get("/ops/healthz")
    assert cloud.stats()["firestore"]["reads"] == 0


async def test_a_look_costs_a_bounded_number_of_reads(
    cloud: Cloud, olga: httpx.AsyncClient, letters: Letters
) -> None:
    for _ in range(30):
        await letters.add()
    cloud.reset_stats()
    await olga.get("/health")
    assert cloud.stats()["firestore"]["reads"] <= 20


async def run_schedule(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.post(f"/_local/schedules/{name}:run")).is_success
    assert (await http.post("/_local/idle?timeout=20")).is_success


async def test_the_sweeper_writes_down_what_it_sees_and_begins_lost_jobs_anew(
    cloud: Cloud, http: httpx.AsyncClient, db: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, settings()), lambda: datetime.now(UTC), EVERY_QUEUE)
    job = await jobs.start("audit", "products", "olga")
    await http.post("/_local/idle?timeout=20")
    await db.collection("jobs").document(job.id).update({"deadline": datetime.now(UTC), "status": "waiting"})
    await run_schedule(http, "jobSweeper")
    records = {record.getMessage(): record for record in caplog.records}
    assert vars(records["health.checked"])["status"] in ("ok", "degraded")
    assert "jobs.swept" in records
    beat = (await db.collection("heartbeats").document("job-sweeper").get()).to_dict()
    assert beat is not None
    assert datetime.now(UTC) - beat["at"] < timedelta(minutes=1)


async def test_every_night_each_subject_is_audited_once(http: httpx.AsyncClient, db: AsyncClient) -> None:
    for _ in range(2):
        await run_schedule(http, "nightlyAudits")
    started = [each.get("subject") async for each in db.collection("jobs").stream()]
    assert sorted(started) == ["images", "products", "returns"]


async def test_a_night_in_which_an_operator_is_at_a_subject_leaves_it_to_him(
    http: httpx.AsyncClient, db: AsyncClient
) -> None:
    config = settings()
    parent = f"projects/{config.google_cloud_project}/locations/{config.region}"
    await clients.cloud_tasks().pause_queue(name=f"{parent}/queues/returnMaintenance")
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, config), lambda: datetime.now(UTC), EVERY_QUEUE)
    await jobs.start("reindex", "returns", "olga")
    await run_schedule(http, "nightlyAudits")
    kinds = {each.get("subject"): each.get("kind") async for each in db.collection("jobs").stream()}
    assert kinds == {"returns": "reindex", "products": "audit", "images": "audit"}
