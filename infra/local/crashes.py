"""Which deliveries end in a crash of the functions process: a plan that can be repeated."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SHORTEST_EXPONENT, _LONGEST_EXPONENT = -3.0, -0.3  # 1 ms to 0.5 s


@dataclass(frozen=True)
class CrashPlan:
    """Decides whether and when the functions process dies in a delivery.

    Attributes:
        crash_rate: the share of deliveries that end in a crash, 0 to 1.
        seed: the choice follows from it and the delivery's name, and from nothing else.
    """

    crash_rate: float = 0.0
    seed: int = 0

    def crash_in(self, delivery: str) -> float | None:
        """Seconds into ``delivery`` at which the process dies, or None.

        They are spread evenly over orders of magnitude, so that quick handlers and slow ones are both hit midway.
        """
        dice = random.Random(f"{self.seed}:{delivery}")
        if dice.random() >= self.crash_rate:
            return None
        return float(10.0 ** dice.uniform(_SHORTEST_EXPONENT, _LONGEST_EXPONENT))


def parse_crash_plan(settings: Mapping[str, Any]) -> CrashPlan:
    """Read a plan such as ``{"crash_rate": 0.05, "seed": 7}``; ``{}`` is no crashes.

    Raises:
        ValueError: an unknown key, a rate outside 0 to 1, or a seed that is not an integer.
    """
    if unknown := settings.keys() - {"crash_rate", "seed"}:
        raise ValueError(f"functions: unknown key {sorted(unknown)[0]!r}; known are crash_rate, seed")
    rate, seed = settings.get("crash_rate", 0.0), settings.get("seed", 0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ValueError(f"functions.crash_rate must be 0 to 1, not {rate!r}")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"functions.seed must be an integer, not {seed!r}")
    return CrashPlan(rate, seed)
