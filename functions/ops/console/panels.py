"""Several sources for one page: one that is slow or down is said to be, in its own place."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.http import TRANSIENT
from shared.problems import Problem

_log = logging.getLogger(__name__)

T = TypeVar("T")

# An operator at night waits so long for a page whose sources are all down.
SECONDS = 4.0


@dataclass(frozen=True)
class Panel(Generic[T]):
    """What a source gave, or why it gave nothing."""

    value: T | None
    error: str = ""


async def panel(source: Awaitable[T], seconds: float = SECONDS) -> Panel[T]:
    """What ``source`` gives within ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            return Panel(await source)
    except Problem as problem:
        return Panel(None, problem.detail)
    except TRANSIENT as error:
        _log.warning("console.source_unavailable", extra={"error": repr(error)})
        return Panel(None, "Not to be had at the moment: it did not answer in time.")
    except Exception:
        _log.exception("console.source_failed")
        return Panel(None, "This part could not be shown; the fault is ours and is in the logs.")
