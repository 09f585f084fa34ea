"""What waits for too long, room by room: each of its collections says by a time in its documents what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.ops.health import Check, quoted
from functions.ops.spans import spoken
from shared.clock import Clock
from shared.dead_letters import COLLECTION as DEAD_LETTERS
from shared.images import COLLECTION as IMAGES
from shared.jobs.records import COLLECTION as JOBS
from shared.outbox import COLLECTION as OUTBOX
from shared.storefronts import COLLECTION as STOREFRONTS

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient

# Sweepers come every five minutes: what is still overdue after three of them is not being mended.
UNSWEPT = timedelta(minutes=15)
# The partner's ordinary hiccups are over by then: six attempts have failed.
UNDELIVERED = timedelta(minutes=30)
_PRICE_RUNS = "price_runs"


@dataclass(frozen=True)
class Overdue:
    """A collection whose documents have a time by which something should have happened."""

    name: str
    collection: str
    field: str
    what: str
    sweeper: str


OVERDUE = (
    Overdue("images", IMAGES, "deadline", "an image waits", "imageSweeper"),
    Overdue("storefronts", STOREFRONTS, "due_at", "a storefront waits to be rebuilt", "storefrontSweeper"),
    Overdue("price runs", _PRICE_RUNS, "deadline", "a price run hangs", "priceRunSweeper"),
    Overdue("jobs", JOBS, "deadline", "a job hangs", "jobSweeper"),
)


def judged_overdue(kind: Overdue, due_at: datetime | None, now: datetime) -> Check:
    """Whether the sweeper keeps up; the value is for how many seconds the worst is overdue."""
    late = max(now - due_at, timedelta(0)) if due_at else timedelta(0)
    if late <= UNSWEPT:
        return Check(kind.name, "ok", f"Of the {kind.name} none waits too long.", late.total_seconds())
    detail = f"{kind.what.capitalize()}, overdue for {spoken(late)}."
    advice = f"See whether {kind.sweeper} is paused or fails, and the queue behind it."
    return Check(kind.name, "degraded", detail, late.total_seconds(), advice)


def judged_deliveries(oldest: datetime | None, error: str, now: datetime) -> Check:
    """Whether changes of products reach the supply chain; the value is the age of the oldest that waits."""
    age = max(now - oldest, timedelta(0)) if oldest else timedelta(0)
    if age <= UNDELIVERED:
        return Check("deliveries", "ok", "Changes of products reach the supply chain.", age.total_seconds())
    detail = f"A change of a product has waited for {spoken(age)} to reach the supply chain."
    advice = "While its API is down, nothing is to be done: changes are tried for 72 hours."
    return Check("deliveries", "degraded", detail, age.total_seconds(), advice, quoted(error))


def judged_letters(count: int, oldest: datetime | None, now: datetime) -> Check:
    """Whether work has been given up; the value is how many letters are open."""
    if not count:
        return Check("dead letters", "ok", "No dead letters.", 0)
    which = "1 dead letter waits" if count == 1 else f"{count:,} dead letters wait"
    age = f", the oldest for {spoken(now - oldest)}" if oldest else ""
    advice = "Mend what was wrong, then replay or discard them."
    return Check("dead letters", "degraded", f"{which}{age}.", count, advice)


@dataclass(frozen=True)
class Backlogs:
    """Reads what is overdue: a read for each kind, or two."""

    db: "AsyncClient"
    clock: Clock

    async def overdue(self, kind: Overdue) -> list[Check]:
        """The longest overdue of a kind."""
        from google.cloud.firestore import FieldFilter

        passed = FieldFilter(kind.field, "<=", self.clock())
        query = self.db.collection(kind.collection).where(filter=passed).order_by(kind.field)
        found = await _first(query, [kind.field])
        return [judged_overdue(kind, found.get(kind.field), self.clock())]

    async def deliveries(self) -> list[Check]:
        """The oldest change of a product that is not delivered yet."""
        query = _of_status(self.db.collection(OUTBOX), "pending").order_by("created_at")
        found = await _first(query, ["created_at", "error"])
        return [judged_deliveries(found.get("created_at"), found.get("error", ""), self.clock())]

    async def letters(self) -> list[Check]:
        """Open dead letters: a read for each thousand, and one for the oldest."""
        query = _of_status(self.db.collection(DEAD_LETTERS), "open")
        counted = await query.count().get()
        count = int(counted[0][0].value)
        oldest = await _first(query.order_by("created_at"), ["created_at"]) if count else {}
        return [judged_letters(count, oldest.get("created_at"), self.clock())]


async def _first(query: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Some fields of the first document of a query, ``{}`` if there is none."""
    async for snapshot in query.select(list(fields)).limit(1).stream():
        return snapshot.to_dict() or {}
    return {}


def _of_status(collection: Any, status: str) -> Any:
    from google.cloud.firestore import FieldFilter

    return collection.where(filter=FieldFilter("status", "==", status))
