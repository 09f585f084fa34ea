"""What has happened to objects, kept until somebody has taken it over."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection
from typing import Any, Literal

from .resources import StoredObject, object_resource, timestamp

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- so that no id comes again once its event is forgotten
    type TEXT NOT NULL,
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    time TEXT NOT NULL,
    data TEXT NOT NULL
);
"""

Happening = Literal["finalized", "deleted", "metadataUpdated"]


@dataclass(frozen=True)
class ObjectEvent:
    """Something that has happened to an object.

    Attributes:
        id: of this event, and of no other.
        type: such as ``google.cloud.storage.object.v1.finalized``.
        time: when it happened, RFC 3339.
        data: the object's resource, as the JSON API has it; of a deleted object as it was last.
    """

    id: str
    type: str
    bucket: str
    name: str
    time: str
    data: Mapping[str, Any]


class EventLog:
    """Events in the order in which they happened; one is written with the change that it tells of, or not at all."""

    def __init__(self, database: Connection) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []

    def add(self, happening: Happening, stored: StoredObject, at: datetime) -> None:
        """Keep an event; to be called in the transaction of the change."""
        event_type = f"google.cloud.storage.object.v1.{happening}"
        data = json.dumps(object_resource(stored), ensure_ascii=False)
        self._database.execute(
            "INSERT INTO events (type, bucket, name, time, data) VALUES (?, ?, ?, ?, ?)",
            (event_type, stored.bucket, stored.name, timestamp(at), data),
        )

    def pending(self, limit: int) -> list[ObjectEvent]:
        """The oldest events, at most ``limit``."""
        rows = self._database.execute("SELECT * FROM events ORDER BY id LIMIT ?", (limit,))
        return [
            ObjectEvent(
                str(row["id"]), row["type"], row["bucket"], row["name"], row["time"], json.loads(row["data"])
            )
            for row in rows
        ]

    def forget(self, ids: Collection[str]) -> None:
        """Keep these no longer; the id of one that is gone already is no fault."""
        self._database.executemany("DELETE FROM events WHERE id = ?", [(int(id_),) for id_ in ids])

    def on_event(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when there are new events."""
        self._listeners.append(listener)

    def announce(self) -> None:
        """Tell the listeners; to be called when the transaction is over."""
        for listener in self._listeners:
            listener()
