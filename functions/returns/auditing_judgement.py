"""Whether the index holds of a return what it should: a pure judgement of a document, a record, and what is known.

What the sync has not had to bring into the index yet is no drift. Everything that changed up to the *watermark* is in
the index; of what changed later, nothing can be said before the next run.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from functions.returns.projection import Decision, Delete, Record, Reject, Save, decide
from shared.jobs.findings import Finding, account_of
from shared.jobs.records import FindingKind

_log = logging.getLogger(__name__)

# Of what somebody else may have written, so much goes into a finding: the names of all fields that a record should
# have are no longer.
_MAX_NAMES = 400
_MAX_ID_BYTES = 1_500


@dataclass(frozen=True)
class Fits:
    """The index holds what it should."""


@dataclass(frozen=True)
class Pending:
    """It does not, and the sync is yet to see to it."""


@dataclass(frozen=True)
class Unprojectable:
    """Nobody can say what it should hold: the document cannot be indexed. The sync makes a dead letter of it."""


@dataclass(frozen=True)
class Drift:
    """It does not, and no run of the sync will see to it."""

    kind: FindingKind
    account: str
    details: dict[str, str] = field(default_factory=dict)

    def finding(self, return_id: str) -> Finding:
        """What an audit says of it."""
        return Finding(self.kind, return_id, self.account, self.details)


Verdict = Fits | Pending | Unprojectable | Drift


@dataclass(frozen=True)
class Known:
    """What is known when a document and a record are compared.

    Args:
        watermark: all that had changed by then is in the index; None as long as no run has ended.
        read_at: when the document was read, by the database's clock.
        max_bytes: the plan's record limit.
    """

    watermark: datetime | None
    read_at: datetime
    max_bytes: int


def judge(return_id: str, stored: Mapping[str, Any] | None, record: Record | None, known: Known) -> Verdict:
    """Compare what ``order_returns`` has of a return with what the index has of it.

    The record has to have been read before the document, or with nothing changing between the two.

    Args:
        stored: the document; None if there is none.
        record: the record; None if there is none.
    """
    if stored is None:
        return Drift("extra", _account(record), {"why": "no document"}) if record is not None else Fits()
    wanted = _decide(return_id, stored, known.read_at, known.max_bytes)
    if _is_held(wanted, record):
        return Fits()
    # A status that time alone changes may have been pushed as of any moment since the watermark.
    if known.watermark and _is_held(_decide(return_id, stored, known.watermark, known.max_bytes), record):
        return Fits()
    if isinstance(wanted, Reject):
        return Unprojectable()
    if _is_pending(stored.get("updated_at"), known):
        return Pending()
    return _drift(wanted, stored, record)


def is_document_id(text: str) -> bool:
    """Whether Firestore takes this for a document's id (https://firebase.google.com/docs/firestore/quotas).

    The index takes nearly anything for the id of a record, if somebody else writes it.
    """
    reserved = text in ("", ".", "..") or "/" in text or (text.startswith("__") and text.endswith("__"))
    return not reserved and len(text.encode()) <= _MAX_ID_BYTES


def content_hash(record: Record) -> str:
    """Equal for records that say the same. To JSON, and so to Algolia, 20.0 and 20 are one number."""
    return hashlib.sha256(orjson.dumps(_plain(record), option=orjson.OPT_SORT_KEYS)).hexdigest()


def differing_fields(one: Record, other: Record) -> list[str]:
    """The names of the fields in which two records differ, in order."""
    one, other = _plain(one), _plain(other)
    names = one.keys() | other.keys()
    return sorted(
        name for name in names if _json(name in one, one.get(name)) != _json(name in other, other.get(name))
    )


def _decide(return_id: str, stored: Mapping[str, Any], as_of: datetime, max_bytes: int) -> Decision:
    try:
        return decide(return_id, stored, as_of, max_bytes)
    except Exception as error:
        # As in the sync: what nobody thought of in one document must not stop all others.
        _log.exception("return.undecidable", extra={"return_id": return_id})
        return Reject(return_id, "", repr(error))


def _is_held(decision: Decision, record: Record | None) -> bool:
    match decision:
        case Save(record=wanted):
            return record is not None and content_hash(record) == content_hash(wanted)
        case Delete():
            return record is None
        case Reject():
            return False


def _is_pending(updated_at: Any, known: Known) -> bool:
    """Whether some run to come has the change in its window."""
    # What is no time, or a time that is yet to come, lies in none.
    if not isinstance(updated_at, datetime) or updated_at > known.read_at:
        return False
    return known.watermark is None or updated_at > known.watermark


def _drift(decision: Decision, stored: Mapping[str, Any], record: Record | None) -> Drift:
    account = _account(stored) or _account(record)
    details = {} if isinstance(stored.get("updated_at"), datetime) else {"updated_at": "no timestamp"}
    if not isinstance(decision, Save):
        why = "deleted" if stored.get("deleted") is True else "not listed"
        return Drift("extra", account, details | {"why": why})
    if record is None:
        return Drift("missing", account, details)
    fields = ", ".join(differing_fields(decision.record, record))
    return Drift("different", account, details | {"fields": fields[:_MAX_NAMES]})


def _account(side: Mapping[str, Any] | None) -> str:
    return account_of((side or {}).get("account"))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _json(present: bool, value: Any) -> bytes:
    """A field as text, so that true is not 1 and a null is not the lack of a value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if present else b""
