"""Times as clients write them: RFC 3339 with a zone, read as UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, WithJsonSchema

_RFC3339 = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$")
# Nothing in a shop is older or further away, and UTC arithmetic stays within what a datetime can hold.
_YEARS = range(1970, 2200)
# What JSON Schema can say of _YEARS.
TIMESTAMP_SCHEMA = {"type": "string", "format": "date-time", "pattern": r"^(19[7-9]\d|2[01]\d\d)-"}


def _written_as_rfc3339(value: Any) -> Any:
    # Already a datetime when a stored document is read back.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.match(value)):
        return value
    raise ValueError("must be an RFC 3339 date-time with a zone, such as 2026-11-20T09:30:00Z")


def _in_utc(value: datetime) -> datetime:
    if value.year not in _YEARS:
        raise ValueError(f"must lie between {_YEARS.start} and {_YEARS.stop - 1}")
    return value.astimezone(UTC)


Timestamp = Annotated[
    AwareDatetime,
    Field(strict=False),
    BeforeValidator(_written_as_rfc3339),
    AfterValidator(_in_utc),
    WithJsonSchema(TIMESTAMP_SCHEMA, mode="validation"),
]
