"""Structured logs in Cloud Logging's format: one JSON object a line, tied to its trace, without secrets.

Usage is the standard library's: ``logging.getLogger(__name__).info("batch.pushed", extra={"saved": 3})``.
Fields: https://cloud.google.com/logging/docs/structured-logging
"""

import logging
import os
import re
import sys
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from shared import trace

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_NAME = re.compile(r"authorization|cookie|password|secret|token|api[_-]?key", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?i)bearer\s+[\w.~+/=-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*")
_REDACTED = "[redacted]"


def redact(value: Any, name: str = "") -> Any:
    """``value`` as JSON can hold it, with what looks like a credential blotted out, at any depth.

    Args:
        name: the field that holds ``value``; a name such as ``api_key`` makes all of it a credential.
    """
    if name and _is_secret(name):
        return _REDACTED
    match value:
        case str():
            return _text(value)
        case None | bool() | float():
            return value
        case datetime():
            return value.isoformat()
        case int() if value.bit_length() < 64:
            return value
        case dict():
            return {_text(key): redact(item, str(key)) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return redact({field.name: getattr(value, field.name) for field in fields(value)})
        case _:
            return _text(value)


# A line has a dozen fields, and nearly all lines have the same ones.
@lru_cache(maxsize=1_000)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _text(value: object) -> str:
    text = str(value)
    lower = text.lower()
    # The expression takes ten times as long as to see that there is nothing for it to find.
    if "bearer" in lower or "eyj" in lower:
        text = _SECRET_VALUE.sub(_REDACTED, text)
    return text if text.isascii() else text.encode(errors="replace").decode()


class CloudFormatter(logging.Formatter):
    """Renders a record as Cloud Logging expects it on standard output."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
        }
        if current := trace.current():
            entry["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{current}"
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(redact(entry)).decode()


def configure() -> None:
    """Send every log line of this process to standard output, at ``LOG_LEVEL`` (default INFO) and above."""
    # Cloud Functions asks for execution ids in the log, and to add them Functions Framework would silence all
    # loggers that are there once the function is loaded. Ours name the trace instead.
    os.environ["LOG_EXECUTION_ID"] = "false"
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(CloudFormatter(os.environ.get("GOOGLE_CLOUD_PROJECT", "")))
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO").upper(), handlers=[handler], force=True)
    # It has a line for each request, of which our own lines tell what matters.
    logging.getLogger("httpx").setLevel(logging.WARNING)
