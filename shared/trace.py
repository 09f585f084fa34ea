"""The trace id that ties together everything one cause sets off, across functions and queues."""

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar

# Version ff and ids of zeros are invalid: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CLOUD_TRACE = re.compile(r"^(?!0{32})([0-9a-f]{32})(/|;|$)")

_current: ContextVar[str] = ContextVar("trace", default="")


def current() -> str:
    """The id of the trace that is being served (32 hex digits), or ``""`` outside any."""
    return _current.get()


def adopt(headers: Mapping[str, str]) -> str:
    """Continue the caller's trace (W3C Trace Context, else ``X-Cloud-Trace-Context``) or begin one.

    Args:
        headers: the request's, with case-insensitive or lower-case names.
    """
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", "")) or _CLOUD_TRACE.match(
        headers.get("x-cloud-trace-context", "")
    )
    trace = found.group(1) if found else secrets.token_hex(16)
    _current.set(trace)
    return trace


def traceparent() -> str:
    """The W3C header that hands the current trace on, in a new span."""
    return f"00-{current() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
