"""The deliveries that the local Eventarc owes, in SQLite."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from infra.local.database import open_database, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY,
    trigger TEXT NOT NULL,
    event TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    accepted REAL NOT NULL,
    due REAL NOT NULL,
    running INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    put_back INTEGER NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (trigger, event)
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (trigger, running, due);
"""


@dataclass
class DeliveryRecord:
    """One event on its way to one function; times in seconds since the epoch.

    Attributes:
        event: the event's id.
        headers: those that every attempt has.
        accepted: when the event was taken over.
        due: when it is attempted next.
        attempts: those that were begun.
        failures: those that failed, which one that was cut off with the process has not.
        put_back: the number of the attempt that an injected delay has put back already.
        reason: why the last attempt failed; empty before the first failure.
    """

    trigger: str
    event: str
    headers: dict[str, str]
    body: bytes
    accepted: float
    due: float
    attempts: int = 0
    failures: int = 0
    put_back: int = 0
    reason: str = ""


class DeliveryStore:
    """One SQLite file. Every method has committed when it returns, unless it runs inside ``transaction``.

    A delivery that is under way is marked as running, and the mark outlives the process.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Group writes: all of them or none."""
        return transaction(self._database)

    def add(self, record: DeliveryRecord) -> None:
        """Owe a delivery; one of the same event by the same trigger is owed once."""
        self._database.execute(
            "INSERT INTO deliveries"
            " (trigger, event, headers, body, accepted, due, running, attempts, failures, put_back, reason)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '') ON CONFLICT DO NOTHING",
            (
                record.trigger,
                record.event,
                json.dumps(record.headers),
                record.body,
                record.accepted,
                record.due,
            ),
        )

    def save(self, record: DeliveryRecord, *, running: bool) -> None:
        """Keep what became of a delivery."""
        self._database.execute(
            "UPDATE deliveries SET due = ?, running = ?, attempts = ?, failures = ?, put_back = ?, reason = ?"
            " WHERE trigger = ? AND event = ?",
            (
                *(record.due, running, record.attempts, record.failures, record.put_back, record.reason),
                *(record.trigger, record.event),
            ),
        )

    def remove(self, record: DeliveryRecord) -> None:
        """The delivery is owed no longer."""
        self._database.execute(
            "DELETE FROM deliveries WHERE trigger = ? AND event = ?", (record.trigger, record.event)
        )

    def keep_only(self, triggers: Iterable[str]) -> None:
        """Forget what is for triggers that are no more."""
        kept = json.dumps(list(triggers))
        self._database.execute(
            "DELETE FROM deliveries WHERE trigger NOT IN (SELECT value FROM json_each(?))", (kept,)
        )

    def unmark_running(self) -> None:
        """Let deliveries wait again that were cut off."""
        self._database.execute("UPDATE deliveries SET running = 0 WHERE running = 1")

    def due(self, trigger: str, now: float, limit: int) -> list[DeliveryRecord]:
        """Up to ``limit`` deliveries that wait and whose time has come, the longest due first."""
        rows = self._database.execute(
            "SELECT * FROM deliveries WHERE trigger = ? AND running = 0 AND due <= ?"
            " ORDER BY due, number LIMIT ?",
            (trigger, now, limit),
        )
        return [_record(row) for row in rows.fetchall()]

    def next_due(self, trigger: str) -> float | None:
        """When the first delivery that waits is due; None without one."""
        row = self._database.execute(
            "SELECT min(due) AS due FROM deliveries WHERE trigger = ? AND running = 0", (trigger,)
        ).fetchone()
        due: float | None = row["due"]
        return due

    def owed(self) -> list[DeliveryRecord]:
        """Every delivery, in the order in which the events came."""
        return [_record(row) for row in self._database.execute("SELECT * FROM deliveries ORDER BY number")]


def _record(row: sqlite3.Row) -> DeliveryRecord:
    return DeliveryRecord(
        row["trigger"],
        row["event"],
        json.loads(row["headers"]),
        row["body"],
        row["accepted"],
        row["due"],
        row["attempts"],
        row["failures"],
        row["put_back"],
        row["reason"],
    )
