"""The laws of the value encoding: byte order is Firestore's order."""

import math
import re
from datetime import UTC
from typing import Any

from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1._helpers import GeoPoint
from hypothesis import given
from hypothesis import strategies as st

from infra.local.firestore.encode import (
    encode_path,
    encode_path_prefix,
    encode_value,
    encode_whole,
    invert,
    successor,
    value_pattern,
)
from infra.local.firestore.messages import Value

INTEGERS = st.integers(-(2**63), 2**63 - 1)
DOUBLES = st.floats(allow_nan=False)
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(), st.text(), st.binary())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
)

SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.floats(),
    st.datetimes(timezones=st.just(UTC)),
    st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)),
    st.text(),
    st.text(min_size=1).map(lambda text: text * 800),  # cut
)


def value(python: Any) -> Value:
    return _helpers.encode_value(python)._pb


def encoded(python: Any) -> bytes:
    return encode_value(value(python))


@given(st.one_of(INTEGERS, DOUBLES), st.one_of(INTEGERS, DOUBLES))
def test_numbers_compare_exactly_across_types(left: float, right: float) -> None:
    assert (encoded(left) < encoded(right)) == (left < right)
    assert (encoded(left) == encoded(right)) == (left == right)


def test_neighbours_beyond_double_precision_differ() -> None:
    ordered = [float(2**53), 2**53 + 1, float(2**53 + 2), 2**63 - 1, 2.0**63]
    assert sorted(ordered, key=encoded) == ordered
    assert len({*map(encoded, ordered)}) == len(ordered)


@given(st.text(), st.text())
def test_strings_compare_by_their_utf8_bytes(left: str, right: str) -> None:
    assert (encoded(left) < encoded(right)) == (left.encode() < right.encode())


@given(st.lists(INTEGERS), st.lists(INTEGERS))
def test_arrays_compare_element_by_element(left: list[int], right: list[int]) -> None:
    if max(len(left), len(right)) <= 180:  # longer ones are cut
        assert (encoded(left) < encoded(right)) == (left < right)


@given(VALUES, VALUES)
def test_no_encoding_starts_another(left: Any, right: Any) -> None:
    first, second = encoded(left), encoded(right)
    assert first == second or not (first.startswith(second) or second.startswith(first))


@given(VALUES, VALUES)
def test_inversion_reverses_the_order(left: Any, right: Any) -> None:
    first, second = encoded(left), encoded(right)
    assert (first < second) == (invert(first) > invert(second))


@given(st.binary(), st.binary())
def test_the_successor_bounds_everything_with_a_prefix(prefix: bytes, rest: bytes) -> None:
    if not prefix.startswith(b"\xff") and prefix:
        assert prefix + rest < successor(prefix)


def test_types_have_googles_order() -> None:
    ordered = [
        None,
        False,
        True,
        math.nan,
        -math.inf,
        0,
        math.inf,
        "",
        "a",
        b"",
        b"a",
        [],
        [None],
        {},
        {"a": 1},
    ]
    assert sorted(ordered, key=encoded) == ordered


def test_parents_come_before_children_and_numeric_ids_before_others() -> None:
    ordered = [
        ("a", "__id-5__"),
        ("a", "__id7__"),
        ("a", "__id10__"),
        ("a", "0"),
        ("a", "0", "b", "c"),
        ("a", "1"),
    ]
    assert sorted(ordered, key=encode_path) == ordered
    assert encode_path(("a", "0", "b", "c")).startswith(encode_path_prefix(("a", "0")))


@given(st.integers(1490, 1510), st.text(max_size=3), st.text(max_size=3))
def test_long_strings_are_told_apart_by_their_first_bytes_only(length: int, left: str, right: str) -> None:
    first, second = "z" * length + left, "z" * length + right
    if length >= 1500:
        assert encoded(first) == encoded(second)
    assert (encode_whole(value(first)) == encode_whole(value(second))) == (first == second)


@given(st.lists(st.text(min_size=200, max_size=400), min_size=5, max_size=9))
def test_a_cut_value_lies_behind_what_is_left_of_it(texts: list[str]) -> None:
    whole, cut = encode_whole(value(texts)), encoded(texts)
    assert cut == whole or (cut.endswith(b"\xff") and whole.startswith(cut[:-1]))


@given(SIMPLE, st.binary(), st.booleans())
def test_a_simple_value_can_be_found_at_the_start_of_a_key(
    python: Any, rest: bytes, descending: bool
) -> None:
    own = invert(encoded(python)) if descending else encoded(python)
    found = re.match(value_pattern(descending=descending), own + rest)
    assert found
    assert found[0] == own


@given(VALUES, st.binary(), st.booleans())
def test_of_any_other_value_no_part_is_taken_for_it(python: Any, rest: bytes, descending: bool) -> None:
    own = invert(encoded(python)) if descending else encoded(python)
    found = re.match(value_pattern(descending=descending), own + rest)
    assert found is None or found[0] == own
