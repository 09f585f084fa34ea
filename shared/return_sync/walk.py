"""Walking a window of ``order_returns`` in key order: the query, and positions in it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from google.cloud.firestore import AsyncClient, AsyncQuery

COLLECTION = "order_returns"
# The two orders in which a window is walked: by the time of the last change, and by the time at which a status
# changes with nobody's doing.
Walk = Literal["updated_at", "next_status_at"]
WALKS: tuple[Walk, ...] = ("updated_at", "next_status_at")
Direction = Literal["ASCENDING", "DESCENDING"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Position(BaseModel):
    """A place in a walk: the ordering time of a return and, among equal times, its id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    return_id: str


class Window(BaseModel):
    """What a run covers, both ends included; without ``start``, from the beginning of time.

    ``as_of`` is the moment whose statuses are pushed: an ordinary run's end, and for a historic run the present.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: datetime | None
    end: datetime
    as_of: datetime
    is_historic: bool

    @property
    def first(self) -> datetime:
        """The earliest time inside the window."""
        return self.start or _EPOCH


def window_query(
    db: "AsyncClient", walk: Walk, window: Window, direction: Direction = "ASCENDING"
) -> "AsyncQuery":
    """The returns of a window in the order of a walk, or backwards."""
    collection = db.collection(COLLECTION)
    query = collection.order_by(walk, direction=direction).order_by("__name__", direction=direction)
    since, until = FieldFilter(walk, ">=", window.first), FieldFilter(walk, "<=", window.end)
    return query.where(filter=since).where(filter=until)


def cursor(db: "AsyncClient", walk: Walk, position: Position) -> dict[str, Any]:
    """A position as a query cursor."""
    return {walk: position.at, "__name__": db.collection(COLLECTION).document(position.return_id)}
