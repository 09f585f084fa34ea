"""An event as a request."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.eventarc.events import headers_of, traceparent


@dataclass(frozen=True)
class Event:
    name: str
    id: str = "e1"
    bucket: str = "uploads"
    type: str = "google.cloud.storage.object.v1.finalized"
    time: str = "2026-11-20T08:00:00Z"
    data: dict[str, Any] = field(default_factory=dict)


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_fits_a_header_and_can_be_read_back(name: str) -> None:
    subject = headers_of(Event(name))["ce-subject"]
    assert re.fullmatch(r'[^\s"\x7f-\U0010ffff]*', subject)
    assert unquote(subject) == f"objects/{name}"


def test_a_plain_name_is_as_it_is() -> None:
    assert headers_of(Event("products/p1/a-b_c.1~(2)"))["ce-subject"] == "objects/products/p1/a-b_c.1~(2)"


def test_a_traceparent_has_the_form_of_the_standard() -> None:
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent("e1", 1))
