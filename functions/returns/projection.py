"""What the search index should hold of a return: pure functions of its document and a point in time."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from functions.returns.model import Return
from shared.money import exponent
from shared.problems import field_path

Record = dict[str, Any]

# Who leaves the index; every other status is searchable.
_UNLISTED = frozenset({"cancelled"})
# 128 bits: with a billion records, one false match in 10^20.
_FINGERPRINT_BYTES = 16


@dataclass(frozen=True)
class Save:
    """The index should hold ``record``."""

    return_id: str
    fingerprint: str
    record: Record
    size: int


@dataclass(frozen=True)
class Delete:
    """The index should not hold this return."""

    return_id: str
    fingerprint: str


@dataclass(frozen=True)
class Reject:
    """The stored document cannot be indexed; ``reason`` says why."""

    return_id: str
    fingerprint: str
    reason: str


Decision = Save | Delete | Reject


def decide(return_id: str, stored: Mapping[str, Any], as_of: datetime, max_bytes: int) -> Decision:
    """What becomes of one return, as of a point in time.

    Args:
        stored: the document of ``order_returns``, whoever wrote it.
        as_of: decides whether ``next_status`` is in force.
        max_bytes: the plan's record limit.

    Returns:
        A decision whose ``fingerprint`` differs whenever the stored version or the outcome differs: what an
        earlier run has pushed already is found by comparing the two.
    """
    version = str(stored.get("updated_at"))
    if stored.get("deleted") is True:
        return Delete(return_id, _fingerprint(version, b"deleted"))
    try:
        content = Return.model_validate({name: stored.get(name) for name in Return.model_fields})
    except ValidationError as error:
        reason = _reason(error)
        return Reject(return_id, _fingerprint(version, reason.encode()), reason)
    if content.return_id != return_id:
        reason = f"return_id: is {content.return_id!r} in the document of {return_id!r}"
        return Reject(return_id, _fingerprint(version, reason.encode()), reason)
    if status_at(content, as_of) in _UNLISTED:
        return Delete(return_id, _fingerprint(version, b"unlisted"))
    return _save(content, version, as_of, max_bytes)


def _save(content: Return, version: str, as_of: datetime, max_bytes: int) -> Save | Reject:
    record, size = fit(project(content, as_of), max_bytes)
    if size > max_bytes:
        reason = f"record of {size} bytes is over the plan's {max_bytes}, even without its items"
        return Reject(content.return_id, _fingerprint(version, reason.encode()), reason)
    return Save(content.return_id, _fingerprint(version, orjson.dumps(record)), record, size)


def status_at(content: Return, as_of: datetime) -> str:
    """The status in force: time alone may have moved it on."""
    if content.next_status and content.next_status_at and content.next_status_at <= as_of:
        return content.next_status
    return content.status


def project(content: Return, as_of: datetime) -> Record:
    """The index record of a return. Times are text for people and epoch seconds for filters and sorting."""
    return {
        "objectID": content.return_id,
        "account_key": account_key(content.account),
        **content.model_dump(
            include={
                "account",
                "order_id",
                "reason",
                "currency",
                "refund_amount",
                "customer",
                "warehouse",
                "carrier",
                "tracking_number",
            }
        ),
        "status": status_at(content, as_of),
        "items": [item.model_dump() for item in content.items],
        "item_count": sum(item.quantity for item in content.items),
        # For sorting only: the exact amount is the string.
        "refund_value": round(float(content.refund_amount), exponent(content.currency)),
        "requested_at": content.requested_at.isoformat(),
        "requested_at_ts": int(content.requested_at.timestamp()),
        "changed_at": content.external_updated_at.isoformat(),
        "changed_at_ts": int(content.external_updated_at.timestamp()),
    }


def account_key(account: str) -> str:
    """An account as filters see it: Algolia compares facet values without regard to case, and accounts have one."""
    return account.encode().hex()


def fit(record: Record, max_bytes: int) -> tuple[Record, int]:
    """The record with as many of its items as the limit allows, and its size in bytes.

    Items are what makes a return large, and the first ones are what people search by. A shortened record says so
    in ``items_truncated``; ``item_count`` stays that of the whole return.
    """
    size = len(orjson.dumps(record))
    if size <= max_bytes:
        return record, size
    shortened = record | {"items": [], "items_truncated": True}
    size = len(orjson.dumps(shortened))
    for item in record["items"]:
        comma = 1 if shortened["items"] else 0
        size_with_item = size + comma + len(orjson.dumps(item))
        if size_with_item > max_bytes:
            break
        shortened["items"].append(item)
        size = size_with_item
    return shortened, size


def _fingerprint(version: str, outcome: bytes) -> str:
    digest = hashlib.sha256(version.encode() + b"\n" + outcome).digest()[:_FINGERPRINT_BYTES]
    return base64.b85encode(digest).decode()


def _reason(error: ValidationError) -> str:
    """All that is wrong, by field; without the values, which are a customer's."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{field_path(e['loc']) or 'return'}: {e['msg']}" for e in found[:10])
