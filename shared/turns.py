"""Turns at a commit that others may be in the way of: who loses reads again what they wrote, and tries once more."""

import asyncio
import random
from collections.abc import AsyncIterator

_MAX_TURNS = 12
# The longest pause before the second turn; it grows with each, so that many writers at once come apart.
_PAUSE_SECONDS = 0.02


async def turns() -> AsyncIterator[int]:
    """The numbers of turns, from 0, with pauses of random length in between; some 1.3 s in all at most."""
    for turn in range(_MAX_TURNS):
        await asyncio.sleep(turn * random.uniform(0, _PAUSE_SECONDS))
        yield turn
