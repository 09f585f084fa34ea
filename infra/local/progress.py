"""Wait for a condition without polling."""

import asyncio
from collections.abc import Callable


class Progress:
    """Something happens from time to time; whoever waits for a condition looks again when it does."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def note(self) -> None:
        """Something happened that may change a condition."""
        self._happened.set()  # releases who waits now…
        self._happened.clear()  # …and nobody later

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:  # noqa: ASYNC109
        """Wait until ``condition`` holds; False when it does not within ``timeout`` seconds of real time."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self._happened.wait()
        except TimeoutError:
            return False
        return True
