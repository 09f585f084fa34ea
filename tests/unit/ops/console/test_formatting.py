"""How values read on the page, however odd they are."""

import unicodedata
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ops.console import formatting

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


@given(st.text())
def test_nothing_that_is_shown_hides_or_turns_what_follows(text: str) -> None:
    shown = formatting.visible(text)
    hiding = {each for each in shown if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")} - {"\t", "\n"}
    turning = {
        each for each in shown if unicodedata.bidirectional(each) in ("LRE", "RLE", "LRO", "RLO", "PDF")
    }
    isolating = {each for each in shown if unicodedata.bidirectional(each) in ("LRI", "RLI", "FSI", "PDI")}
    assert not hiding | turning | isolating


def test_what_is_taken_out_is_named() -> None:
    assert formatting.visible("a\u202eb\x00") == "a\\u202eb\\u0000"


@given(st.text(max_size=300), st.integers(1, 200))
def test_a_text_is_cut_off_with_a_word_about_it(text: str, limit: int) -> None:
    shown = formatting.bounded(text, limit)
    if len(text) <= limit:
        assert shown == formatting.visible(text)
    else:
        assert shown.endswith(f"… ({len(text) - limit:,} more characters)")
        assert shown.startswith(formatting.visible(text[:limit]))


def test_json_is_indented_and_what_is_none_is_left_as_it_is() -> None:
    assert formatting.pretty_json('{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert formatting.pretty_json("{no") == "{no"
    deep = "[" * 300 + "]" * 300
    assert formatting.pretty_json(deep) == deep


def test_a_payload_of_a_megabyte_is_shown_in_part() -> None:
    payload = orjson.dumps({"huge": "y" * 1_000_000}).decode()
    assert len(formatting.pretty_json(payload)) < formatting.MAX_PAYLOAD + 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.82, "820 ms"),
        (0.9996, "1.0 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (119.7, "2 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (86_399, "1 d"),
        (273_600, "3 d 4 h"),
        (-5, "−5.0 s"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@given(st.floats(0, 10**7))
def test_no_duration_has_sixty_seconds_or_minutes_over(seconds: float) -> None:
    assert not formatting.duration(seconds).endswith((" 60 s", " 60 min", " 24 h")), seconds


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (163_900, "164 kB"),
        (1_250_000, "1.2 MB"),
        (3 * 10**9, "3.0 GB"),
    ],
)
def test_bytes_are_said_in_units_of_a_thousand(count: int, text: str) -> None:
    assert formatting.size(count) == text


def test_a_time_is_exact_for_machines_and_short_for_people() -> None:
    shown = formatting.moment(NOW - timedelta(minutes=5), NOW)
    assert shown == '<time datetime="2026-11-21T19:55:00Z" title="2026-11-21 19:55:00 UTC">19:55:00</time>'
    assert ">Nov 20, 20:00</time>" in formatting.moment(NOW - timedelta(days=1), NOW)
    assert ">2025-11-21, 20:00</time>" in formatting.moment(NOW - timedelta(days=365), NOW)


def test_a_time_in_an_answer_of_an_api_is_a_time_too() -> None:
    assert formatting.moment("2026-11-21T20:55:00+01:00", NOW) == formatting.moment(
        NOW - timedelta(minutes=5), NOW
    )


@pytest.mark.parametrize("value", [None, "", "<b>soon</b>", 7])
def test_what_is_no_time_is_a_dash(value: object) -> None:
    assert formatting.moment(value, NOW) == formatting.ago(value, NOW) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (90, "1 min ago"),
        (7_300, "2 h ago"),
        (200_000, "2 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_how_long_ago_is_rough(seconds: int, text: str) -> None:
    assert formatting.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_name_may_be_broken_between_its_words_and_is_escaped() -> None:
    assert formatting.breakable("imageFetch") == "image<wbr>Fetch"
    assert formatting.breakable("<b>aB") == "&lt;b&gt;a<wbr>B"
