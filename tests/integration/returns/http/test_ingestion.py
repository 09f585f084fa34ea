"""Taking returns in: what each message amounts to, in any order of arrival, and how a return is read."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.harness import LocalCloud
from tests.integration.refusals import refused
from tests.unit.returns.examples import content

EARLY, MIDDLE, LATE = (f"2026-11-0{day}T12:00:00Z" for day in (1, 2, 3))


class Warehouse:
    """Sends one return of one account."""

    def __init__(self, http: httpx.Client, headers: dict[str, str], account: str) -> None:
        self._http = http
        self._headers = headers
        self.account = account
        self.path = f"/returns/{account}-1"

    def message(self, at: str = MIDDLE, **changes: Any) -> dict[str, Any]:
        own = {"return_id": f"{self.account}-1", "account": self.account, "external_updated_at": at}
        return content() | own | changes

    def put(self, at: str, **changes: Any) -> tuple[int, str]:
        answer = self._http.put(self.path, json=self.message(at, **changes), headers=self._headers)
        return answer.status_code, answer.json()["outcome"]

    def remove(self, at: str | None) -> httpx.Response:
        query = {"external_updated_at": at} if at else {}
        return self._http.delete(self.path, params=query, headers=self._headers)

    def batch(self, *messages: Any) -> list[str]:
        answer = self._http.post("/returns/batch", json={"returns": messages}, headers=self._headers)
        return [result["outcome"] for result in answer.raise_for_status().json()["results"]]

    def get(self) -> httpx.Response:
        return self._http.get(self.path, headers=self._headers)

    @property
    def reason(self) -> str:
        """What a reader sees of the latest change."""
        return str(self.get().raise_for_status().json()["reason"])


@pytest.fixture
def sender(http: httpx.Client, warehouse: dict[str, str], account: str) -> Warehouse:
    return Warehouse(http, warehouse, account)


def test_new_same_newer_and_older_messages(sender: Warehouse) -> None:
    assert sender.put(MIDDLE, reason="first") == (201, "created")
    assert sender.put(MIDDLE, reason="first") == (200, "unchanged")
    assert sender.put(EARLY, reason="old news") == (200, "stale")
    assert sender.reason == "first"
    assert sender.put(LATE, reason="second") == (200, "updated")
    assert sender.reason == "second"


def test_a_return_reads_as_it_was_sent(sender: Warehouse) -> None:
    message = sender.message(next_status="rejected", next_status_at="2026-12-01T00:00:00+01:00", carrier=None)
    sender.batch(message)
    found = sender.get().json()
    for field, value in message.items():
        if field.endswith("_at"):
            assert datetime.fromisoformat(found[field]) == datetime.fromisoformat(value)
        else:
            assert found[field] == value
    assert found.keys() - message.keys() == {"updated_at"}


def test_the_path_may_stand_for_the_id(sender: Warehouse) -> None:
    message = sender.message()
    del message["return_id"]
    answer = sender._http.put(sender.path, json=message, headers=sender._headers)
    assert answer.status_code == 201
    assert sender.get().json()["return_id"] == f"{sender.account}-1"


def test_a_batch_answers_each_item_in_order(sender: Warehouse) -> None:
    new = sender.message(MIDDLE)
    mixed = [
        *(new, new, sender.message(LATE, reason="newer"), sender.message(EARLY)),
        *(sender.message(LATE, status="lost"), None, sender.message(return_id=f"{sender.account}-2")),
        sender.message(account="another"),
    ]
    assert sender.batch(*mixed) == [
        *("created", "unchanged", "updated", "stale"),
        *("invalid", "invalid", "created", "invalid"),
    ]
    assert sender.reason == "newer"


def test_a_batch_of_five_hundred(sender: Warehouse) -> None:
    messages = [sender.message(return_id=f"{sender.account}-{number}") for number in range(500)]
    assert sender.batch(*messages) == ["created"] * 500
    assert sender.batch(*messages) == ["unchanged"] * 500


def test_a_removal_and_what_comes_after_it(sender: Warehouse) -> None:
    sender.put(EARLY)
    removed = sender.remove(MIDDLE)
    assert (removed.status_code, removed.json()["outcome"]) == (200, "deleted")
    refused(sender.get(), 404, "not-found")
    assert sender.remove(MIDDLE).json()["outcome"] == "unchanged"
    assert sender.remove(EARLY).json()["outcome"] == "stale"
    assert sender.put(EARLY) == (200, "stale")
    assert sender.put(MIDDLE) == (200, "stale")
    refused(sender.get(), 404, "not-found")
    assert sender.put(LATE, reason="back again") == (201, "created")
    assert sender.reason == "back again"


def test_a_removal_that_overtakes_its_return(sender: Warehouse) -> None:
    assert sender.remove(MIDDLE).json()["outcome"] == "deleted"
    assert sender.put(EARLY) == (200, "stale")
    assert sender.put(LATE) == (201, "created")


def test_an_older_removal_leaves_a_return_alone(sender: Warehouse) -> None:
    sender.put(MIDDLE)
    assert sender.remove(EARLY).json()["outcome"] == "stale"
    assert sender.get().status_code == 200


def test_a_removal_without_a_time_is_as_of_now(sender: Warehouse) -> None:
    refused(sender.remove(None), 404, "not-found")
    sender.put(MIDDLE)
    assert sender.remove(None).json()["outcome"] == "deleted"
    refused(sender.remove(None), 404, "not-found")


def test_a_removal_leaves_no_personal_data(sender: Warehouse, database: Client) -> None:
    sender.put(EARLY)
    sender.remove(MIDDLE)
    left = database.document(f"order_returns/{sender.account}-1").get().to_dict() or {}
    assert left["deleted"] is True
    assert left["expire_at"] is not None
    assert not left.keys() & {"customer", "items", "tracking_number", "order_id"}


def test_a_document_that_somebody_spoilt_is_mended_by_the_next_message(
    sender: Warehouse, database: Client
) -> None:
    database.document(f"order_returns/{sender.account}-1").set({"items": 7, "external_updated_at": "soon"})
    assert sender.put(MIDDLE)[1] == "updated"
    assert sender.get().status_code == 200


def test_an_operator_sends_for_any_account(system: LocalCloud, sender: Warehouse) -> None:
    operator = Warehouse(system.http, system.token("ops"), sender.account)
    assert operator.put(MIDDLE) == (201, "created")
    assert operator.remove(LATE).json()["outcome"] == "deleted"


def test_many_senders_of_one_return_at_once(system: LocalCloud, sender: Warehouse) -> None:
    days = [f"2026-11-{day:02}T12:00:00Z" for day in range(1, 9)]
    with ThreadPoolExecutor(8) as several:
        answers = list(several.map(lambda at: sender.put(at, reason=at), days))
    assert {status for status, _ in answers} <= {200, 201}
    assert [outcome for _, outcome in answers].count("created") == 1
    assert sender.reason == days[-1]
