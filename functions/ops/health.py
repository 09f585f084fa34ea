"""Whether all is well, in one sentence, and what that is concluded from."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Literal

from shared.clock import Clock

_log = logging.getLogger(__name__)

HealthStatus = Literal["ok", "degraded", "down"]

# What does not answer within this does not answer: an operator waits for the whole of it.
PATIENCE_SECONDS = 2.0
# Without it nothing works; whatever else fails, something does.
VITAL = "database"
FRESHNESS = "freshness"
# How many of the things that are wrong are told; the others are named.
_TOLD = 2
_MAX_QUOTE = 160


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        detail: what was found, a short sentence of ours.
        value: in seconds or pieces, for charts.
        advice: what to do about it, a sentence; ``""`` where nothing is to be done.
        quote: what somebody else said of it, as :func:`quoted` leaves it; ``""`` if nobody did.
    """

    name: str
    status: HealthStatus
    detail: str
    value: float | None = None
    advice: str = ""
    quote: str = ""


@dataclass(frozen=True)
class Health:
    """What was found at a moment. ``sentence`` says it all in words of ours, the worst first."""

    status: HealthStatus
    sentence: str
    checks: Sequence[Check]
    at: datetime

    def check(self, name: str) -> Check | None:
        """What was found of one thing, if it was looked at."""
        return next((check for check in self.checks if check.name == name), None)


Probe = Callable[[], Awaitable[Sequence[Check]]]


@dataclass(frozen=True)
class HealthChecks:
    """Looks at everything at once.

    Args:
        probes: what is looked at, by name, the most important first.
        prepare: is called before: what takes long once a process must not count as a service that is slow.
    """

    probes: Mapping[str, Probe]
    clock: Clock
    prepare: Callable[[], None] = lambda: None

    async def look(self) -> Health:
        """What there is to say now. Takes 2 s at most, whatever does not answer, and never fails."""
        self.prepare()
        found = await asyncio.gather(*(_bounded(name, probe) for name, probe in self.probes.items()))
        return concluded(list(chain.from_iterable(found)), self.clock())


async def _bounded(name: str, probe: Probe) -> Sequence[Check]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await probe()
    except TimeoutError:
        return [unknown(name, f"no answer within {PATIENCE_SECONDS:g} s")]
    except Exception as error:
        _log.warning("health.unknown", extra={"check": name, "error": repr(error)})
        return [unknown(name, str(error) or repr(error))]


def quoted(text: str) -> str:
    """As much as can be read at a glance of what somebody else says: the beginning of its first line."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _MAX_QUOTE else f"{line[: _MAX_QUOTE - 1]}…"


def unknown(name: str, reason: str) -> Check:
    """A check that could not be made."""
    if name == VITAL:
        return Check(name, "down", "The database does not answer.", advice=_WAIT, quote=quoted(reason))
    detail = f"Nothing can be told of the {name}."
    return Check(name, "degraded", detail, advice=_WAIT, quote=quoted(reason))


_WAIT = "If it does not pass by itself, look at the status of the cloud's services and at the log."


def concluded(checks: Sequence[Check], at: datetime) -> Health:
    """All in one: the status is that of the worst check, and the sentence begins with it."""
    for status in ("down", "degraded"):
        if bad := [check for check in checks if check.status == status]:
            return Health(status, _complaint(status, bad), checks, at)
    fresh = next((check.detail for check in checks if check.name == FRESHNESS), "")
    sentence = f"All is well: {fresh[:1].lower()}{fresh[1:]}" if fresh else "All is well."
    return Health("ok", sentence, checks, at)


def _complaint(status: HealthStatus, bad: Sequence[Check]) -> str:
    # What to do about it, and what others say of it, is in the list: this is read from across the room.
    told = " ".join(check.detail for check in bad[:_TOLD])
    rest = [check.name for check in bad[_TOLD:]]
    more = f" And {len(rest)} more: {', '.join(rest)}." if rest else ""
    return f"{status.capitalize()}: {told}{more}"
