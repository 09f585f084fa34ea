"""The returns that the benchmarks send: the demo's, as many as wanted, and later versions of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from infra.local.demo.returns import demo_returns

# The same returns on every day.
_DAY = date(2026, 1, 1)

Return = dict[str, Any]


def returns(count: int) -> list[Return]:
    """``count`` returns of about 550 bytes of JSON; about one in seventeen is cancelled and leaves the index.

    None of them has a status that changes with time, so that a run finds each of them once.
    """
    timed = ("next_status", "next_status_at")
    return [
        {name: value for name, value in entry.items() if name not in timed}
        for entry in demo_returns(_DAY, count)
    ]


def searchable(entries: Sequence[Return]) -> int:
    """How many of them a search can find."""
    return sum(entry["status"] != "cancelled" for entry in entries)


def changed(entries: Sequence[Return], version: int) -> list[Return]:
    """A later version of each return."""
    at = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=version)
    return [
        entry | {"reason": f"reason {version}", "external_updated_at": at.isoformat()} for entry in entries
    ]
