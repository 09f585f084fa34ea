"""A re-index while processes die, and requests and answers are lost: the index ends as it should be."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.campaign import Campaign, faults
from tests.e2e.harness import LocalCloud
from tests.unit.returns.examples import content

RETURNS = 1_500
_LOOKS = 400


@pytest.fixture(scope="module")
def campaign(system: LocalCloud) -> Iterator[Campaign]:
    campaign = Campaign(system, 21)
    campaign.drain()
    yield campaign
    campaign.set_faults({})


def job(system: LocalCloud, campaign: Campaign, kind: str) -> dict[str, Any]:
    """Have a job done; whatever is to be tried again later is tried at once."""
    headers = system.token("ops")
    run: dict[str, Any] = {}
    for _ in range(_LOOKS):
        answer = system.http.post(
            "/ops/jobs", json={"kind": kind, "subject": "returns"}, headers=headers, timeout=60
        )
        if answer.status_code == 202:
            run = answer.json()
            break
    for _ in range(_LOOKS):
        if run["status"] not in ("waiting", "running"):
            return run
        campaign.advance(20)
        system.http.post("/_local/idle?timeout=1")
        try:
            found = system.http.get(f"/ops/runs/{kind}/{run['id']}", headers=system.token("ops"))
        except httpx.TransportError:
            continue
        run = found.json() if found.status_code == 200 else run
    raise AssertionError(f"does not end: {run}")


@pytest.mark.long
def test_a_reindex_ends_with_a_clean_index_through_deaths_and_lost_answers(
    campaign: Campaign,
    system: LocalCloud,
    http: httpx.Client,
    warehouse: dict[str, str],
    account: str,
) -> None:
    for start in range(0, RETURNS, 500):
        returns = [content(return_id=f"{account}-{n}", account=account) for n in range(start, start + 500)]
        http.post("/returns/batch", json={"returns": returns}, headers=warehouse).raise_for_status()
    campaign.run()
    # The database's own faults are in the room's campaigns; here they would only make it slow.
    campaign.set_faults(faults(campaign.seed) | {"firestore": {}, "delay_rate": 0})
    built = job(system, campaign, "reindex")
    campaign.set_faults({})
    assert (built["status"], built["error"]) == ("done", "")
    campaign.run()
    reader = system.token("warehouse", account=account)
    found = http.get("/search-order-return-index-data", headers=reader).raise_for_status().json()
    assert found["total"] == RETURNS
    audit = job(system, campaign, "audit")
    assert audit["status"] == "done"
    assert set(audit["counts"]) <= {"checked", "unprojectable"}
