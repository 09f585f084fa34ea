"""What a test can set while the service runs: faults, limits, and the counters it can read."""

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

Fault = Literal["rate_limited", "unavailable", "lost_answer"]


def _known(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    names = [entry.name for entry in fields(cls)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(names)}")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name} must be a number that is not negative, not {value!r}")
    return dict(values)


@dataclass(frozen=True)
class FaultPlan:
    """How often requests go wrong. The rates are probabilities of a request; together they are at most 1.

    ``retry_after``: seconds in the answer to a 429. ``latency_ms``: added to every request. A lost answer is a request
    that is carried out and then answered with 500.
    """

    seed: int = 0
    rate_429: float = 0.0
    retry_after: int = 1
    rate_5xx: float = 0.0
    lost_answer_rate: float = 0.0
    latency_ms: float = 0.0

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """A plan from its JSON; ``{}`` is no faults.

        Raises:
            ValueError: an unknown name, a negative number, or rates that exceed 1.
        """
        plan = cls(**_known(cls, values))
        if plan.rate_429 + plan.rate_5xx + plan.lost_answer_rate > 1:
            raise ValueError("rate_429, rate_5xx and lost_answer_rate exceed 1 together")
        if plan.retry_after != int(plan.retry_after) or plan.seed != int(plan.seed):
            raise ValueError("seed and retry_after must be whole numbers")
        return plan


class FaultSource:
    """Draws the fault of each request: the same plan and order of requests give the same faults."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._random = random.Random(plan.seed)

    def draw(self) -> Fault | None:
        """The fault of the next request."""
        at = self._random.random()
        plan = self.plan
        if at < plan.rate_429:
            return "rate_limited"
        if at < plan.rate_429 + plan.rate_5xx:
            return "unavailable"
        return "lost_answer" if at < plan.rate_429 + plan.rate_5xx + plan.lost_answer_rate else None


@dataclass(frozen=True)
class Limits:
    """What a plan allows, and how long a task takes.

    ``record_size_limit``: bytes of a record's JSON. ``request_size_limit``: bytes of a request's body.
    ``publish_delay_s``: seconds of the local clock until a task is published; its records can be found before that.
    """

    record_size_limit: int = 100_000
    request_size_limit: int = 10 * 1024 * 1024
    publish_delay_s: float = 0.0

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Limits from their JSON; what is not named has its default.

        Raises:
            ValueError: an unknown name or a negative number.
        """
        return cls(**_known(cls, values))


@dataclass
class Counters:
    """What was asked for. ``index_operations`` count as Algolia bills: one per record added, updated or deleted."""

    write_requests: int = 0
    index_operations: int = 0
    search_requests: int = 0
    browse_requests: int = 0
    other_reads: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counters by name."""
        return asdict(self)
