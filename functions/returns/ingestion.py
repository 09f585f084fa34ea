"""Taking returns in: what each message does to what is stored, decided purely, then written all at once.

Messages arrive late, twice and out of order; the source's own time decides, never the order of arrival.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import orjson
from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD, SERVER_TIMESTAMP

from functions.returns.model import Return
from shared.clock import Clock
from shared.errors import TransientError
from shared.problems import Problem
from shared.return_sync.walk import COLLECTION

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# A deletion is remembered this long, so that a message from before it cannot bring the return back.
TOMBSTONE_KEPT = timedelta(days=90)
# Other writers of the same returns can make a commit fail; each turn reads again what they wrote.
_MAX_TURNS = 8

Outcome = Literal["created", "updated", "unchanged", "stale", "deleted", "unknown"]


@dataclass(frozen=True)
class Stored:
    """What ingestion needs to know of a stored return. One that somebody else spoilt has no account."""

    account: str | None
    external_updated_at: datetime
    content_hash: str
    deleted: bool
    update_time: Any = None


@dataclass(frozen=True)
class Put:
    """The warehouse says: this is how the return is."""

    content: Return

    @property
    def return_id(self) -> str:
        return self.content.return_id

    def onto(self, stored: Stored | None) -> tuple[Outcome, Stored | None]:
        """What the message amounts to, and what is stored after it."""
        after = Stored(
            account=self.content.account,
            external_updated_at=self.content.external_updated_at,
            content_hash=content_hash(self.content),
            deleted=False,
            update_time=stored.update_time if stored else None,
        )
        if stored is None:
            return "created", after
        if after.external_updated_at < stored.external_updated_at:
            return "stale", stored
        if stored.deleted:
            # At the same time as its deletion, a return stays deleted: whichever arrives last, one result.
            newer = after.external_updated_at > stored.external_updated_at
            return ("created", after) if newer else ("stale", stored)
        if after.content_hash == stored.content_hash:
            return "unchanged", stored
        return "updated", after

    def fields(self, now: datetime, account: str | None) -> dict[str, Any]:
        return {
            **self.content.model_dump(mode="python"),
            "content_hash": content_hash(self.content),
            "deleted": False,
            "expire_at": None,
            "updated_at": SERVER_TIMESTAMP,
        }


@dataclass(frozen=True)
class Removal:
    """The warehouse says: this return is no more, as of ``external_updated_at``.

    ``early_for`` is the account for which the removal of a return is remembered that has not arrived yet; without
    it, what is not there is unknown.
    """

    return_id: str
    external_updated_at: datetime
    early_for: str | None = None

    def onto(self, stored: Stored | None) -> tuple[Outcome, Stored | None]:
        """What the message amounts to, and what is stored after it."""
        if self.early_for is None and (stored is None or stored.deleted):
            return "unknown", stored
        if stored is None:
            return "deleted", Stored(self.early_for, self.external_updated_at, "", deleted=True)
        if self.external_updated_at < stored.external_updated_at:
            return "stale", stored
        after = replace(stored, external_updated_at=self.external_updated_at, content_hash="", deleted=True)
        return ("unchanged", stored) if stored == after else ("deleted", after)

    def fields(self, now: datetime, account: str | None) -> dict[str, Any]:
        return {
            "return_id": self.return_id,
            "account": account,
            "external_updated_at": self.external_updated_at,
            "content_hash": "",
            "deleted": True,
            "next_status": None,
            "next_status_at": None,
            "expire_at": now + TOMBSTONE_KEPT,
            "updated_at": SERVER_TIMESTAMP,
        }


Message = Put | Removal


def content_hash(content: Return) -> str:
    """Equal exactly for equal content, ``external_updated_at`` included: a newer time must be remembered."""
    canonical = orjson.dumps(content.model_dump(mode="python"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What a group of messages amounts to: an outcome each, and the one write each touched return gets."""

    outcomes: tuple[Outcome | Problem, ...]
    writes: dict[str, tuple[Message, Stored]]


def plan(messages: Sequence[Message], stored: dict[str, Stored | None], tenant: str | None) -> Plan:
    """Apply ``messages`` in order to what is stored, without storing anything.

    Args:
        messages: a return may occur in several of them.
        stored: what there is, by return id.
        tenant: the only account that may be touched; ``None`` for any.
    """
    now_stored = dict(stored)
    outcomes: list[Outcome | Problem] = []
    writes: dict[str, tuple[Message, Stored]] = {}
    for message in messages:
        current = now_stored.get(message.return_id)
        if tenant and current and current.account not in (None, tenant):
            outcomes.append(Problem(403, "forbidden", "This return belongs to another account."))
            continue
        outcome, after = message.onto(current)
        outcomes.append(outcome)
        if after is not None and after is not current:
            now_stored[message.return_id] = after
            writes[message.return_id] = message, after
    return Plan(tuple(outcomes), writes)


class Ingestion:
    """Applies messages to ``order_returns``: one read a return, one commit for all that changes."""

    def __init__(self, db: "AsyncClient", clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def apply(self, messages: Sequence[Message], tenant: str | None) -> tuple[Outcome | Problem, ...]:
        """Store what the messages say, all or nothing, and tell what each amounted to.

        Args:
            messages: at most 500, the most that one commit is meant for.
            tenant: the only account that may be touched; ``None`` for any.

        Raises:
            TransientError: others kept writing the same returns meanwhile; nothing was stored.
        """
        for _ in range(_MAX_TURNS):
            stored = await self._read({message.return_id for message in messages})
            planned = plan(messages, stored, tenant)
            try:
                await self._write(planned.writes)
            except (AlreadyExists, FailedPrecondition, NotFound, Aborted):
                continue
            return planned.outcomes
        raise TransientError("The same returns are being written by others; try again.")

    async def _read(self, return_ids: set[str]) -> dict[str, Stored | None]:
        collection = self._db.collection(COLLECTION)
        found: dict[str, Stored | None] = {}
        references = [collection.document(return_id) for return_id in return_ids]
        async for snapshot in self._db.get_all(
            references, field_paths=["account", "external_updated_at", "content_hash", "deleted"]
        ):
            fields = snapshot.to_dict()
            found[snapshot.id] = None if fields is None else _stored(fields, snapshot.update_time)
        return found

    async def _write(self, writes: dict[str, tuple[Message, Stored]]) -> None:
        if not writes:
            return
        batch, now = self._db.batch(), self._clock()
        for return_id, (message, after) in writes.items():
            document = self._db.collection(COLLECTION).document(return_id)
            fields = message.fields(now, after.account)
            if after.update_time is None:
                batch.create(document, fields)
            else:
                unchanged = self._db.write_option(last_update_time=after.update_time)
                batch.update(document, _NOTHING_LEFT | fields, option=unchanged)
        await batch.commit()


# A removal leaves none of the content behind.
_NOTHING_LEFT = dict.fromkeys(Return.model_fields, DELETE_FIELD)


def _stored(fields: dict[str, Any], update_time: Any) -> Stored:
    """A stored return as ingestion sees it. What somebody else spoilt counts as older than any message."""
    account, changed = fields.get("account"), fields.get("external_updated_at")
    return Stored(
        account=account if isinstance(account, str) else None,
        external_updated_at=changed if isinstance(changed, datetime) else datetime.min.replace(tzinfo=UTC),
        content_hash=str(fields.get("content_hash", "")),
        deleted=fields.get("deleted") is True,
        update_time=update_time,
    )
