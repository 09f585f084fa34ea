"""The local cloud's clock: real time plus an offset that can be moved forward, so that 72 hours pass in a second."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Wall-clock time shifted by ``offset`` seconds. It only moves forward.

    Every stand-in of the local cloud takes its time from one instance, so that timestamps, schedules and
    token lifetimes agree.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._listeners: list[Callable[[], None]] = []

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The current time, in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, seconds: float) -> None:
        """Move the clock forward and tell everyone who waits for a point in time.

        Raises:
            ValueError: ``seconds`` is negative; time never runs backwards.
        """
        if seconds < 0:
            raise ValueError(f"the clock only moves forward, not by {seconds} s")
        self.offset += seconds
        for listener in self._listeners:
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each move of the clock."""
        self._listeners.append(listener)
