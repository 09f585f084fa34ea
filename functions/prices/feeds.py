"""Feeds: which objects are one, what their runs are called, and why one is refused whole."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from shared.assortments import ID_PATTERN
from shared.errors import PermanentError

_ID = ID_PATTERN.strip("^$")
# The extensions in any case, as some systems shout; not a report's, which is beside its feed.
_NAME = re.compile(rf"feeds/({_ID})/([^/\x00-\x1f\x7f]{{1,200}})\.((?i:csv|jsonl))((?i:\.gz))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

COLUMNS = ("store_id", "sku", "price", "currency", "available", "name", "category_id", "product_id")
OPTIONAL = frozenset({"product_id"})


class FeedRefusedError(PermanentError):
    """No line of this feed is used. The text says why, for the retailer to read."""


class Position(NamedTuple):
    """A place in a feed where a record begins.

    Attributes:
        offset: in bytes of the feed as it is once decompressed.
        line: the number of the physical line that begins there; the first is 1.
    """

    offset: int
    line: int


START = Position(0, 1)


@dataclass(frozen=True)
class Feed:
    """What an object's name says of a feed.

    Attributes:
        object_name: ``feeds/{retailer}/{name}.csv``, or ``.jsonl``, or either with ``.gz``.
        retailer: whose feed it is.
        name: without its extensions.
        format: what its lines are once they are decompressed. Whether they are compressed is seen by their bytes.
    """

    object_name: str
    retailer: str
    name: str
    format: Literal["csv", "jsonl"]

    @classmethod
    def of(cls, object_name: str) -> "Feed | None":
        """The feed of an object; ``None`` for an object that is none."""
        found = _NAME.fullmatch(object_name)
        if found is None:
            return None
        retailer, name, extension, _ = found.groups()
        return cls(object_name, retailer, name, "csv" if extension.lower() == "csv" else "jsonl")

    def report_name(self, generation: int) -> str:
        """The object, beside the feed, that lists the bad lines of one generation of it."""
        return f"{self.object_name}.{generation}.bad-lines.ndjson"


def run_id(bucket: str, object_name: str, generation: int) -> str:
    """24 hex digits: the same for each delivery of the same object."""
    return hashlib.sha256(f"{bucket}/{object_name}/{generation}".encode()).hexdigest()[:24]


def stamp(time_created: datetime, generation: int) -> str:
    """By what feeds are ordered, compared as text: when the object was made, then its generation."""
    microseconds = (time_created - _EPOCH) // timedelta(microseconds=1)
    return f"{microseconds:016d}-{generation:020d}"
