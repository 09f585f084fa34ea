"""Faults in creations and deliveries that can be set while the queues run, chosen so that a run can be repeated."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.local.attempt_faults import AttemptRates, Faults

CreationFault = Literal["error", "lost_answer", "hang"]

_CREATION: Mapping[CreationFault, str] = {
    "error": "create_error_rate",
    "lost_answer": "create_lost_answer_rate",
    "hang": "create_hang_rate",
}


@dataclass(frozen=True)
class FaultRates(AttemptRates):
    """How likely each fault is for an attempt or for a call of CreateTask, 0 to 1.

    Attributes:
        create_error_rate: CreateTask answers UNAVAILABLE without effect.
        create_lost_answer_rate: CreateTask answers UNAVAILABLE though it made the task.
        create_hang_rate: CreateTask has no effect and never answers.
    """

    create_error_rate: float = 0.0
    create_lost_answer_rate: float = 0.0
    create_hang_rate: float = 0.0


@dataclass(frozen=True)
class FaultPlan:
    """The rates of all queues: ``rates``, or a queue's own by its short id."""

    rates: FaultRates = FaultRates()
    queues: Mapping[str, FaultRates] = field(default_factory=dict)

    def choose(self, queue_id: str, task_id: str, attempt: int) -> Faults:
        """The faults of a task's attempt (the first attempt is 1)."""
        return self._of(queue_id).choose(task_id, attempt)

    def choose_creation(self, queue_id: str, task_id: str, call: int) -> CreationFault | None:
        """The fault of a call of CreateTask, the first one that is thrown (the first call for a task is 1)."""
        rates = self._of(queue_id)
        dice = random.Random(f"{rates.seed}:create:{task_id}:{call}")
        thrown = {fault: dice.random() for fault in _CREATION}
        return next(
            (fault for fault, rate in _CREATION.items() if thrown[fault] < getattr(rates, rate)), None
        )

    def _of(self, queue_id: str) -> FaultRates:
        return self.queues.get(queue_id, self.rates)


def parse_fault_plan(settings: Mapping[str, Any]) -> FaultPlan:
    """Read a plan such as ``{"seed": 7, "error_rate": 0.1, "queues": {"returnSync": {"kill_rate": 1}}}``.

    A queue takes the general values for keys that it leaves out; ``{}`` is no faults.

    Raises:
        ValueError: an unknown key, a rate outside 0 to 1, or a seed that is not an integer.
    """
    general = {key: value for key, value in settings.items() if key != "queues"}
    queues = settings.get("queues", {})
    if not isinstance(queues, Mapping):
        raise ValueError("queues must be an object: queue id -> rates")
    rates = FaultRates().changed(general, "faults")
    return FaultPlan(rates, {queue: rates.changed(own, f"queues.{queue}") for queue, own in queues.items()})
