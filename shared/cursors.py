"""Cursors: where a list goes on, as a text that clients hand back without reading it.

A cursor holds the sort key of the last item that was seen and a digest of the query that it belongs to. It is not
signed, and need not be: whoever makes one up chooses where in a list to begin, of which the query shows what its
caller may see and nothing else.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from shared.problems import Problem

Value = int | str | datetime
Position = TypeVar("Position")

MAX_LENGTH = 4_000
"""Characters of a cursor that a query accepts; ours are shorter."""

_DIGEST_BYTES = 8


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("is not in UTC")
    return moment


# What sort keys are made of: the shapes of positions consist of these and of strings.
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]


def encode(query_key: str, position: Sequence[Value]) -> str:
    """The cursor behind ``position``; its times are in UTC and exact to the microsecond.

    Args:
        query_key: tells the query from all others whose lists differ in content or order.
    """
    # Firestore's times are of a subclass, which orjson does not take for a datetime.
    content = orjson.dumps(position, default=datetime.isoformat)
    return base64.urlsafe_b64encode(_digest(query_key) + content).rstrip(b"=").decode()


def decode(query_key: str, cursor: str, shape: TypeAdapter[Position]) -> Position:
    """The position that :func:`encode` was given.

    Args:
        shape: what the query's positions look like, such as ``TypeAdapter(tuple[Moment, str])``.

    Raises:
        Problem: 422, it was made for another query or not by us.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        position = shape.validate_json(raw[_DIGEST_BYTES:], strict=True)
    except ValueError as error:
        raise _refusal("is not a cursor of this list") from error
    if raw[:_DIGEST_BYTES] != _digest(query_key):
        raise _refusal("belongs to another query; leave filters and order as they were, or begin without it")
    return position


def _digest(query_key: str) -> bytes:
    return hashlib.sha256(query_key.encode()).digest()[:_DIGEST_BYTES]


def _refusal(detail: str) -> Problem:
    errors = [{"field": "cursor", "detail": detail}]
    return Problem(422, "validation-failed", "1 field(s) are not valid.", errors=errors)
