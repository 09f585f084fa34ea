"""One JSON object a line in Cloud Logging's fields, whatever is logged, and no credential in it."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import trace
from shared.logs import CloudFormatter, redact

Entry = dict[str, Any]
Log = Callable[[Callable[[logging.Logger], None]], Entry]

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.c2lnbmF0dXJl"


def logged(write: Callable[[logging.Logger], None]) -> Entry:
    """What the one line that ``write`` logs says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(CloudFormatter("shop"))
    logger = logging.Logger("functions.returns")
    logger.addHandler(handler)
    write(logger)
    line, end = stream.getvalue().split("\n")
    assert end == ""
    entry: Entry = json.loads(line)
    return entry


def extra(**fields: object) -> Entry:
    return logged(lambda log: log.info("it", extra=fields))


def test_a_line_has_cloud_loggings_fields() -> None:
    entry = logged(lambda log: log.warning("batch of %d pushed", 3, extra={"saved": 2}))
    assert entry["severity"] == "WARNING"
    assert entry["message"] == "batch of 3 pushed"
    assert entry["logger"] == "functions.returns"
    assert entry["saved"] == 2
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None


def test_a_line_break_in_a_message_stays_in_its_line() -> None:
    assert logged(lambda log: log.info("one\ntwo"))["message"] == "one\ntwo"


def test_a_line_belongs_to_its_trace() -> None:
    trace.adopt({"traceparent": f"00-{ID}-00f067aa0ba902b7-01"})
    assert extra()["logging.googleapis.com/trace"] == f"projects/shop/traces/{ID}"


def test_an_exception_comes_with_its_traceback_in_the_same_line() -> None:
    def crash(log: logging.Logger) -> None:
        try:
            raise RuntimeError(f"sent Bearer {TOKEN}")
        except RuntimeError:
            log.exception("it.crashed")

    exception = logged(crash)["exception"]
    assert exception.startswith("Traceback (most recent call last)")
    assert exception.endswith("RuntimeError: sent [redacted]")


@pytest.mark.parametrize(
    "name",
    ["authorization", "Set-Cookie", "password", "db_password", "SECRET", "id_token", "api_key", "apiKey"],
)
def test_what_is_named_like_a_secret_is_blotted_out_at_any_depth(name: str) -> None:
    assert extra(request={"tries": [{name: {"deep": "hunter2"}}]})["request"] == {
        "tries": [{name: "[redacted]"}]
    }


@pytest.mark.parametrize("text", [f"Bearer {TOKEN}", "bearer abc.def-123", TOKEN])
def test_what_looks_like_a_token_is_blotted_out_of_any_text(text: str) -> None:
    entry = logged(lambda log: log.info("got %s!", text, extra={"tried": [f"<{text}>"]}))
    assert entry["message"] == "got [redacted]!"
    assert entry["tried"] == ["<[redacted]>"]


@dataclass
class Credentials:
    user: str
    password: str
    lock: object = field(default_factory=Lock)  # cannot be copied


class Client:
    def __repr__(self) -> str:
        return f"<Client Bearer {TOKEN}>"


def test_objects_hide_their_secrets_too() -> None:
    entry = extra(credentials=Credentials("u-1", "hunter2"), client=Client(), sent={f"Bearer {TOKEN}"})
    assert entry["credentials"]["user"] == "u-1"
    assert entry["credentials"]["password"] == "[redacted]"
    assert entry["client"] == "<Client [redacted]>"
    assert TOKEN not in json.dumps(entry)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 10, 30, 8, tzinfo=UTC), "2026-10-30T08:00:00+00:00"),
        (b"bytes", "b'bytes'"),
        ({1: "one", ("a", 2): "two"}, {"1": "one", "('a', 2)": "two"}),
        (2**70, str(2**70)),
        (float("nan"), None),
        (frozenset({7}), [7]),
        ({"none": None, "yes": True, "pi": 3.5}, {"none": None, "yes": True, "pi": 3.5}),
        ("\ud800", "?"),
    ],
)
def test_what_json_does_not_know_never_costs_the_line(value: object, shown: object) -> None:
    assert extra(value=value)["value"] == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text().map("x{}".format), JSON))
def test_any_extra_makes_one_line_of_json(fields: Entry) -> None:
    assert extra(**fields).keys() >= fields.keys()


@given(JSON)
def test_redacting_twice_is_redacting_once(value: object) -> None:
    assert redact(redact(value)) == redact(value)


def test_a_process_writes_its_lines_to_standard_output_from_its_level_on() -> None:
    program = "import logging; from shared import logs; logs.configure()\n"
    program += "logging.getLogger('a').info('quiet'); logging.getLogger('a').warning('loud')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"LOG_LEVEL": "warning", "GOOGLE_CLOUD_PROJECT": "shop"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == ["loud"]
    assert done.stderr == ""
