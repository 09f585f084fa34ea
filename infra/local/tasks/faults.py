"""Faults in creations and deliveries that can be set while the queues run, chosen so that a run can be repeated."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

CreationFault = Literal["error", "lost_answer", "hang"]

_CREATION: Mapping[CreationFault, str] = {
    "error": "create_error_rate",
    "lost_answer": "create_lost_answer_rate",
    "hang": "create_hang_rate",
}
_SHORTEST_DELAY = 1.0
_LONGEST_DELAY = 60.0


@dataclass(frozen=True)
class FaultRates:
    """How likely each fault is for an attempt or for a call of CreateTask, 0 to 1.

    Attributes:
        seed: the faults follow from it, the task's id and the attempt's or call's number, and from nothing else.
        duplicate_rate: the attempt is delivered twice at once; the first delivery's outcome counts.
        delay_rate: the attempt is put back by 1 to 60 s, once; that is no attempt of its own.
        error_rate: the attempt counts as answered with 500, though it never reached the handler.
        kill_rate: the handler runs, but its answer is lost.
        create_error_rate: CreateTask answers UNAVAILABLE without effect.
        create_lost_answer_rate: CreateTask answers UNAVAILABLE though it made the task.
        create_hang_rate: CreateTask has no effect and never answers.
    """

    seed: int = 0
    duplicate_rate: float = 0.0
    delay_rate: float = 0.0
    error_rate: float = 0.0
    kill_rate: float = 0.0
    create_error_rate: float = 0.0
    create_lost_answer_rate: float = 0.0
    create_hang_rate: float = 0.0


@dataclass(frozen=True)
class Faults:
    """What goes wrong with one attempt; ``delay`` is in seconds, 0 for none."""

    duplicate: bool
    delay: float
    error: bool
    kill: bool


@dataclass(frozen=True)
class FaultPlan:
    """The rates of all queues: ``rates``, or a queue's own by its short id."""

    rates: FaultRates = FaultRates()
    queues: Mapping[str, FaultRates] = field(default_factory=dict)

    def choose(self, queue_id: str, task_id: str, attempt: int) -> Faults:
        """The faults of a task's attempt (the first attempt is 1)."""
        rates = self._of(queue_id)
        dice = random.Random(f"{rates.seed}:{task_id}:{attempt}")
        # Every die is thrown every time, so that changing one rate leaves the other choices as they were.
        duplicate, delay, error, kill = (dice.random() for _ in range(4))
        seconds = dice.uniform(_SHORTEST_DELAY, _LONGEST_DELAY)
        return Faults(
            duplicate=duplicate < rates.duplicate_rate,
            delay=seconds if delay < rates.delay_rate else 0.0,
            error=error < rates.error_rate,
            kill=kill < rates.kill_rate,
        )

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
    rates = _merged(FaultRates(), general, "faults")
    return FaultPlan(rates, {queue: _merged(rates, own, f"queues.{queue}") for queue, own in queues.items()})


def _merged(base: FaultRates, settings: object, where: str) -> FaultRates:
    if not isinstance(settings, Mapping):
        raise ValueError(f"{where} must be an object with rates")
    known = [item.name for item in fields(FaultRates)]
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
        _check_value(f"{where}.{key}", value, is_seed=key == "seed")
    return replace(base, **settings)


def _check_value(where: str, value: object, *, is_seed: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where} must be a number, not {value!r}")
    if is_seed and not isinstance(value, int):
        raise ValueError(f"{where} must be an integer, not {value!r}")
    if not is_seed and not 0 <= value <= 1:
        raise ValueError(f"{where} must be 0 to 1, not {value!r}")
