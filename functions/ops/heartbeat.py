"""A sign of life that a sweeper leaves every five minutes: that it comes, and that the database takes what is written.

A database at its limit for writes goes on answering reads, and a sweeper that is paused says nothing. Both show as a
sign of life that is old.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.ops.health import Check
from functions.ops.spans import spoken
from shared.clock import Clock

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

_log = logging.getLogger(__name__)

COLLECTION = "heartbeats"
_SWEEPER = "job-sweeper"
# The sweeper comes every five minutes; one that is late, or was refused once, is no news.
SILENT_FOR = timedelta(minutes=12)
# Firestore's client would go on trying for a minute.
_WRITE_SECONDS = 5


def judged_heartbeat(beat_at: datetime | None, now: datetime) -> Check:
    """Whether sweepers do their work; the value is how long ago one did, in seconds."""
    if beat_at is None:
        return Check("sweepers", "ok", "No sweeper has come yet.")
    age = max(now - beat_at, timedelta(0))
    if age <= SILENT_FOR:
        return Check("sweepers", "ok", f"A sweeper came {spoken(age)} ago.", age.total_seconds())
    detail = f"No sweeper has come, or could write, for {spoken(age)}."
    advice = "See whether jobSweeper is paused or fails, and whether the database refuses writes."
    return Check("sweepers", "degraded", detail, age.total_seconds(), advice)


@dataclass(frozen=True)
class Heartbeat:
    """The document of the sign."""

    db: "AsyncClient"
    clock: Clock

    async def beat(self) -> None:
        """Leave a sign; if that cannot be done, its age tells."""
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._document().set({"at": self.clock()})
        except Exception as error:
            _log.warning("heartbeat.missed", extra={"error": repr(error)})

    async def read(self) -> datetime | None:
        """When the last sign was left: one read."""
        fields = (await self._document().get()).to_dict() or {}
        return fields.get("at")

    def _document(self) -> Any:
        return self.db.collection(COLLECTION).document(_SWEEPER)
