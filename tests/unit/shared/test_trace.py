"""A trace goes on across calls, whichever header it came in, and garbage begins a new one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import trace

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
FRESH = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{ID}-{SPAN}-01"},
        {"traceparent": f"cc-{ID}-{SPAN}-00"},
        {"x-cloud-trace-context": f"{ID}/{int(SPAN, 16)};o=1"},
        {"x-cloud-trace-context": f"{ID};o=0"},
        {"x-cloud-trace-context": ID},
        {"traceparent": f"00-{ID}-{SPAN}-01", "x-cloud-trace-context": f"{'1' * 32}/1"},
        {"traceparent": "garbage", "x-cloud-trace-context": f"{ID}/1"},
    ],
)
def test_the_callers_trace_goes_on(headers: dict[str, str]) -> None:
    assert trace.adopt(headers) == trace.current() == ID


# What https://www.w3.org/TR/trace-context/ tells a receiver to disregard.
@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"ff-{ID}-{SPAN}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID}-{SPAN}-01-more",
        f"00-{ID[:-1]}-{SPAN}-01",
        f"00-{ID}-{SPAN}",
    ],
)
def test_an_invalid_traceparent_begins_a_new_trace(traceparent: str) -> None:
    adopted = trace.adopt({"traceparent": traceparent})
    assert FRESH.fullmatch(adopted)
    assert adopted.lower() not in (ID, "0" * 32)


@given(st.text(), st.text())
def test_a_trace_is_well_formed_whatever_the_headers_say(traceparent: str, cloud: str) -> None:
    assert FRESH.fullmatch(trace.adopt({"traceparent": traceparent, "x-cloud-trace-context": cloud}))


def test_two_new_traces_differ() -> None:
    assert trace.adopt({}) != trace.adopt({})


def test_what_is_handed_on_continues_the_trace_in_a_new_span() -> None:
    trace.adopt({"traceparent": f"00-{ID}-{SPAN}-01"})
    handed_on = trace.traceparent()
    assert SPAN not in handed_on
    assert trace.adopt({"traceparent": handed_on}) == ID
