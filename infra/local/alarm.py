"""Work that is due at known times of the movable clock, and whenever something changes."""

import asyncio
import logging
from collections.abc import Callable

_log = logging.getLogger(__name__)

# A timer stands still while the laptop sleeps, and knows nothing of a corrected system time: look again by then.
_LONGEST_SLEEP = 30.0
_PAUSE_AFTER_ERROR = 1.0


class Alarm:
    """Calls a function when its time has come or when it is rung."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Have the work done again as soon as possible."""
        self._rung.set()

    async def run(self, work: Callable[[], float | None]) -> None:
        """Call ``work`` for ever. It returns the seconds until it wants to be called again, or None: when rung.

        An error is logged, and the work tried again a second later: one bad moment must not end all dispatches.
        """
        while True:
            try:
                seconds = work()
            except Exception:
                _log.exception("work that was due failed")
                seconds = _PAUSE_AFTER_ERROR
            await self._sleep(seconds)

    async def _sleep(self, seconds: float | None) -> None:
        timer = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(min(max(seconds, 0.0), _LONGEST_SLEEP), self._rung.set)
        await self._rung.wait()
        self._rung.clear()
        if timer:
            timer.cancel()
