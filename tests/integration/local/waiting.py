"""Wait for what another process does, and can only be looked at."""

import asyncio
from collections.abc import Callable

_LONGEST_SECONDS = 15.0


async def until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds.

    Raises:
        TimeoutError: it does not come to hold.
    """
    async with asyncio.timeout(_LONGEST_SECONDS):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.005)
