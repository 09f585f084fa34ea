"""Runs of every kind as operators see them: of the returns sync, of prices, and jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

RunKind = Literal["sync", "prices", "audit", "repair", "reindex"]
RunStatus = Literal[
    "waiting", "running", "cancelling", "done", "partial", "failed", "cancelled", "taken-over"
]


@dataclass(frozen=True)
class Run:
    """One run of whatever kind.

    Args:
        subject: what it is about: ``returns``, ``products``, ``images``, or the retailer of a feed.
        purpose: of a run of the sync: ``sync``, ``resync``, ``repair`` or ``reindex``; ``""`` for others.
        phase: what it is at, in words.
        by: who wanted it; ``""`` for a schedule or an event.
        window: the first and last time of change that a run of the sync covers.
        done: records that were dealt with so far, of ``total``, where that is known.
        error: why it failed.
        trace: the same in the logs.
    """

    id: str
    kind: RunKind
    subject: str
    status: RunStatus
    phase: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    purpose: str = ""
    by: str = ""
    window: tuple[datetime | None, datetime | None] | None = None
    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    by_account: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    trace: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it may still do something."""
        return self.status in ("waiting", "running", "cancelling")

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, ((self.finished_at or now) - (self.started_at or self.created_at)).total_seconds())

    def per_second(self, now: datetime) -> float | None:
        """Records a second; ``None`` where nothing was counted."""
        seconds = self.seconds(now)
        return self.done / seconds if self.done and seconds else None
