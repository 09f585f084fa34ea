"""An audit and its repair with everything real between them: queues, tokens, functions, database, and index."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared import clients
from shared.clock import utc_now
from shared.jobs.findings import Findings
from shared.jobs.queues import RETURN_MAINTENANCE
from shared.jobs.records import Job
from shared.jobs.store import Jobs
from shared.settings import settings
from shared.tasks import TaskQueues
from tests.unit.returns.examples import content

JobDone = Callable[..., Awaitable[Job]]


@pytest.fixture
async def shop(cloud: Cloud, functions: str) -> httpx.AsyncClient:
    """A client of the gateway with the token of an account's warehouse."""
    token = cloud.users.mint({"aud": AUDIENCE, "sub": "wes", "account": "acme", "roles": ["warehouse"]}, 3600)
    return httpx.AsyncClient(base_url=functions, headers={"Authorization": f"Bearer {token}"}, timeout=30)


@pytest.fixture
def job_done(cloud: Cloud, functions: str, db: AsyncClient) -> JobDone:
    """Starts a job as the operators' API does, and waits for its end; whatever is due later is due at once."""
    queues = TaskQueues(clients.cloud_tasks, settings())
    jobs = Jobs(db, queues, utc_now, {"returns": RETURN_MAINTENANCE})

    async def done(kind: str, **options: str) -> Job:
        job: Job | None = await jobs.start(kind, "returns", "olga", options)  # type: ignore[arg-type]
        for _ in range(60):
            assert job is not None
            if not job.is_active:
                return job
            assert await cloud.idle(30)
            cloud.clock.advance(10)
            job = await jobs.get(job.id)
        raise AssertionError(f"does not end: {job}")

    return done


async def write_index(cloud: Cloud, *requests: dict[str, object]) -> None:
    """Write straight into the index, past everything."""
    environment = cloud.environment
    headers = {
        "X-Algolia-Application-Id": environment["ALGOLIA_APP_ID"],
        "X-Algolia-API-Key": environment["ALGOLIA_API_KEY"],
    }
    address = f"http://{environment['ALGOLIA_HOST']}/1/indexes/{environment['ALGOLIA_RETURNS_INDEX']}/batch"
    async with httpx.AsyncClient(headers=headers) as client:
        (await client.post(address, json={"requests": list(requests)})).raise_for_status()


async def found(shop: httpx.AsyncClient) -> dict[str, str]:
    """What a search finds: the reason of each return by its id."""
    answer = await shop.get("/search-order-return-index-data", params={"per_page": 100})
    return {hit["objectID"]: hit["reason"] for hit in answer.raise_for_status().json()["hits"]}


async def test_drift_in_the_index_is_found_repaired_and_searched_no_more(
    cloud: Cloud, shop: httpx.AsyncClient, db: AsyncClient, job_done: JobDone
) -> None:
    returns = [content(return_id=f"R-{n}") for n in range(12)]
    (await shop.post("/returns/batch", json={"returns": returns})).raise_for_status()
    (await shop.post("/_local/schedules/returnsUpdateCron:run")).raise_for_status()
    assert await cloud.idle(30)
    before = await found(shop)
    assert before == {f"R-{n}": "too_small" for n in range(12)}

    await write_index(
        cloud,
        {"action": "deleteObject", "body": {"objectID": "R-3"}},
        {"action": "partialUpdateObject", "body": {"objectID": "R-7", "reason": "by hand"}},
        {"action": "addObject", "body": {"objectID": "R-99", "account": "acme"}},
    )
    audit = await job_done("audit")
    assert (audit.status, audit.error) == ("done", "")
    findings = [each async for page in Findings(db).pages(audit.id) for each in page.findings]
    assert {(each.kind, each.id, each.account) for each in findings} == {
        ("missing", "R-3", "acme"),
        ("different", "R-7", "acme"),
        ("extra", "R-99", "acme"),
    }

    repair = await job_done("repair", audit=audit.id)
    assert (repair.status, repair.error, dict(repair.counts)) == ("done", "", {"repaired": 3})
    assert await found(shop) == before
    again = await job_done("audit")
    assert dict(again.counts) == {"checked": 13}
