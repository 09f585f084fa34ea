"""Dead work tried again through the operators' API, with everything behind it at work."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google.cloud.firestore import AsyncClient

from infra.local.cloud import Cloud
from tests.integration.ops.conftest import Headers, Letters
from tests.unit.returns.examples import content

PRODUCT = {"product_name": "Trail shoe", "product_price": "89.90", "currency": "EUR"}


async def quiet(cloud: Cloud) -> None:
    """Wait until no task is due or running."""
    assert await cloud.idle(10)


async def only_letter(olga: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    (letter,) = (await olga.get("/dead-letters", params=query)).raise_for_status().json()["dead_letters"]
    return dict(letter)


class Shop:
    """A seller's product, which the supply-chain partner may refuse."""

    def __init__(self, cloud: Cloud, http: httpx.AsyncClient, seller: Headers) -> None:
        self._cloud = cloud
        self._http = http
        self._seller = seller

    async def refused_product(self) -> str:
        """A product whose event has ended as dead."""
        self.partner_is_well(False)
        answer = await self._http.post("/products", json=PRODUCT, headers=self._seller)
        await quiet(self._cloud)
        return str(answer.raise_for_status().json()["id"])

    def partner_is_well(self, well: bool) -> None:
        self._cloud.supply_chain.set_faults({} if well else {"refuse_rate": 1.0})

    async def state(self, product_id: str) -> dict[str, Any]:
        """What the product's seller is told of its delivery."""
        answer = await self._http.get(f"/products/{product_id}/supply-chain", headers=self._seller)
        return dict(answer.raise_for_status().json())


@pytest.fixture
def shop(cloud: Cloud, http: httpx.AsyncClient, bearer: Callable[..., Headers]) -> Shop:
    return Shop(cloud, http, bearer("seller", sub="sally"))


async def test_a_product_that_was_refused_is_delivered_after_a_replay(
    olga: httpx.AsyncClient, cloud: Cloud, shop: Shop
) -> None:
    product_id = await shop.refused_product()
    letter = await only_letter(olga, queue="supplyChainSync", status="open")
    assert letter["event"] == f"{product_id}:1"
    shop.partner_is_well(True)
    answer = await olga.post(f"/dead-letters/{letter['id']}:replay")
    assert answer.status_code == 202
    replayed = answer.json()
    assert (replayed["status"], replayed["closed_by"], replayed["reason"]) == ("replayed", "olga", None)
    assert replayed["closed_at"] >= letter["created_at"]
    await quiet(cloud)
    state = await shop.state(product_id)
    assert (state["status"], state["synced_version"], state["events"][0]["attempts"]) == ("synced", 1, 1)
    assert (await olga.get(f"/dead-letters/{letter['id']}")).json() == replayed


async def test_a_product_that_is_refused_again_makes_a_letter_of_its_own(
    olga: httpx.AsyncClient, cloud: Cloud, shop: Shop
) -> None:
    product_id = await shop.refused_product()
    first = await only_letter(olga)
    (await olga.post(f"/dead-letters/{first['id']}:replay")).raise_for_status()
    await quiet(cloud)
    assert (await shop.state(product_id))["status"] == "dead"
    second = await only_letter(olga, status="open")
    assert (second["event"], second["payload"]["series"]) == (f"{product_id}:1", 1)
    shop.partner_is_well(True)
    (await olga.post(f"/dead-letters/{second['id']}:replay")).raise_for_status()
    await quiet(cloud)
    assert (await shop.state(product_id))["status"] == "synced"


async def test_an_old_version_that_is_replayed_after_a_newer_one_is_not_sent(
    olga: httpx.AsyncClient, cloud: Cloud, shop: Shop, http: httpx.AsyncClient, bearer: Callable[..., Headers]
) -> None:
    product_id = await shop.refused_product()
    letter = await only_letter(olga)
    shop.partner_is_well(True)
    newer = PRODUCT | {"product_price": "79.90"}
    seller = bearer("seller", sub="sally")
    (await http.put(f"/products/{product_id}", json=newer, headers=seller)).raise_for_status()
    await quiet(cloud)
    (await olga.post(f"/dead-letters/{letter['id']}:replay")).raise_for_status()
    await quiet(cloud)
    state = await shop.state(product_id)
    assert [event["status"] for event in state["events"]] == ["synced", "superseded"]
    assert state["synced_version"] == 2


async def test_a_return_that_was_given_up_is_found_after_a_replay(
    olga: httpx.AsyncClient,
    cloud: Cloud,
    http: httpx.AsyncClient,
    db: AsyncClient,
    bearer: Callable[..., Headers],
) -> None:
    operator = bearer("ops")
    body = content(return_id="R-1")
    (await http.put("/returns/R-1", json=body, headers=operator)).raise_for_status()
    document = db.collection("order_returns").document("R-1")
    await document.update({"currency": "shells"})
    await sync(cloud)
    letter = await only_letter(olga, queue="returnSyncProcessing")
    assert (letter["payload"]["return_id"], letter["attempts"]) == ("R-1", 1)
    before = await document.get()
    await document.update({"currency": body["currency"]})
    (await olga.post(f"/dead-letters/{letter['id']}:replay")).raise_for_status()
    await quiet(cloud)
    assert (await document.get()).get("updated_at") > before.get("updated_at")
    await sync(cloud)
    found = await http.get("/search-order-return-index-data", headers=operator)
    assert [hit["objectID"] for hit in found.json()["hits"]] == ["R-1"]
    assert (await only_letter(olga))["status"] == "replayed"


async def sync(cloud: Cloud) -> None:
    """A run of the returns sync, from its cron to its end."""
    outcome = await cloud.scheduler.run_now("returnsUpdateCron")
    assert outcome.http_status == 200
    await quiet(cloud)


async def test_a_whole_run_that_is_replayed_late_does_no_harm(
    olga: httpx.AsyncClient, cloud: Cloud, db: AsyncClient, letters: Letters
) -> None:
    record = {
        "record_id": "RETURN_JOB",
        "job_type": "RETURN_JOB",
        "status": 1,
        "start_date": None,
        "end_date": None,
        "created_at": "2026-11-20T08:00:00Z",
        "run_id": "a-run-of-long-ago",
    }
    letter_id = await letters.add("returnSync", payload=record)
    (await olga.post(f"/dead-letters/{letter_id}:replay")).raise_for_status()
    await quiet(cloud)
    assert (await only_letter(olga))["status"] == "replayed"
    assert not (await db.collection("order_return_algolia_sync").document("RETURN_JOB").get()).exists


async def test_work_that_dies_again_makes_a_letter_of_its_own(
    olga: httpx.AsyncClient, cloud: Cloud, letters: Letters
) -> None:
    spoilt = {"what": "is this"}
    letter_id = await letters.add(payload=spoilt)
    for _ in range(2):
        (await olga.post(f"/dead-letters/{letter_id}:replay")).raise_for_status()
        await quiet(cloud)
        letter = await only_letter(olga, status="open")
        assert (letter["payload"], letter["attempts"]) == (spoilt, 1)
        letter_id = letter["id"]


@pytest.mark.parametrize("kind", ["event", "task"])
async def test_of_many_replays_at_once_one_counts(
    olga: httpx.AsyncClient, cloud: Cloud, shop: Shop, letters: Letters, kind: str
) -> None:
    if kind == "event":
        await shop.refused_product()
        letter_id = (await only_letter(olga))["id"]
    else:
        letter_id = await letters.add(payload={"what": "is this"})
    answers = await asyncio.gather(*(olga.post(f"/dead-letters/{letter_id}:replay") for _ in range(5)))
    statuses = sorted(answer.status_code for answer in answers)
    assert (statuses[0], set(statuses[1:])) == (202, {409})
    (kind_of_problem,) = {answer.json()["type"] for answer in answers if answer.status_code == 409}
    assert kind_of_problem == "urn:backstock:problem:not-open"
    await quiet(cloud)
    # It was refused once more, so it was tried once more.
    assert (await olga.get("/dead-letters")).json()["total"] == 2


async def test_a_letter_is_closed_once_and_says_by_whom(olga: httpx.AsyncClient, letters: Letters) -> None:
    ends = {":replay": None, ":discard": {"reason": "a test"}}
    for first, body in ends.items():
        letter_id = await letters.add()
        (await olga.post(f"/dead-letters/{letter_id}{first}", json=body)).raise_for_status()
        stored = await letters.stored(letter_id)
        for second, other_body in ends.items():
            answer = await olga.post(f"/dead-letters/{letter_id}{second}", json=other_body)
            assert (answer.status_code, answer.json()["type"]) == (409, "urn:backstock:problem:not-open")
            assert "by olga" in answer.json()["detail"]
        assert await letters.stored(letter_id) == stored


async def test_work_that_cannot_be_tried_again_stays_open_and_says_what_to_do(
    olga: httpx.AsyncClient, db: AsyncClient, letters: Letters
) -> None:
    await db.collection("outbox").document("P2:1").set({"status": "synced", "product_id": "P2", "version": 1})
    gone = await letters.add("supplyChainSync", event="P1:1")
    settled = await letters.add("supplyChainSync", event="P2:1")
    retired = await letters.add("aQueueOfThePast")
    for letter_id, advice in ((gone, "write it once more"), (settled, "discard"), (retired, "discard")):
        answer = await olga.post(f"/dead-letters/{letter_id}:replay")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:backstock:problem:not-replayable")
        assert advice in answer.json()["detail"]
        assert (await letters.stored(letter_id))["status"] == "open"


async def test_discarding_says_why(olga: httpx.AsyncClient, letters: Letters) -> None:
    letter_id = await letters.add()
    answer = await olga.post(f"/dead-letters/{letter_id}:discard", json={"reason": " sold the shop "})
    letter = answer.raise_for_status().json()
    assert (letter["status"], letter["closed_by"], letter["reason"]) == ("discarded", "olga", "sold the shop")
    assert letter["closed_at"] is not None
    assert (await olga.get(f"/dead-letters/{letter_id}")).json() == letter


BAD_REASONS: list[tuple[object, int, list[str]]] = [
    ({}, 422, ["reason"]),
    ({"reason": "  "}, 422, ["reason"]),
    ({"reason": "x" * 501}, 422, ["reason"]),
    ({"reason": 7}, 422, ["reason"]),
    ({"reason": "a test", "colour": "red"}, 422, ["colour"]),
    (b"{", 400, []),
    (b'{"reason": "' + b"x" * 20_000 + b'"}', 413, []),
]


async def test_a_discard_without_a_good_reason_is_refused(olga: httpx.AsyncClient, letters: Letters) -> None:
    letter_id = await letters.add()
    for body, status, fields in BAD_REASONS:
        answer = await sent(olga, f"/dead-letters/{letter_id}:discard", body)
        found = [error["field"] for error in answer.json().get("errors", ())]
        assert (answer.status_code, found) == (status, fields), body
    assert (await letters.stored(letter_id))["status"] == "open"


async def sent(olga: httpx.AsyncClient, path: str, body: object) -> httpx.Response:
    if isinstance(body, bytes):
        return await olga.post(path, content=body, headers={"Content-Type": "application/json"})
    return await olga.post(path, json=body)
