"""Faults on demand: an RPC that fails before it acts, or acts and loses its answer."""

import random
from collections.abc import Mapping

_RATES = ("unavailable_rate", "write_exhausted_rate", "lost_answer_rate")
# Those that a database at its limit for writes refuses, while it goes on answering what is only read.
_WRITES = frozenset({"Commit", "BatchWrite", "CreateDocument", "UpdateDocument", "DeleteDocument"})


class Faults:
    """Decides, repeatably by seed, which RPCs fail.

    Args:
        settings: ``unavailable_rate``, ``write_exhausted_rate`` and ``lost_answer_rate`` in [0, 1], ``seed`` an
            integer. Empty: no faults.

    Raises:
        ValueError: an unknown key or a value out of range.
    """

    def __init__(self, settings: Mapping[str, float]) -> None:
        unknown = sorted(set(settings) - {*_RATES, "seed"})
        if unknown:
            raise ValueError(f"unknown faults {unknown}; known are {[*_RATES, 'seed']}")
        for name in _RATES:
            rate = settings.get(name, 0.0)
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
                raise ValueError(f"{name} must be a number from 0 to 1, not {rate!r}")
        seed = settings.get("seed", 0)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ValueError(f"seed must be an integer, not {seed!r}")
        self.settings = dict(settings)
        self._random = random.Random(seed)

    def refuses(self) -> bool:
        """Whether the next RPC fails before it does anything."""
        return self._strikes("unavailable_rate")

    def exhausts(self, rpc: str) -> bool:
        """Whether that RPC is a write, and fails before it does anything since there were too many of them."""
        return rpc in _WRITES and self._strikes("write_exhausted_rate")

    def loses_answer(self) -> bool:
        """Whether the RPC that was just performed fails towards its caller."""
        return self._strikes("lost_answer_rate")

    def _strikes(self, name: str) -> bool:
        rate = self.settings.get(name, 0.0)
        return rate > 0 and self._random.random() < rate
