"""The sync as its users meet it: what was sent is found after a cron, and an operator can have it done again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.campaign import CRON, CRON_SECONDS, Campaign
from tests.e2e.clients import algolia, documents, records
from tests.e2e.harness import LocalCloud
from tests.integration.refusals import refused
from tests.unit.returns.examples import content


@pytest.fixture(scope="module")
def campaign(system: LocalCloud) -> Iterator[Campaign]:
    campaign = Campaign(system, 7)
    campaign.drain()
    yield campaign
    campaign.set_faults({})


@pytest.fixture
def shop(http: httpx.Client, warehouse: dict[str, str], account: str) -> "Shop":
    return Shop(http, warehouse, account)


class Shop:
    """One account's returns, sent and found."""

    def __init__(self, http: httpx.Client, headers: dict[str, str], account: str) -> None:
        self._http = http
        self._headers = headers
        self._account = account

    def put(self, name: str, **changes: Any) -> str:
        return_id = f"{self._account}-{name}"
        message = content(return_id=return_id, account=self._account, **changes)
        self._http.put(f"/returns/{return_id}", json=message, headers=self._headers).raise_for_status()
        return return_id

    def found(self, **query: str) -> set[str]:
        answer = self._http.get("/search-order-return-index-data", params=query, headers=self._headers)
        return {hit["objectID"] for hit in answer.raise_for_status().json()["hits"]}


def test_what_was_sent_is_found_after_a_cron(campaign: Campaign, shop: Shop) -> None:
    return_id = shop.put("1")
    assert shop.found() == set()
    campaign.run()
    assert shop.found() == {return_id}


def test_a_cancelled_and_a_removed_return_are_found_no_more(
    campaign: Campaign, http: httpx.Client, ops: dict[str, str], shop: Shop
) -> None:
    kept, cancelled, removed = (shop.put(name) for name in ("kept", "cancelled", "removed"))
    campaign.run()
    assert shop.found() == {kept, cancelled, removed}
    shop.put("cancelled", status="cancelled", external_updated_at="2026-11-02T00:00:00Z")
    http.delete(f"/returns/{removed}", headers=ops).raise_for_status()
    campaign.run()
    assert shop.found() == {kept}


def test_time_alone_changes_a_status_in_the_index(campaign: Campaign, http: httpx.Client, shop: Shop) -> None:
    now = datetime.fromisoformat(http.get("/_local/clock").json()["now"])
    due = (now + timedelta(minutes=20)).isoformat()
    return_id = shop.put("1", status="approved", next_status="rejected", next_status_at=due)
    campaign.run()
    assert shop.found(status="approved") == {return_id}
    campaign.advance(2 * CRON_SECONDS)
    campaign.run()
    assert (shop.found(status="approved"), shop.found(status="rejected")) == (set(), {return_id})


def test_an_operator_has_the_index_mended(
    campaign: Campaign, system: LocalCloud, ops: dict[str, str], shop: Shop
) -> None:
    return_id = shop.put("1")
    campaign.run()
    with algolia(system) as client:
        client.delete_objects(system.environment["ALGOLIA_RETURNS_INDEX"], [return_id])
    assert shop.found() == set()
    before = campaign.state()
    now = datetime.fromisoformat(system.http.get("/_local/clock").json()["now"])
    dates = {"start_date": (now - timedelta(hours=1)).isoformat(), "end_date": now.isoformat()}
    answer = system.http.post("/returns/resync", json=dates, headers=ops)
    assert answer.status_code == 202
    campaign.drain()
    assert shop.found() == {return_id}
    after = campaign.state()
    assert after["run_id"] == answer.json()["run_id"]
    assert (after["start_date"], after["end_date"]) == (before["start_date"], before["end_date"])


def test_a_resync_waits_for_no_active_run(
    campaign: Campaign, http: httpx.Client, ops: dict[str, str], shop: Shop
) -> None:
    campaign.drain()
    shop.put("1")
    campaign.set_faults({"queues": {"returnSync": {"error_rate": 1}}})
    campaign.cron()
    dates = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-02-01T00:00:00Z"}
    refused(http.post("/returns/resync", json=dates, headers=ops), 409, "run-active")
    campaign.set_faults({})
    campaign.drain()
    assert campaign.state()["status"] == 0


def test_a_cron_leaves_an_active_run_alone_and_takes_over_a_dead_one(
    campaign: Campaign, http: httpx.Client, shop: Shop
) -> None:
    campaign.drain()
    return_id = shop.put("1")
    campaign.set_faults({"queues": {"returnSync": {"error_rate": 1}}})
    campaign.cron()
    started = campaign.state()
    assert started["status"] == 1
    campaign.cron()
    assert campaign.state()["run_id"] == started["run_id"]
    campaign.advance(CRON_SECONDS)
    campaign.cron()
    assert campaign.state()["run_id"] != started["run_id"]
    campaign.set_faults({})
    campaign.drain()
    assert campaign.state()["status"] == 0
    assert shop.found() == {return_id}


def test_an_oversize_return_is_shortened_and_still_found(
    campaign: Campaign, system: LocalCloud, shop: Shop
) -> None:
    line = {"sku": "S" * 100, "name": "N" * 150, "quantity": 1, "unit_price": "1.00"}
    return_id = shop.put("1", items=[line] * 150)
    campaign.run()
    assert shop.found() == {return_id}
    record = records(system)[return_id]
    assert record["items_truncated"] is True
    assert record["item_count"] == 150
    assert 0 < len(record["items"]) < 150


def test_a_poison_document_stops_nobody(campaign: Campaign, shop: Shop) -> None:
    campaign.poison("poison-7")
    return_id = shop.put("1")
    for _ in range(3):
        campaign.run()
        campaign.advance(CRON_SECONDS)
    campaign.drain()
    assert shop.found() == {return_id}
    letters = documents(campaign.database, "dead_letters").values()
    assert sum("poison-7" in letter["payload"] for letter in letters) == 1


def test_the_schedule_can_be_run_at_once_and_the_queues_be_read(
    campaign: Campaign, http: httpx.Client, shop: Shop
) -> None:
    campaign.drain()
    shop.put("1")
    before = http.get("/_local/queues").json()
    answer = http.post(CRON).raise_for_status().json()
    assert (answer["job"], answer["status"]) == ("returnsUpdateCron", 200)
    assert http.post("/_local/idle?timeout=30").raise_for_status().json()["idle"] is True
    after = http.get("/_local/queues").json()
    for queue in ("returnSync", "returnSyncProcessing"):
        assert after[queue]["depth"] == 0
        assert after[queue]["succeeded"] == before[queue]["succeeded"] + 1


def test_an_unknown_schedule_is_named(http: httpx.Client) -> None:
    answer = http.post("/_local/schedules/nightly:run")
    assert answer.status_code == 404
    assert "returnsUpdateCron" in answer.text
