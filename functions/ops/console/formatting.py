"""How values read on the page: pure, and nothing here is trusted to be short, printable or well-meant."""

import re
from datetime import UTC, datetime
from typing import Any

import orjson
from markupsafe import Markup, escape

MAX_TEXT = 4_000
MAX_PAYLOAD = 20_000

# What is not seen, or turns around the order in which the rest is read: control characters other than tab and line
# feed, and Unicode's marks, embeddings, overrides and isolates of direction (UAX #9), zero widths and line separators.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)

_WORDS = re.compile("(?<=[a-z])(?=[A-Z])")


def visible(text: str) -> str:
    """``text`` with what cannot be seen, or would reorder it, as its escape."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def bounded(text: object, limit: int = MAX_TEXT) -> str:
    """A text as it is shown: visible, and cut off with a word about what is missing."""
    whole = str(text)
    shown = visible(whole[:limit])
    return shown if len(whole) <= limit else f"{shown}… ({len(whole) - limit:,} more characters)"


def pretty_json(text: str) -> str:
    """JSON text, indented; any other text as it is."""
    try:
        # One that is larger than is shown need not be parsed for that.
        pretty = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except (ValueError, TypeError):  # the second for what is nested too deeply to be written
        pretty = text
    return bounded(pretty, MAX_PAYLOAD)


def number(value: float | None) -> str:
    """``12,345``; what is no whole number has one decimal, and ``–`` is what is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def rate(per_second: float | None) -> str:
    """Pieces a second, ``–`` if unknown."""
    if per_second is None:
        return "–"
    return f"{per_second:,.1f}/s" if per_second < 10 else f"{per_second:,.0f}/s"


def duration(seconds: float | None) -> str:
    """A time in its two largest units: ``820 ms``, ``4.2 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds is None:
        return "–"
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for large, small, per_large, unit in (
        ("d", "h", 86_400, 3_600),
        ("h", "min", 3_600, 60),
        ("min", "s", 60, 1),
    ):
        # As it would be rounded: 119.7 s are two minutes, and not 1 min 60 s.
        units = round(seconds / unit)
        if units * unit >= per_large:
            ones = units % (per_large // unit)
            return f"{units * unit // per_large:,} {large}" + (f" {ones} {small}" if ones else "")
    return f"{seconds:.0f} s"


def size(byte_count: float) -> str:
    """Bytes in units of a thousand: ``940 B``, ``1.2 MB``."""
    amount = float(byte_count)
    for unit in ("B", "kB", "MB"):
        if amount < 999.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.95 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def percent(share: float) -> str:
    """A share: ``83 %``."""
    return f"{share * 100:.0f} %"


def moment(value: Any, now: datetime) -> Markup | str:
    """A time, or its text in an API's answer, in UTC: without the date if it is today's; ``–`` for none."""
    if (utc := _utc(value)) is None:
        return "–"
    shown = f"{utc:%H:%M:%S}" if utc.date() == now.date() else f"{utc:%b %d, %H:%M}"
    if utc.year != now.year:
        shown = f"{utc:%Y-%m-%d, %H:%M}"
    exact = f"{utc:%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        exact, f"{utc:%Y-%m-%d %H:%M:%S}", shown
    )


def ago(value: Any, now: datetime) -> str:
    """How long ago a time was, or how far ahead it is, roughly."""
    if (utc := _utc(value)) is None:
        return "–"
    seconds = (now - utc).total_seconds()
    rough = _rough(abs(seconds))
    return f"in {rough}" if seconds < 0 else f"{rough} ago"


def _utc(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def _rough(seconds: float) -> str:
    for per_unit, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * per_unit or (unit == "min" and seconds >= per_unit):
            return f"{seconds // per_unit:,.0f} {unit}"
    return f"{seconds:.0f} s"


def breakable(name: str) -> Markup:
    """A name such as ``returnSyncProcessing``, which a narrow line may break between its words."""
    return Markup("<wbr>").join(escape(part) for part in _WORDS.split(bounded(name, 100)))


def words(name: str) -> str:
    """A name of ours as words: ``firestore_reads`` as ``firestore reads``."""
    return name.replace("_", " ").replace("-", " ")
