"""What is to be done about a task, decided from what is known when it comes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.supply_chain.delivery import Seen, judge, payload
from functions.supply_chain.lanes import Lane
from shared.errors import RetryAfterError, TransientError
from shared.outbox import StoredEvent
from tests.unit.supply_chain.examples import MINUTE, NOW, event, task

FREE = Lane()
DELETION = {"type": "product:deleted"}


def seen(of: StoredEvent | None, version: int | None, lane: Lane = FREE) -> Seen:
    """An event, the product's version (None: there is no product any more) and its lane."""
    return Seen(of, None if version is None else {"version": version}, lane)


@pytest.mark.parametrize(
    ("what", "verdict"),
    [
        (seen(event(1), 1), "send"),
        (seen(event(7), 7, Lane(sent_version=6)), "send"),
        (seen(event(7), 7, Lane(sent_version=7)), "send"),  # of which nobody knows what became
        (seen(event(7, **DELETION), None, Lane(sent_version=6)), "send"),
        (seen(event(7), 7, Lane(claimed_until=NOW, not_before=NOW)), "send"),
        (seen(event(6), 7), "superseded"),
        (seen(event(6), None), "superseded"),
        (seen(event(6), 6, Lane(sent_version=7)), "superseded"),
        (seen(event(6), 7, Lane(claimed_until=NOW + MINUTE)), "superseded"),
        (seen(event(6), 7, Lane(not_before=NOW + MINUTE)), "superseded"),
        (seen(None, 7), "settled"),
        (seen(event(7, status="synced"), 7), "settled"),
        (seen(event(7, status="superseded"), 7), "settled"),
        (seen(event(7, status="dead"), 7), "settled"),
        (seen(event(7, series=1), 7), "settled"),
    ],
)
def test_the_verdict(what: Seen, verdict: str) -> None:
    version = what.event.version if what.event else 7
    assert judge(task(version), what, NOW) == verdict


def test_a_task_of_a_series_that_is_yet_to_begin_is_ignored() -> None:
    assert judge(task(7, series=1), seen(event(7), 7), NOW) == "settled"


def test_while_a_version_may_be_under_way_the_next_one_waits() -> None:
    verdict = judge(task(7), seen(event(7), 7, Lane(claimed_until=NOW + MINUTE, sent_version=6)), NOW)
    assert isinstance(verdict, TransientError)
    assert not isinstance(verdict, RetryAfterError)


@given(st.timedeltas(timedelta(microseconds=1), timedelta(hours=8)))
def test_the_wait_that_the_api_asked_for_is_kept_to_the_second(rest: timedelta) -> None:
    verdict = judge(task(7), seen(event(7), 7, Lane(not_before=NOW + rest)), NOW)
    assert isinstance(verdict, RetryAfterError)
    assert rest <= timedelta(seconds=verdict.seconds) <= rest + timedelta(seconds=1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[StoredEvent], int | None]:
    """The events of a product in any state that they can be in, and its version; None if the last was its deletion."""
    newest = draw(st.integers(1, 6))
    deleted = newest > 1 and draw(st.booleans())
    statuses = st.sampled_from(["pending", "pending", "synced", "superseded", "dead"])
    events = [
        event(
            version,
            status=draw(statuses),
            series=draw(st.integers(0, 2)),
            **(DELETION if deleted and version == newest else {}),
        )
        for version in range(1, newest + 1)
    ]
    return events, None if deleted else newest


moments = st.none() | st.datetimes(NOW.replace(tzinfo=None), datetime(2027, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=NOW.tzinfo)
)


@st.composite
def lanes(draw: st.DrawFn, newest: int) -> Lane:
    return Lane(draw(moments), draw(moments), draw(st.integers(0, newest)))


@given(histories(), st.data())
def test_of_all_events_of_a_product_only_the_newest_is_ever_sent(
    history: tuple[list[StoredEvent], int | None], data: Any
) -> None:
    events, version = history
    lane = data.draw(lanes(events[-1].version))
    now = data.draw(moments) or NOW
    for one in events:
        for series in range(3):
            if judge(task(one.version, series), seen(one, version, lane), now) == "send":
                assert one is events[-1]
                assert one.status == "pending"
                assert series == one.series


@given(histories(), st.data())
def test_the_newest_event_is_sent_once_the_way_is_free(
    history: tuple[list[StoredEvent], int | None], data: Any
) -> None:
    events, version = history
    newest = events[-1]
    lane = Lane(NOW, NOW, data.draw(st.integers(0, newest.version)))
    verdict = judge(newest.task, seen(newest, version, lane), NOW)
    assert verdict == ("send" if newest.status == "pending" else "settled")


@given(histories(), st.data())
def test_no_event_but_the_newest_has_to_wait(
    history: tuple[list[StoredEvent], int | None], data: Any
) -> None:
    events, version = history
    lane = data.draw(lanes(events[-1].version))
    for one in events[:-1]:
        assert judge(one.task, seen(one, version, lane), NOW) in ("superseded", "settled")


@pytest.mark.parametrize(
    ("price", "currency", "shown"), [(1250, "EUR", "12.50"), (1250, "JPY", "1250"), (1250, "KWD", "1.250")]
)
def test_a_price_reaches_the_api_exactly(price: int, currency: str, shown: str) -> None:
    stored = {
        "user_id": "ann",
        "product_name": "Boots",
        "product_description": "",
        "product_price": price,
        "currency": currency,
        "product_images": [],
        "compressed_product_images": [],
        "version": 3,
        "created_at": NOW,
        "updated_at": NOW,
        "price_order": 1,
        "name_tokens": ["b"],
    }
    body = payload("p1", stored)
    assert (body["product_price"], body["currency"]) == (shown, currency)
    assert body.keys() == stored.keys() - {"user_id", "price_order", "name_tokens"} | {"id"}
