"""Faults of the local Cloud Storage that can be set while it runs, chosen so that a run can be repeated."""

import random
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Fault = Literal["error", "lost_answer"]
Rate = Annotated[float, Field(ge=0, le=1)]


class FaultPlan(BaseModel):
    """How requests go wrong; a request has one fault at most.

    Attributes:
        seed: the faults follow from it, a request's method and path, and how many like it came before.
        error_rate: the share of requests answered 503 without effect.
        lost_answer_rate: the share of changes that are carried out and then answered 503.
        latency_ms: from a request's arrival to its effect.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = 0
    error_rate: Rate = 0.0
    lost_answer_rate: Rate = 0.0
    latency_ms: Annotated[float, Field(ge=0)] = 0.0


def parse_fault_plan(settings: Mapping[str, Any]) -> FaultPlan:
    """Read a plan such as ``{"seed": 7, "error_rate": 0.1}``; ``{}`` is no faults.

    Raises:
        ValueError: an unknown key or a value out of range.
    """
    try:
        return FaultPlan.model_validate(dict(settings))
    except ValidationError as error:
        faults = (".".join(map(str, ("storage", *e["loc"]))) + f": {e['msg']}" for e in error.errors())
        raise ValueError("; ".join(faults)) from error


class FaultSource:
    """Draws the fault of each request from a plan."""

    def __init__(self, plan: FaultPlan) -> None:
        self.plan = plan
        self._seen: Counter[str] = Counter()

    def draw(self, method: str, path: str) -> Fault | None:
        """The fault of the next request."""
        name = f"{method}:{path}"
        self._seen[name] += 1
        dice = random.Random(f"{self.plan.seed}:{name}:{self._seen[name]}")
        # Both dice are thrown every time, so that changing one rate leaves the other choices as they were.
        error, lost = dice.random(), dice.random()
        if error < self.plan.error_rate:
            return "error"
        changes = method not in ("GET", "HEAD", "OPTIONS")
        return "lost_answer" if changes and lost < self.plan.lost_answer_rate else None
