"""``/_local``: what can be done to the local cloud, and what is refused with a problem document."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from google.cloud import tasks_v2

from infra.local.cloud import Cloud
from infra.local.environment import PROJECT, REGION

_QUEUE = f"projects/{PROJECT}/locations/{REGION}/queues/returnSync"


@pytest.fixture
async def http(cloud: Cloud) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cloud.environment["BASE_URL"]) as session:
        yield session


async def _json(http: aiohttp.ClientSession, method: str, path: str, **request: Any) -> Any:
    async with http.request(method, path, **request) as response:
        assert response.status == 200, await response.text()
        return await response.json()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/_local/clock:advance", "{", 400),
        ("POST", "/_local/clock:advance", "[" * 100_000, 400),
        ("POST", "/_local/clock:advance", "[]", 400),
        ("POST", "/_local/clock:advance", "{}", 400),
        ("POST", "/_local/clock:advance", '{"seconds": -1}', 400),
        ("POST", "/_local/clock:advance", '{"seconds": true}', 400),
        ("POST", "/_local/clock:advance", '{"seconds": NaN}', 400),
        ("POST", "/_local/clock:advance", '{"seconds": 1e400}', 400),
        ("POST", "/_local/clock:advance", '{"seconds": 315360001}', 400),
        ("POST", "/_local/clock:advance", '{"seconds": 1, "hours": 1}', 400),
        ("POST", "/_local/idle?timeout=-1", "", 400),
        ("POST", "/_local/idle?timeout=long", "", 400),
        ("POST", "/_local/schedules/nightly:run", "", 404),
        ("GET", "/_local/queues/nobody/tasks", "", 404),
        ("GET", "/_local/nothing", "", 404),
        ("GET", "/_local/idle", "", 405),
        ("GET", "/_local", "", 404),
        ("PUT", "/_local/faults", "[]", 400),
        ("PUT", "/_local/faults", '{"eror_rate": 0.1}', 400),
        ("PUT", "/_local/faults", '{"error_rate": 1.1}', 400),
        ("PUT", "/_local/faults", '{"queues": {"returnSync": {"rate": 1}}}', 400),
        ("PUT", "/_local/faults", '{"algolia": 7}', 400),
        ("PUT", "/_local/faults", '{"algolia": {"rate_404": 1}}', 400),
        ("PUT", "/_local/faults", '{"algolia": {"limits": {"records": 1}}}', 400),
        ("PUT", "/_local/faults", '{"firestore": {"slow": 1}}', 400),
        ("PUT", "/_local/faults", '{"supply_chain": true}', 400),
        ("PUT", "/_local/faults", '{"supply_chain": {"outages": 1}}', 400),
        ("PUT", "/_local/faults", '{"supply_chain": {"error_rate": NaN}}', 400),
        ("GET", "/_local/supply-chain/products/p1", "", 404),
        ("GET", "/_local/supply-chain/requests?from=p1", "", 400),
        ("PUT", "/_local/faults", '{"functions": {"crash_rate": 2}}', 400),
        ("PUT", "/_local/faults", '{"functions": {"crash": 1}}', 400),
        ("PUT", "/_local/faults", '{"functions": {"seed": 0.5}}', 400),
    ],
)
async def test_what_is_wrong_gets_a_problem(
    http: aiohttp.ClientSession, method: str, path: str, body: str, status: int
) -> None:
    async with http.request(method, path, data=body or None) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/problem+json"
        problem = await response.json()
    assert problem["status"] == status
    assert problem["detail"]


async def test_advancing_the_clock_tells_the_time_and_what_is_next(
    http: aiohttp.ClientSession, cloud: Cloud
) -> None:
    before = await _json(http, "GET", "/_local/clock")
    after = await _json(http, "POST", "/_local/clock:advance", json={"seconds": 3600})
    assert after["offset"] == before["offset"] + 3600
    assert after["now"] > before["now"]
    assert after["now"].endswith("Z")
    assert before["next_due"].endswith(("0:00Z", "5:00Z"))


async def test_faults_are_set_as_a_whole_or_not_at_all(http: aiohttp.ClientSession, cloud: Cloud) -> None:
    faults = {
        "seed": 7,
        "error_rate": 0.1,
        "queues": {"returnSync": {"kill_rate": 0.5}},
        "algolia": {"rate_429": 0.25, "limits": {"record_size_limit": 1000}},
        "firestore": {"unavailable_rate": 0.5},
        "supply_chain": {"error_rate": 0.5, "refuse": ["p1"], "outage": "drop"},
        "functions": {"crash_rate": 0.05, "seed": 7},
    }
    assert await _json(http, "PUT", "/_local/faults", json=faults) == faults
    async with http.put(
        "/_local/faults", json={"algolia": {"rate_429": 1}, "firestore": {"x": 1}}
    ) as refused:
        assert refused.status == 400
    assert await _json(http, "GET", "/_local/faults") == faults
    assert cloud.algolia.faults["rate_429"] == 0.25
    assert cloud.algolia.limits["record_size_limit"] == 1000

    assert await _json(http, "PUT", "/_local/faults", json={}) == {}
    assert cloud.algolia.faults["rate_429"] == 0
    assert cloud.algolia.limits["record_size_limit"] > 1000
    assert cloud.firestore is None or not any(cloud.firestore.faults.values())


@pytest.fixture
async def waiting_task(cloud: Cloud) -> str:
    """The name of a task that is due, in a cloud that delivers nothing yet."""
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport
    from grpc.aio import insecure_channel

    async with insecure_channel(cloud.addresses.grpc) as channel:
        client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
        request = {
            "url": f"{cloud.environment['BASE_URL']}/return-updated-task-queue",
            "body": b'{"page": 3}',
        }
        task = await client.create_task(
            parent=_QUEUE, task=tasks_v2.Task(name=f"{_QUEUE}/tasks/t-1", http_request=request)
        )
        return str(task.name.rsplit("/", 1)[1])


async def test_queues_and_their_tasks_can_be_looked_at(
    http: aiohttp.ClientSession, cloud: Cloud, waiting_task: str
) -> None:
    queues = await _json(http, "GET", "/_local/queues")
    assert queues.keys() == cloud.topology.queues.keys()
    assert queues["returnSync"]["depth"] == 1
    listing = await _json(http, "GET", "/_local/queues/returnSync/tasks")
    (task,) = listing["tasks"]
    assert task["name"] == waiting_task
    assert task["payload"] == {"page": 3}
    assert task["attempts"] == 0
    assert task["last_status"] is None
    assert not listing["more"]


async def test_idle_says_when_there_is_something_left_to_do(
    http: aiohttp.ClientSession, waiting_task: str
) -> None:
    async with http.post("/_local/idle?timeout=0.05") as response:
        assert response.status == 504
        assert (await response.json())["idle"] is False


async def test_idle_says_when_there_is_not(http: aiohttp.ClientSession) -> None:
    assert (await _json(http, "POST", "/_local/idle?timeout=5"))["idle"] is True


async def test_a_schedule_run_tells_what_its_target_answered(
    http: aiohttp.ClientSession, functions: str, cloud: Cloud
) -> None:
    run = await _json(http, "POST", "/_local/schedules/returnsUpdateCron:run")
    assert run["job"] == "returnsUpdateCron"
    assert run["status"] == 200
    assert (await _json(http, "POST", "/_local/idle?timeout=20"))["idle"] is True


async def test_a_schedule_run_without_functions_tells_that(http: aiohttp.ClientSession, cloud: Cloud) -> None:
    await cloud.start_deliveries()
    run = await _json(http, "POST", "/_local/schedules/returnsUpdateCron:run")
    assert run["status"] == 503


async def test_counters_begin_anew_when_asked(http: aiohttp.ClientSession, cloud: Cloud, db: Any) -> None:
    await db.document("a/b").set({"x": 1})
    if cloud.firestore is not None:
        assert (await _json(http, "GET", "/_local/stats"))["firestore"]["writes"] == 1
        assert (await _json(http, "POST", "/_local/stats:reset"))["firestore"]["writes"] == 0
    assert (await _json(http, "POST", "/_local/stats:reset"))["algolia"]["write_requests"] == 0


async def test_the_supply_chain_partner_is_reached_by_the_environment_and_can_be_watched(
    http: aiohttp.ClientSession, cloud: Cloud
) -> None:
    url = f"{cloud.environment['SUPPLY_CHAIN_URL']}/products/p1"
    sender = {
        "Authorization": f"Bearer {cloud.environment['SUPPLY_CHAIN_API_KEY']}",
        "Idempotency-Key": "p1:1",
    }
    product = {"id": "p1", "version": 1, "type": "product:created", "product": {"product_name": "Boots"}}
    message = {**product, "occurred_at": "2026-03-01T10:00:00Z"}

    async with http.post(url, json=message, headers=sender) as taken:
        assert taken.status == 201
    await _json(http, "PUT", "/_local/faults", json={"supply_chain": {"outage": True}})
    async with http.post(url, json=message, headers=sender) as failed:
        assert failed.status == 503

    seen = await _json(http, "GET", "/_local/supply-chain/requests?product=p1")
    assert [(visit["version"], visit["status"]) for visit in seen["requests"]] == [(1, 201), (1, 503)]
    (kept,) = (await _json(http, "GET", "/_local/supply-chain/products"))["products"]
    assert kept == await _json(http, "GET", "/_local/supply-chain/products/p1")
    assert (kept["version"], kept["product"]) == (1, {"product_name": "Boots"})
    assert (await _json(http, "GET", "/_local/stats"))["supply_chain"]["posts"] == 2
    assert (await _json(http, "POST", "/_local/stats:reset"))["supply_chain"]["posts"] == 0
