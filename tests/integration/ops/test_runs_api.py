"""Runs of every kind over HTTP: listed, read, cancelled, resumed, done again and begun."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from functions.prices.runs import COLLECTION as PRICE_RUNS
from infra.local.cloud import Cloud
from shared.jobs.findings import Finding, Findings
from shared.jobs.queues import EVERY_QUEUE
from shared.jobs.records import Job
from shared.jobs.store import Jobs
from tests.integration.ops.conftest import Headers, Letters
from tests.integration.prices.test_runs_api import Feeds
from tests.integration.refusals import refused
from tests.integration.steps import FakeQueues
from tests.unit.returns.examples import content

DATES = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2027-01-01T00:00:00Z"}


@dataclass
class Desk:
    """What an operator does about runs."""

    http: httpx.AsyncClient

    async def pages(self, path: str, members: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = (await self.http.get(path, params=query | {"cursor": cursor})).raise_for_status().json()
            found += page[members]
            if not (cursor := page["next_cursor"]):
                return found

    async def run(self, kind: str, run_id: str) -> dict[str, Any]:
        return dict((await self.http.get(f"/runs/{kind}/{run_id}")).raise_for_status().json())

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.http.post(path, json=body)

    async def hold(self, *queues: str) -> None:
        for queue in queues:
            (await self.post(f"/queues/{queue}:pause")).raise_for_status()

    async def release(self, *queues: str) -> None:
        for queue in queues:
            (await self.post(f"/queues/{queue}:resume")).raise_for_status()

    async def sync(self) -> None:
        """The cron's run."""
        (await self.post("/schedules/returnsUpdateCron:run")).raise_for_status()

    async def last(self, what: str) -> dict[str, Any]:
        """The newest entry of the audit log about an act."""
        entries = (await self.http.get("/actions")).raise_for_status().json()["actions"]
        return dict(next(each for each in entries if each["what"] == what))


@pytest.fixture
async def desk(olga: httpx.AsyncClient) -> Desk:
    return Desk(olga)


@pytest.fixture
async def returns(http: httpx.AsyncClient, bearer: Callable[..., Headers]) -> None:
    """Three returns, not in the index yet."""
    headers = bearer("ops")
    for number in range(3):
        message = content(return_id=f"R-{number}")
        (await http.put(f"/returns/R-{number}", json=message, headers=headers)).raise_for_status()


@pytest.fixture
def jobs(db: AsyncClient, cloud: Cloud) -> Jobs:
    """Makes jobs whose tasks nobody delivers."""
    queues: Any = FakeQueues()
    return Jobs(db, queues, cloud.clock.now, EVERY_QUEUE)


async def ended(jobs: Jobs, job: Job, status: str, **fields: Any) -> None:
    assert await jobs.end(job, {"status": status, **fields})


@pytest.mark.usefixtures("returns")
async def test_runs_of_the_sync_are_listed_with_what_they_did(desk: Desk, cloud: Cloud) -> None:
    for _ in range(3):
        await desk.sync()
        assert await cloud.idle(10)
    runs = await desk.pages("/runs", "runs", kind="sync", limit=1)
    assert [run["counts"].get("saved", 0) for run in runs] == [0, 0, 3]
    first = runs[-1]
    assert (first["status"], first["phase"], first["subject"]) == ("done", "done", "returns")
    assert (first["done"], first["total"]) == (3, 3)
    assert first["window"]["start_date"] is None
    assert first["window"]["end_date"]
    assert first["seconds"] > 0
    assert first["per_second"] > 0
    assert await desk.run("sync", first["id"]) == first


@pytest.mark.usefixtures("returns")
async def test_an_active_run_is_cancelled_and_the_next_one_does_its_work(
    desk: Desk, cloud: Cloud, db: AsyncClient
) -> None:
    await desk.hold("returnSyncProcessing")
    await desk.sync()
    assert await cloud.scheduler.idle(10)
    assert await cloud.idle(10)
    (active,) = await desk.pages("/runs", "runs", kind="sync")
    assert (active["status"], active["batches"]) == ("running", {"arrived": 0, "total": 1})
    answer = await desk.post(f"/runs/sync/{active['id']}:cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    refused(await desk.post(f"/runs/sync/{active['id']}:cancel"), 409, "not-active")
    assert (await desk.last("sync.cancel"))["target"] == active["id"]
    # Until a push that may be under way is sure to have ended, nothing begins.
    refused(await desk.post("/runs:resync", DATES), 409, "run-active")
    await desk.release("returnSyncProcessing")
    assert await cloud.idle(10)
    record = db.collection("order_return_algolia_sync").document("RETURN_JOB")
    await record.update({"lease_expires_at": cloud.clock.now() - timedelta(seconds=1)})
    await desk.sync()
    assert await cloud.idle(10)
    runs = await desk.pages("/runs", "runs", kind="sync")
    assert [run["status"] for run in runs][-1] == "cancelled"
    assert sum(run["counts"].get("saved", 0) for run in runs) == 3


@pytest.mark.usefixtures("returns")
async def test_a_re_sync_of_dates_is_a_run_and_an_entry_of_the_log(desk: Desk, cloud: Cloud) -> None:
    answer = await desk.post("/runs:resync", DATES)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert (run["purpose"], run["by"], run["status"]) == ("resync", "olga", "waiting")
    assert await cloud.idle(10)
    assert (await desk.run("sync", run["id"]))["counts"]["saved"] == 3
    entry = await desk.last("sync.resync")
    assert entry["outcome"] == f"done: {run['id']}"
    assert entry["details"]["start_date"].startswith("2026-01-01")
    backwards = {"start_date": DATES["end_date"], "end_date": DATES["start_date"]}
    refused(await desk.post("/runs:resync", backwards), 422, "validation-failed", "")


async def test_a_run_of_the_sync_is_neither_resumed_nor_done_again(desk: Desk, cloud: Cloud) -> None:
    await desk.sync()
    assert await cloud.idle(10)
    (run,) = await desk.pages("/runs", "runs", kind="sync")
    refused(await desk.post(f"/runs/sync/{run['id']}:resume"), 409, "not-failed")
    refused(await desk.post(f"/runs/sync/{run['id']}:rerun"), 409, "not-rerunnable")


async def test_a_run_that_is_the_lock_of_a_job_is_left_to_it(
    desk: Desk, db: AsyncClient, cloud: Cloud
) -> None:
    await desk.hold("returnSync")
    await desk.sync()
    assert await cloud.scheduler.idle(10)
    (run,) = await desk.pages("/runs", "runs", kind="sync")
    held = db.collection("return_sync_runs").document(run["id"])
    await held.update({"purpose": "reindex"})
    refused(await desk.post(f"/runs/sync/{run['id']}:cancel"), 409, "of-a-job")
    # A repair whose run is cancelled begins another; one that has ended needs it no more.
    await held.update({"purpose": "repair"})
    assert (await desk.post(f"/runs/sync/{run['id']}:cancel")).json()["status"] == "cancelled"


async def test_a_run_names_the_dead_letters_that_bear_its_trace(
    desk: Desk, cloud: Cloud, db: AsyncClient, letters: Letters
) -> None:
    await desk.sync()
    assert await cloud.idle(10)
    (run,) = await desk.pages("/runs", "runs", kind="sync")
    letter = await letters.add()
    await letters.add()
    await db.collection("dead_letters").document(letter).update({"trace": run["trace"]})
    assert (await desk.run("sync", run["id"]))["dead_letters"] == [letter]


async def test_an_audit_is_begun_and_another_one_has_to_wait(desk: Desk) -> None:
    await desk.hold("returnMaintenance")
    answer = await desk.post("/jobs", {"kind": "audit", "subject": "returns"})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["subject"], job["status"], job["by"]) == ("audit", "returns", "waiting", "olga")
    assert (await desk.last("job.start"))["outcome"] == f"done: {job['id']}"
    refused(await desk.post("/jobs", {"kind": "reindex", "subject": "returns"}), 409, "job-active")
    assert (await desk.last("job.start"))["outcome"].startswith("job-active: ")
    assert [run["id"] for run in await desk.pages("/runs", "runs", kind="audit")] == [job["id"]]
    refused(await desk.http.get(f"/runs/repair/{job['id']}"), 404, "not-found")


async def test_an_audit_that_is_done_tells_how_many_things_it_has_compared(desk: Desk, jobs: Jobs) -> None:
    job = await jobs.start("audit", "returns", "olga")
    both_sides = {"done": 5, "total": 5, "counts": {"checked": 3}}
    await ended(jobs, job, "done", **both_sides)
    run = await desk.run("audit", job.id)
    assert (run["done"], run["total"]) == (3, 3)


async def test_a_job_is_cancelled_by_its_room(desk: Desk, cloud: Cloud) -> None:
    await desk.hold("returnMaintenance")
    job = (await desk.post("/jobs", {"kind": "audit", "subject": "returns"})).json()
    for _ in range(2):
        cancelled = await desk.post(f"/runs/audit/{job['id']}:cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelling")
    await desk.release("returnMaintenance")
    assert await cloud.idle(10)
    assert (await desk.run("audit", job["id"]))["status"] == "cancelled"
    refused(await desk.post(f"/runs/audit/{job['id']}:cancel"), 409, "not-active")
    refused(await desk.post(f"/runs/audit/{job['id']}:resume"), 409, "not-failed")


async def test_a_job_that_failed_goes_on_or_begins_again(desk: Desk, jobs: Jobs, cloud: Cloud) -> None:
    await desk.hold("productAudit")
    job = await jobs.start("audit", "products", "olga")
    await ended(jobs, job, "failed", error="too bad")
    failed = await desk.run("audit", job.id)
    assert (failed["status"], failed["error"]) == ("failed", "too bad")
    resumed = await desk.post(f"/runs/audit/{job.id}:resume")
    assert (resumed.status_code, resumed.json()["status"], resumed.json()["error"]) == (200, "running", "")
    refused(await desk.post(f"/runs/audit/{job.id}:rerun"), 409, "job-active")
    (await desk.post(f"/runs/audit/{job.id}:cancel")).raise_for_status()
    await desk.release("productAudit")
    assert await cloud.idle(10)
    again = await desk.post(f"/runs/audit/{job.id}:rerun")
    assert again.status_code == 202, again.text
    assert again.json()["id"] != job.id


async def test_what_was_forced_is_not_forced_again_by_doing_it_again(desk: Desk, jobs: Jobs) -> None:
    await desk.hold("returnMaintenance")
    forced = await jobs.start("reindex", "returns", "olga", {"forced": True})
    await ended(jobs, forced, "failed", error="too bad")
    again = await desk.post(f"/runs/reindex/{forced.id}:rerun")
    assert (again.status_code, again.json()["options"]) == (202, {})


async def test_only_what_an_audit_has_found_is_repaired(desk: Desk, jobs: Jobs) -> None:
    running = await jobs.start("audit", "products", "olga")
    repair = {"kind": "repair", "subject": "products"}
    refused(await desk.post("/jobs", repair | {"audit": running.id}), 409, "audit-not-done")
    for wrong in ({}, {"audit": "nobody"}, {"audit": running.id, "subject": "images"}):
        refused(await desk.post("/jobs", repair | wrong), 422, "validation-failed", "audit")
    refused(
        await desk.post("/jobs", {"kind": "reindex", "subject": "images"}),
        422,
        "validation-failed",
        "subject",
    )
    refused(await desk.post("/jobs", repair | {"audit": "a/b"}), 422, "validation-failed", "audit")
    await ended(jobs, running, "done")
    begun = await desk.post("/jobs", repair | {"audit": running.id})
    assert (begun.status_code, begun.json()["options"]) == (202, {"audit": running.id})


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("audit", {"audit": "x"}),
        ("audit", {"forced": True}),
        ("repair", {"forced": True}),
        ("reindex", {"audit": "x"}),
    ],
)
async def test_what_means_nothing_to_a_kind_of_job_is_refused(
    desk: Desk, jobs: Jobs, kind: str, option: dict[str, Any]
) -> None:
    answer = await desk.post("/jobs", {"kind": kind, "subject": "returns"} | option)
    refused(answer, 422, "validation-failed", *option)
    assert await jobs.active("returns") is None


async def test_findings_are_listed_by_account_and_kind(
    desk: Desk, jobs: Jobs, db: AsyncClient, cloud: Cloud
) -> None:
    audit = await jobs.start("audit", "images", "olga")
    found = [
        Finding("missing" if number % 3 else "extra", f"P-{number:04}", "acme" if number % 2 else "other")
        for number in range(1_200)
    ]
    for step in range(3):
        batch = db.batch()
        Findings(db).write(batch, audit.id, step, found[step * 400 : step * 400 + 400], cloud.clock.now())
        await batch.commit()
    path = f"/runs/audit/{audit.id}/findings"
    listed = await desk.pages(path, "findings", limit=500)
    assert [each["id"] for each in listed] == [each.id for each in found]
    assert listed[0] == {"kind": "extra", "id": "P-0000", "account": "other", "details": {}, "outcome": ""}
    extra = await desk.pages(path, "findings", limit=7, account="acme", kind="extra")
    assert [each["id"] for each in extra] == [
        each.id for each in found if (each.account, each.kind) == ("acme", "extra")
    ]
    assert await desk.pages(path, "findings", account="nobody") == []
    refused(await desk.http.get(f"/runs/audit/{audit.id}x/findings"), 404, "not-found")
    elsewhere = (await desk.http.get(path, params={"limit": 1})).json()["next_cursor"]
    other = await desk.http.get(path, params={"kind": "extra", "cursor": elsewhere})
    refused(other, 422, "validation-failed", "cursor")


@pytest.fixture
def feeds(db: AsyncClient, cloud: Cloud) -> Feeds:
    return Feeds(db, cloud)


async def test_price_runs_are_seen_and_steered_with_the_operators_own_token(
    desk: Desk, feeds: Feeds, db: AsyncClient
) -> None:
    ids = [(await feeds.plan("acme", "s1", "s2")).id, (await feeds.plan("other", "s3")).id]
    listed = await desk.pages("/runs", "runs", kind="prices", limit=1)
    assert [(run["id"], run["subject"], run["status"]) for run in listed] == [
        (ids[1], "other", "running"),
        (ids[0], "acme", "running"),
    ]
    # How far they are takes reads that a list does not make.
    assert {run["done"] for run in listed} == {None}
    run = await desk.run("prices", ids[0])
    assert (run["unit"], run["done"], run["total"], run["counts"]["pending"]) == ("stores", 0, 2, 2)
    refused(await desk.post(f"/runs/prices/{ids[0]}:rerun"), 409, "not-rerunnable")
    cancelled = await desk.post(f"/runs/prices/{ids[0]}:cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    refused(await desk.post(f"/runs/prices/{ids[0]}:cancel"), 409, "not-active")
    refused(await desk.post(f"/runs/prices/{ids[0]}:resume"), 409, "not-failed")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await db.collection(PRICE_RUNS).document(ids[0]).update({"created_at": yesterday})
    again = await desk.post(f"/runs/prices/{ids[0]}:rerun")
    assert (again.status_code, again.json()["status"]) == (202, "running")
    assert again.json()["seconds"] < 3_600
    assert (await desk.last("prices.rerun"))["outcome"] == "done"
    refused(await desk.http.get(f"/runs/prices/{0:024x}"), 404, "not-found")


async def test_there_are_no_other_runs(desk: Desk) -> None:
    refused(await desk.http.get("/runs"), 422, "validation-failed", "kind")
    refused(await desk.http.get("/runs", params={"kind": "marathon"}), 422, "validation-failed", "kind")
    for kind in ("sync", "prices", "audit", "repair", "reindex", "marathon"):
        for run_id in ("nobody", "a%2Fb", "__x__"):
            refused(await desk.http.get(f"/runs/{kind}/{run_id}"), 404, "not-found")
            for verb in ("cancel", "resume", "rerun"):
                refused(await desk.post(f"/runs/{kind}/{run_id}:{verb}"), 404, "not-found")
    for kind in ("sync", "prices", "audit"):
        wrong = await desk.http.get("/runs", params={"kind": kind, "cursor": "AAAA"})
        refused(wrong, 422, "validation-failed", "cursor")


async def test_who_is_no_operator_sees_and_does_nothing(
    http: httpx.AsyncClient, bearer: Callable[..., Headers]
) -> None:
    seller = bearer("seller", "warehouse", "retailer")
    for method, path, body in [
        ("GET", "/runs?kind=sync", None),
        ("GET", "/runs/sync/x", None),
        ("GET", "/runs/audit/x/findings", None),
        ("POST", "/runs/sync/x:cancel", None),
        ("POST", "/runs/audit/x:resume", None),
        ("POST", "/runs/audit/x:rerun", None),
        ("POST", "/runs:resync", DATES),
        ("POST", "/jobs", {"kind": "audit", "subject": "returns"}),
    ]:
        refused(await http.request(method, f"/ops{path}", json=body), 401, "unauthorized")
        refused(await http.request(method, f"/ops{path}", json=body, headers=seller), 403, "forbidden")
