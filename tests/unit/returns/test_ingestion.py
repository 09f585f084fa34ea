"""What messages do to what is stored, whatever their order."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.returns.ingestion import Put, Removal, Stored, plan
from shared.problems import Problem
from tests.unit.returns.examples import AT, a_return, content


def put(seconds: int = 0, **changes: object) -> Put:
    return Put(a_return(external_updated_at=(AT + timedelta(seconds=seconds)).isoformat(), **changes))


def removal(seconds: int = 0) -> Removal:
    return Removal("R-1", AT + timedelta(seconds=seconds), early_for="acme")


def outcomes(*messages: Put | Removal, tenant: str | None = "acme") -> list[str]:
    planned = plan(messages, {"R-1": None}, tenant)
    return [o.kind if isinstance(o, Problem) else o for o in planned.outcomes]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((put(0), put(1, reason="other")), ["created", "updated"]),
        ((put(0), put(0)), ["created", "unchanged"]),
        ((put(0), put(1)), ["created", "updated"]),
        ((put(1), put(0, reason="late")), ["created", "stale"]),
        ((put(0), removal(1)), ["created", "deleted"]),
        ((put(1), removal(0)), ["created", "stale"]),
        ((removal(1), put(0)), ["deleted", "stale"]),
        ((removal(0), put(0)), ["deleted", "stale"]),
        ((removal(0), put(1)), ["deleted", "created"]),
        ((removal(0), removal(0)), ["deleted", "unchanged"]),
    ],
)
def test_the_sources_time_decides(messages: tuple[Put | Removal, ...], expected: list[str]) -> None:
    assert outcomes(*messages) == expected


def test_a_removal_without_a_time_of_its_own_leaves_what_is_not_there_alone() -> None:
    planned = plan([Removal("R-1", AT)], {"R-1": None}, "acme")
    assert planned.outcomes == ("unknown",)
    assert not planned.writes


def test_another_accounts_return_is_left_alone() -> None:
    theirs = Stored("zeta", AT, "", deleted=False)
    planned = plan([put(9), removal(9)], {"R-1": theirs}, "acme")
    assert [o.status for o in planned.outcomes if isinstance(o, Problem)] == [403, 403]
    assert not planned.writes


def test_a_document_that_somebody_spoilt_is_put_right_by_the_next_message() -> None:
    spoilt = Stored(None, AT.replace(year=1), "", deleted=False)
    assert plan([put()], {"R-1": spoilt}, "acme").outcomes == ("updated",)


def test_each_touched_return_is_written_once() -> None:
    planned = plan([put(0), put(1, reason="a"), put(2, reason="b")], {"R-1": None}, "acme")
    (message, _after) = planned.writes["R-1"]
    assert isinstance(message, Put)
    assert message.content.reason == "b"


distinct_times = st.lists(
    st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=5, unique_by=lambda m: m[0]
)


@given(distinct_times)
def test_any_order_of_arrival_ends_in_the_same_state(messages: list[tuple[int, bool]]) -> None:
    def ending(order: tuple[tuple[int, bool], ...]) -> Stored:
        arriving = [removal(at) if gone else put(at, reason=f"r{at}") for at, gone in order]
        return plan(arriving, {"R-1": None}, None).writes["R-1"][1]

    endings = [ending(order) for order in itertools.permutations(messages)]
    assert all(
        (e.deleted, e.content_hash, e.external_updated_at)
        == (endings[0].deleted, endings[0].content_hash, endings[0].external_updated_at)
        for e in endings
    )


def test_a_stored_removal_keeps_nothing_of_the_content() -> None:
    kept = removal().fields(AT, "acme")
    assert set(kept) & set(content()) == {"return_id", "account", "external_updated_at"}
