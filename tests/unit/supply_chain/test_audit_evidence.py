"""What follows from what is known of a product and its deliveries."""

from typing import Any

import pytest

from functions.supply_chain.audit_evidence import Delivered, Evidence, finding, judge
from tests.unit.supply_chain.examples import event


def evidence(**known: Any) -> Evidence:
    """Product p1 in version 2, of which nothing else is known."""
    return Evidence(**{"product_id": "p1", "version": 2, "user_id": "ann", "delivered": None} | known)


def delivered(synced: int | None, sent: int = 0, *, deletion: bool = False) -> Delivered:
    return Delivered(synced, sent or synced or 0, deletion)


GONE = {"version": None, "user_id": ""}


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({"delivered": delivered(2)}, "agrees"),
        ({"delivered": delivered(2), "event": event(2, status="pending")}, "agrees"),
        # Nothing ever came of it.
        ({}, "missing"),
        ({"delivered": delivered(None, sent=2)}, "missing"),
        ({"event": event(1)}, "missing"),
        ({"event": event(2)}, "pending"),
        ({"event": event(3)}, "pending"),
        ({"event": event(2, status="synced")}, "missing"),
        ({"event": event(2, status="superseded")}, "missing"),
        # Something else did.
        ({"delivered": delivered(1)}, "different"),
        ({"delivered": delivered(9)}, "different"),
        ({"delivered": delivered(1), "event": event(2)}, "pending"),
        ({"delivered": delivered(1), "event": event(1)}, "different"),
        ({"delivered": delivered(1), "event": event(2, status="dead"), "has_open_letter": True}, "dead"),
        ({"delivered": delivered(1), "event": event(2, status="dead")}, "different"),
        ({"delivered": delivered(1), "event": event(1, status="dead"), "has_open_letter": True}, "different"),
        # Deleted.
        (GONE, "agrees"),
        (GONE | {"delivered": delivered(3, deletion=True)}, "agrees"),
        (GONE | {"delivered": delivered(2)}, "extra"),
        (GONE | {"delivered": delivered(None, sent=1)}, "extra"),
        (GONE | {"delivered": delivered(2), "event": event(3, type="product:deleted")}, "pending"),
        (GONE | {"delivered": delivered(2), "event": event(2)}, "extra"),
        (
            GONE | {"delivered": delivered(2), "event": event(3, type="product:deleted", status="synced")},
            "extra",
        ),
    ],
)
def test_what_is_known_leads_to_a_verdict(known: dict[str, Any], verdict: str) -> None:
    assert judge(evidence(**known)) == verdict


def test_a_finding_says_what_both_sides_have_and_what_became_of_the_event() -> None:
    found = finding(evidence(delivered=delivered(1), event=event(1, status="synced")))
    assert found
    assert (found.kind, found.id, found.account) == ("different", "p1", "ann")
    assert found.details == {"ours": "2", "theirs": "1", "event": "1 synced"}


def test_a_deletion_that_was_lost_says_so() -> None:
    found = finding(evidence(**GONE, delivered=delivered(2)))
    assert found
    assert found.details == {"ours": "deleted", "theirs": "2", "event": "none"}


@pytest.mark.parametrize(
    "lane",
    [
        {"synced_version": 3, "sent_version": 3, "expire_at": "2026-12-01"},
        {"synced_version": None, "sent_version": 1, "expire_at": None},
        {},
    ],
)
def test_a_lane_is_read_as_deliveries_write_it(lane: dict[str, Any]) -> None:
    read = Delivered.of(lane)
    assert (read.synced, read.sent) == (lane.get("synced_version"), lane.get("sent_version", 0))
    assert read.is_deletion == bool(lane.get("expire_at"))
