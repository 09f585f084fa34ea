"""The last look at everything, kept for a moment, so that those who may ask without a token cannot make us work."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from functions.ops.health import Health, HealthChecks
from shared.clock import Clock

REMEMBERED = timedelta(seconds=10)


@dataclass
class Glance:
    """Looks once for all that ask within 10 s, in each process."""

    checks: HealthChecks
    clock: Clock
    _last: Health | None = None
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def health(self) -> Health:
        """What was found, 10 s ago at most."""
        async with self._looking:
            if self._last is None or not timedelta(0) <= self.clock() - self._last.at < REMEMBERED:
                self._last = await self.checks.look()
            return self._last
