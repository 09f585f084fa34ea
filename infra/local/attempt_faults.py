"""Faults in attempts to deliver, chosen so that a run can be repeated: what Cloud Tasks and Eventarc have in common."""

import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from google.rpc.code_pb2 import Code

from infra.local.delivery import Delivery, Outcome, answered, unanswered

Deliver = Callable[[Delivery], Coroutine[Any, Any, Outcome]]
"""Sends one HTTP request, and says how that ended."""

_SHORTEST_DELAY = 1.0
_LONGEST_DELAY = 60.0


@dataclass(frozen=True)
class Faults:
    """What goes wrong with one attempt; ``delay`` is in seconds, 0 for none."""

    duplicate: bool
    delay: float
    error: bool
    kill: bool


@dataclass(frozen=True)
class AttemptRates:
    """How likely each fault is for an attempt, 0 to 1.

    Attributes:
        seed: the faults follow from it, what is delivered and the attempt's number, and from nothing else.
        duplicate_rate: the attempt is delivered twice at once; the first delivery's outcome counts.
        delay_rate: the attempt is put back by 1 to 60 s, once; that is no attempt of its own.
        error_rate: the attempt counts as answered with 500, though it never reached the handler.
        kill_rate: the handler runs, but its answer is lost.
    """

    seed: int = 0
    duplicate_rate: float = 0.0
    delay_rate: float = 0.0
    error_rate: float = 0.0
    kill_rate: float = 0.0

    def choose(self, what: str, attempt: int) -> Faults:
        """The faults of an attempt to deliver ``what`` (the first attempt is 1)."""
        dice = random.Random(f"{self.seed}:{what}:{attempt}")
        # Every die is thrown every time, so that changing one rate leaves the other choices as they were.
        duplicate, delay, error, kill = (dice.random() for _ in range(4))
        seconds = dice.uniform(_SHORTEST_DELAY, _LONGEST_DELAY)
        return Faults(
            duplicate=duplicate < self.duplicate_rate,
            delay=seconds if delay < self.delay_rate else 0.0,
            error=error < self.error_rate,
            kill=kill < self.kill_rate,
        )

    def changed(self, settings: object, where: str) -> Self:
        """These rates with those that ``settings`` has.

        Args:
            where: what the settings are part of, for the error text.

        Raises:
            ValueError: an unknown key, a rate outside 0 to 1, or a seed that is not an integer.
        """
        if not isinstance(settings, Mapping):
            raise ValueError(f"{where} must be an object with rates")
        known = [item.name for item in fields(self)]
        for key, value in settings.items():
            if key not in known:
                raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
            _check_value(f"{where}.{key}", value, is_seed=key == "seed")
        return replace(self, **settings)


async def attempt(
    request: Callable[[], Delivery],
    deliver: Deliver,
    faults: Faults,
    beside: Callable[[Coroutine[Any, Any, Outcome]], None],
) -> Outcome:
    """Deliver once, with what goes wrong with it.

    Args:
        request: makes the request; it fails where there is no token.
        beside: runs the second of two deliveries at the same time, whose outcome does not count.
    """
    if faults.error:
        return answered(500)
    try:
        made = request()
    except Exception as error:  # the token minter is not ours: whatever it raises, there is no token
        return unanswered(Code.UNAUTHENTICATED, f"no OIDC token: {error}")
    if faults.duplicate:
        beside(deliver(made))
    outcome = await deliver(made)
    return unanswered(Code.UNAVAILABLE, "the answer was lost (injected fault)") if faults.kill else outcome


def _check_value(where: str, value: object, *, is_seed: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where} must be a number, not {value!r}")
    if is_seed and not isinstance(value, int):
        raise ValueError(f"{where} must be an integer, not {value!r}")
    if not is_seed and not 0 <= value <= 1:
        raise ValueError(f"{where} must be 0 to 1, not {value!r}")
