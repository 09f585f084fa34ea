"""The audit log: who did what, to what, and when. It is written before anything is done."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from google.api_core.exceptions import GoogleAPICallError, RetryError
from pydantic import StringConstraints, TypeAdapter

from shared import cursors, trace
from shared.clock import Clock
from shared.cursors import Moment
from shared.http import TRANSIENT
from shared.problems import Problem

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, DocumentSnapshot

_log = logging.getLogger(__name__)

COLLECTION = "operator_actions"

ActionName = Literal[
    "dead-letter.replay",
    "dead-letter.replay-all",
    "dead-letter.discard",
    "sync.resync",
    "sync.cancel",
    "prices.cancel",
    "prices.rerun",
    "job.start",
    "job.cancel",
    "job.resume",
    "schedule.pause",
    "schedule.resume",
    "schedule.run",
    "queue.pause",
    "queue.resume",
    "store.rollback",
    "store.rebuild",
    "image.render",
    "session.sign-in",
]

# Longer than anybody asks what was done a year ago.
_KEPT = timedelta(days=400)
# The most of a text that is kept: what operators name is short, and what they send is bounded elsewhere.
_MAX_TEXT = 500
# An act waits for its entry, and an operator for the act; the client alone would try for minutes.
_SECONDS = 5.0

_position = TypeAdapter[tuple[datetime, str]](
    tuple[Moment, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]]
)


@dataclass(frozen=True)
class Action:
    """An entry. ``outcome`` is ``""`` until it is known, then ``done``, with what came of it, or why not.

    It begins with ``unknown`` where nobody has waited for it, and stays ``""`` if we died.
    """

    id: str
    who: str
    what: ActionName
    target: str
    at: datetime
    outcome: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""


@dataclass(frozen=True)
class ActionPage:
    """A page of the log, the newest first, and where the next one begins, if there is one."""

    actions: list[Action]
    next_cursor: str | None


@dataclass
class Act:
    """An act under way. Whoever does it may say in ``outcome`` what came of it."""

    outcome: str = "done"


@dataclass(frozen=True)
class Actions:
    """The ``operator_actions`` collection."""

    db: "AsyncClient"
    clock: Clock

    @asynccontextmanager
    async def recorded(
        self, who: str, what: ActionName, target: str, details: Mapping[str, str] | None = None
    ) -> AsyncIterator[Act]:
        """Do in the body of this what an operator wants done: it is begun only once it is written down.

        An outcome that cannot be written is logged; the entry is left without one.

        Args:
            who: the operator's ``sub``.
            target: the id or name of what is acted upon.
            details: what else was asked for, in short.

        Raises:
            Problem: 503, the log cannot be written; nothing was done.
        """
        action = Action(
            id=secrets.token_hex(16),
            who=who,
            what=what,
            target=target[:_MAX_TEXT],
            at=self.clock(),
            details={name: text[:_MAX_TEXT] for name, text in (details or {}).items()},
            trace=trace.current(),
        )
        await self._write(action)
        act = Act()
        try:
            yield act
        except asyncio.CancelledError:
            await self._settle(action, "unknown: it took too long and was broken off")
            raise
        except Exception as error:
            await self._settle(action, _why(error))
            raise
        await self._settle(action, act.outcome)

    async def page(self, limit: int, cursor: str | None = None) -> ActionPage:
        """Entries, the newest first: a read each and one more.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        asked: Any = self.db.collection(COLLECTION).order_by("at", direction="DESCENDING")
        asked = asked.order_by("__name__", direction="DESCENDING").limit(limit + 1)
        if cursor:
            at, action_id = cursors.decode(COLLECTION, cursor, _position)
            place = self.db.collection(COLLECTION).document(action_id)
            asked = asked.start_after({"at": at, "__name__": place})
        found = [_stored(snapshot) async for snapshot in asked.stream()]
        page = found[:limit]
        more = len(found) > limit
        return ActionPage(page, cursors.encode(COLLECTION, (page[-1].at, page[-1].id)) if more else None)

    async def _write(self, action: Action) -> None:
        fields = {
            "who": action.who,
            "what": action.what,
            "target": action.target,
            "at": action.at,
            "outcome": action.outcome,
            "details": orjson.dumps(dict(action.details)).decode(),
            "trace": action.trace,
            "expire_at": action.at + _KEPT,
        }
        try:
            # Set and not created: the client sends it again when an answer is lost.
            async with asyncio.timeout(_SECONDS):
                await self.db.collection(COLLECTION).document(action.id).set(fields)
        except (GoogleAPICallError, RetryError, TimeoutError) as error:
            _log.warning("operator.unrecorded", extra={"what": action.what, "error": repr(error)})
            detail = "The audit log cannot be written, so nothing was done. Try again in a moment."
            raise Problem(503, "unavailable", detail, headers={"Retry-After": "1"}) from error

    async def _settle(self, action: Action, outcome: str) -> None:
        told = {"who": action.who, "what": action.what, "target": action.target, "outcome": outcome}
        _log.info("operator.acted", extra={"action": action.id, **told})
        try:
            document = self.db.collection(COLLECTION).document(action.id)
            async with asyncio.timeout(_SECONDS):
                await document.update({"outcome": outcome[:_MAX_TEXT]})
        except Exception as error:
            # What was done is done; that nobody knows how it ended is no reason to say that it failed.
            _log.warning("operator.outcome_lost", extra={"action": action.id, "error": repr(error)})


def _why(error: Exception) -> str:
    if isinstance(error, Problem):
        return f"{error.kind}: {error.detail}"
    if isinstance(error, TRANSIENT):
        return "unavailable: a service behind is out of reach, or somebody else is at it"
    return f"failed: {error!r}"


def _stored(snapshot: "DocumentSnapshot[Any]") -> Action:
    fields = snapshot.to_dict() or {}
    known = {name: fields[name] for name in Action.__dataclass_fields__ if name in fields}
    return Action(**known | {"id": snapshot.id, "details": orjson.loads(fields["details"])})
