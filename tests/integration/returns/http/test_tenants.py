"""One account never sees, changes or removes what is another's; reading and removing, it seems not to be there."""

from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.clients import documents
from tests.e2e.harness import LocalCloud
from tests.integration.refusals import refused
from tests.unit.returns.examples import content


def contents(database: Client) -> str:
    """All that is stored, as text: a NaN that somebody stored is not equal to itself."""
    return repr(sorted(documents(database, "order_returns").items()))


LATER = "2026-11-02T00:00:00Z"


@pytest.fixture
def theirs(http: httpx.Client, account: str, warehouse: dict[str, str]) -> dict[str, Any]:
    """A return of the account."""
    message = content(return_id=f"{account}-1", account=account)
    http.put(f"/returns/{account}-1", json=message, headers=warehouse).raise_for_status()
    return message


@pytest.fixture
def stranger(system: LocalCloud) -> dict[str, str]:
    return system.token("warehouse", "seller", account="stranger")


def test_reading_it(http: httpx.Client, theirs: dict[str, Any], stranger: dict[str, str]) -> None:
    found = http.get(f"/returns/{theirs['return_id']}", headers=stranger)
    missing = http.get("/returns/never-was", headers=stranger)
    assert refused(found, 404, "not-found")["detail"] == f"There is no return {theirs['return_id']}."
    refused(missing, 404, "not-found")


def test_changing_it(
    http: httpx.Client, database: Client, theirs: dict[str, Any], stranger: dict[str, str]
) -> None:
    before = contents(database)
    path = f"/returns/{theirs['return_id']}"
    for account in (theirs["account"], "stranger"):
        message = theirs | {"account": account, "reason": "stolen", "external_updated_at": LATER}
        refused(http.put(path, json=message, headers=stranger), 403, "forbidden")
        batch = http.post("/returns/batch", json={"returns": [message]}, headers=stranger).json()["results"]
        assert [result["outcome"] for result in batch] == ["invalid"]
        assert batch[0]["problem"]["status"] == 403
    assert contents(database) == before


@pytest.mark.parametrize("query", ["", f"?external_updated_at={LATER}"])
def test_removing_it(
    http: httpx.Client, database: Client, theirs: dict[str, Any], stranger: dict[str, str], query: str
) -> None:
    before = contents(database)
    answer = http.delete(f"/returns/{theirs['return_id']}{query}", headers=stranger)
    refused(answer, 404, "not-found")
    assert contents(database) == before


def test_its_own_seller_and_an_operator_do_see_it(
    http: httpx.Client, system: LocalCloud, ops: dict[str, str], theirs: dict[str, Any]
) -> None:
    for caller in (system.token("seller", account=theirs["account"]), ops):
        found = http.get(f"/returns/{theirs['return_id']}", headers=caller)
        assert found.status_code == 200
        assert found.json()["reason"] == theirs["reason"]
