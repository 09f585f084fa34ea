"""A cursor leads back to its place in its own list, and nothing else leads anywhere."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.cursors import Integer, Moment, Value, decode, encode
from shared.problems import Problem

SHAPE = TypeAdapter(tuple[Moment, Integer, str])
POSITION = (datetime(2026, 11, 20, 9, 30, 0, 123456, tzinfo=UTC), -7, "a/b")
POSITIONS = st.tuples(
    st.datetimes(timezones=st.just(UTC)), st.integers(-(2**63), 2**63 - 1), st.text(max_size=200)
)


def refusal(query_key: str, cursor: str) -> str:
    with pytest.raises(Problem) as caught:
        decode(query_key, cursor, SHAPE)
    assert (caught.value.status, caught.value.kind) == (422, "validation-failed")
    (error,) = caught.value.errors
    assert error["field"] == "cursor"
    return error["detail"]


@given(st.text(), POSITIONS)
def test_any_position_survives_the_way_there_and_back(
    query_key: str, position: tuple[datetime, int, str]
) -> None:
    assert decode(query_key, encode(query_key, position), SHAPE) == position


def test_a_time_of_firestore_is_kept_to_the_microsecond() -> None:
    stored = DatetimeWithNanoseconds(2026, 11, 20, microsecond=123456, tzinfo=UTC)
    moment, _, _ = decode("q", encode("q", (stored, 0, "")), SHAPE)
    assert moment == datetime(2026, 11, 20, microsecond=123456, tzinfo=UTC)


def test_a_cursor_can_stand_in_an_address_as_it_is() -> None:
    cursor = encode("q", (*POSITION[:2], "ÿ?>" * 50))
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(), st.text())
def test_a_cursor_of_another_query_is_refused(query_key: str, other: str) -> None:
    if query_key != other:
        assert "another query" in refusal(other, encode(query_key, POSITION))


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    assert refusal("q", text)


@given(st.binary())
def test_any_other_bytes_in_the_form_of_a_cursor_are_refused(content: bytes) -> None:
    cursor = encode("q", POSITION)[:10] + content.hex()
    assert refusal("q", cursor)


@pytest.mark.parametrize(
    "position",
    [
        (),
        POSITION[:2],
        (*POSITION, "more"),
        ("2026-11-20", -7, "a"),
        ("2026-11-20T09:30:00", -7, "a"),
        (1, -7, "a"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), -7, "a"),
        (POSITION[0], "7", "a"),
        (POSITION[0], True, "a"),
        (POSITION[0], 2**63, "a"),
        (POSITION[0], -7, 3),
    ],
)
def test_a_position_of_another_shape_is_refused(position: tuple[Value, ...]) -> None:
    assert "not a cursor" in refusal("q", encode("q", position))
