"""Dead letters as operators find them, and their end: each is closed once, and says who did it, when and why."""

import asyncio
import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from google.api_core.exceptions import FailedPrecondition, NotFound
from pydantic import Field, StringConstraints, TypeAdapter

from functions.ops.actions import Actions
from shared import cursors
from shared.clock import Clock
from shared.cursors import Moment
from shared.dead_letters import COLLECTION
from shared.errors import TransientError
from shared.problems import Problem
from shared.queries import Query

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncWriteBatch, DocumentSnapshot

_log = logging.getLogger(__name__)

LetterStatus = Literal["open", "replayed", "discarded"]
# The queues whose work can be tried again: those of infra/topology.yaml.
QueueName = Literal[
    "returnSync",
    "returnSyncProcessing",
    "supplyChainSync",
    "imageFetch",
    "imageRemoval",
    "priceUpdates",
    "storefrontRebuild",
    "returnMaintenance",
    "productAudit",
    "imageAudit",
]
LetterId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

_position = TypeAdapter[tuple[datetime, str]](tuple[Moment, LetterId])


class LetterQuery(Query):
    """Which dead letters to list, the newest first; filters that are left out let all pass."""

    status: LetterStatus | None = None
    queue: QueueName | None = None
    function: str | None = Field(None, max_length=63, description="Who gave up.")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(
        None,
        max_length=cursors.MAX_LENGTH,
        description="`next_cursor` of the page before, for the same list.",
    )

    @property
    def key(self) -> str:
        """What tells this list from others: all but the page."""
        return self.model_dump_json(exclude={"limit", "cursor"})


@dataclass(frozen=True)
class Closing:
    """The end of a letter. ``closed_by`` is the operator's ``sub``; ``reason`` is given for discarding."""

    status: LetterStatus
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None


@dataclass(frozen=True)
class StoredLetter:
    """A letter as it was read.

    Args:
        payload: the task's body, as JSON text.
        event: the event of the outbox that it is about, or ``""``.
        update_time: for the precondition of a change to it.
    """

    id: str
    queue: str
    function: str
    payload: str
    error: str
    attempts: int
    event: str
    trace: str
    created_at: datetime
    closing: Closing
    update_time: Any

    def require_open(self) -> None:
        """Nothing, if it is open.

        Raises:
            Problem: 409, it is closed; the text says by whom.
        """
        closing = self.closing
        if closing.status != "open":
            when = closing.closed_at.isoformat(timespec="seconds") if closing.closed_at else "before"
            detail = f"The letter was {closing.status} by {closing.closed_by} ({when})."
            raise Problem(409, "not-open", detail)


@dataclass(frozen=True)
class Page:
    """A page of letters, how many there are in all, and where the next page begins, if there is one."""

    letters: list[StoredLetter]
    total: int
    next_cursor: str | None


class Letters:
    """The ``dead_letters`` collection, for those who deal with it."""

    def __init__(self, db: "AsyncClient", clock: Clock, actions: Actions) -> None:
        self._db = db
        self._letters = db.collection(COLLECTION)
        self._clock = clock
        self._actions = actions

    async def get(self, letter_id: str) -> StoredLetter:
        """One letter: one read.

        Raises:
            Problem: 404, there is none.
        """
        snapshot = await self._letters.document(letter_id).get()
        if not snapshot.exists:
            raise no_letter(letter_id)
        return _stored(snapshot)

    async def page(self, query: LetterQuery) -> Page:
        """The letters that ``query`` asks for: a read each, one more, and one for each 1,000 there are in all.

        Raises:
            Problem: 422, the cursor is not of this list.
        """
        filtered = self._filtered(status=query.status, queue=query.queue, function=query.function)
        newest_first = filtered.order_by("created_at", direction="DESCENDING")
        asked = newest_first.order_by("__name__", direction="DESCENDING").limit(query.limit + 1)
        if query.cursor:
            created_at, letter_id = cursors.decode(query.key, query.cursor, _position)
            place = {"created_at": created_at, "__name__": self._letters.document(letter_id)}
            asked = asked.start_after(place)
        found, counted = await asyncio.gather(asked.get(), filtered.count().get())
        letters = [_stored(snapshot) for snapshot in found[: query.limit]]
        last = letters[-1] if len(found) > query.limit else None
        next_cursor = cursors.encode(query.key, (last.created_at, last.id)) if last else None
        return Page(letters, int(counted[0][0].value), next_cursor)

    async def oldest_open(self, queue: QueueName, limit: int) -> list[StoredLetter]:
        """The open letters of a queue, the oldest first: a read each."""
        asked = self._filtered(status="open", queue=queue).order_by("created_at").limit(limit)
        return [_stored(snapshot) async for snapshot in asked.stream()]

    async def of_trace(self, trace: str, limit: int) -> list[str]:
        """The ids of some letters that bear a trace: a read each."""
        asked = self._filtered(trace=trace).select(["trace"]).limit(limit)
        return [snapshot.id async for snapshot in asked.stream()]

    async def discard(self, letter_id: str, operator: str, reason: str) -> StoredLetter:
        """Close a letter whose work nobody wants any more.

        Raises:
            Problem: 404, there is none; or as :meth:`close`.
            TransientError: as :meth:`close`.
        """
        async with self._actions.recorded(operator, "dead-letter.discard", letter_id, {"reason": reason}):
            letter = await self.get(letter_id)
            closing = Closing("discarded", self._clock(), operator, reason)
            return await self.close(letter, closing, self._db.batch())

    async def close(self, letter: StoredLetter, closing: Closing, batch: "AsyncWriteBatch") -> StoredLetter:
        """Close an open letter and commit ``batch`` with it, both or neither.

        Raises:
            Problem: 409, it is closed.
            TransientError: what the batch changes is being changed by somebody else.
        """
        letter.require_open()
        unchanged = self._db.write_option(last_update_time=letter.update_time)
        batch.update(self._letters.document(letter.id), asdict(closing), option=unchanged)
        try:
            await batch.commit()
        except (FailedPrecondition, NotFound) as error:
            found = await self.get(letter.id)
            # It is closed as we meant to, if the answer to a first commit was lost and the client made another.
            if found.closing != closing:
                found.require_open()
                raise TransientError("Somebody else is changing what the letter is about.") from error
        extra = {"dead_letter": letter.id, "queue": letter.queue, "letter_trace": letter.trace}
        _log.info("dead_letter.closed", extra=extra | {"ending": closing.status, "by": closing.closed_by})
        return replace(letter, closing=closing)

    def _filtered(self, **values: str | None) -> Any:
        from google.cloud.firestore import FieldFilter

        query: Any = self._letters
        for field, value in values.items():
            if value is not None:
                query = query.where(filter=FieldFilter(field, "==", value))
        return query


def no_letter(letter_id: str) -> Problem:
    """The answer when there is no such letter."""
    return Problem(404, "not-found", f"There is no dead letter {letter_id}.")


def _stored(snapshot: "DocumentSnapshot[Any]") -> StoredLetter:
    fields = snapshot.to_dict() or {}
    closing = Closing(
        status=fields["status"],
        closed_at=fields.get("closed_at"),
        closed_by=fields.get("closed_by"),
        reason=fields.get("reason"),
    )
    return StoredLetter(
        id=snapshot.id,
        queue=fields["queue"],
        function=fields["function"],
        payload=fields["payload"],
        error=fields["error"],
        attempts=fields["attempts"],
        # Letters of before there was an outbox have none.
        event=fields.get("event", ""),
        trace=fields["trace"],
        created_at=fields["created_at"],
        closing=closing,
        update_time=snapshot.update_time,
    )
