"""Unix-cron schedules in a time zone."""

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

from infra.local.refusal import invalid, unimplemented

# croniter also takes seconds, "L", "#", "?", "@hourly" and random values, which unix-cron does not have.
_FIELD = re.compile(r"(\*|\w+(-\w+)?)(/\d+)?(,(\*|\w+(-\w+)?)(/\d+)?)*", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+")
_MONTHS = frozenset({"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"})
_WEEKDAYS = frozenset({"sun", "mon", "tue", "wed", "thu", "fri", "sat"})
_NAMES: tuple[frozenset[str], ...] = (frozenset(), frozenset(), frozenset(), _MONTHS, _WEEKDAYS)
_ENGLISH = re.compile(r"\s*(every|\d+(st|nd|rd|th)|first|second|third|fourth|fifth)\b", re.IGNORECASE)


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone ``name`` of the tz database.

    Raises:
        Refusal: INVALID_ARGUMENT, there is none of that name.
    """
    try:
        return ZoneInfo("UTC" if name.lower() == "utc" else name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"time_zone {name!r} is not a name of the tz database") from None


def check_schedule(schedule: str, time_zone: str) -> None:
    """Refuse what is no unix-cron expression, or one whose time never comes.

    Raises:
        Refusal: INVALID_ARGUMENT; UNIMPLEMENTED for Google's English-like schedules.
    """
    if _ENGLISH.match(schedule):
        raise unimplemented(f"English-like schedules such as {schedule!r}; use unix-cron")
    fields = schedule.split()
    if len(fields) != 5 or not all(map(_is_field, fields, _NAMES)) or not croniter.is_valid(schedule):
        raise invalid(f"schedule {schedule!r} is not a unix-cron expression of five fields")
    try:
        next_time(schedule, time_zone, datetime(2000, 1, 1, tzinfo=UTC).timestamp())
    except CroniterError:
        raise invalid(f"the time of schedule {schedule!r} never comes") from None


def _is_field(text: str, words: frozenset[str]) -> bool:
    return bool(_FIELD.fullmatch(text)) and all(word.lower() in words for word in _WORD.findall(text))


def next_time(schedule: str, time_zone: str, after: float) -> float:
    """The first time of a checked schedule after ``after``; both in seconds since the epoch.

    A local time that a change to summer time skips counts as the moment after the gap, one that is repeated
    in autumn comes twice.
    """
    start = datetime.fromtimestamp(after, zone(time_zone))
    following: datetime = croniter(schedule, start).get_next(datetime)
    return following.timestamp()
