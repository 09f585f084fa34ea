"""How long something lasted or waits, in words for people."""

from datetime import timedelta


def spoken(span: timedelta) -> str:
    """A duration in its largest unit: ``40 s``, ``4 minutes``, ``2 h``, ``3 days``; what is below 0 is ``0 s``."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return _counted(seconds // 60, "minute")
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h"
    return _counted(seconds // 86_400, "day")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
