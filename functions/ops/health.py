"""Whether all is well, in one sentence, and what that is concluded from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

HealthStatus = Literal["ok", "degraded", "down"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``detail`` is a sentence; ``value`` in seconds or pieces, for charts."""

    name: str
    status: HealthStatus
    detail: str
    value: float | None = None


@dataclass(frozen=True)
class Health:
    """What was found at a moment. ``sentence`` says it all, the worst first."""

    status: HealthStatus
    sentence: str
    checks: Sequence[Check]
    at: datetime
