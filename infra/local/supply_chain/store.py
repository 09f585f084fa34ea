"""What survives a restart: the versions that were taken, the keys they came with, and what arrived at all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from sqlite3 import Row
from typing import Any

from infra.local.database import open_database, transaction

from .message import Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    product_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    message TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    UNIQUE (product_id, version)
);
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY,
    product_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    status INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrivals (
    product_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Taken:
    """A version of a product, and when it was taken by the local clock."""

    message: Message
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The product as the API shows it."""
        message = self.message
        shown = {"id": message.id, "version": message.version, "deleted": message.deleted}
        return {**shown, "product": message.product, "updated_at": self.at}


@dataclass(frozen=True)
class FirstAnswer:
    """What the first request with a key brought, and the status it was answered with."""

    message: Message
    status: int


class Store:
    """One SQLite file; what a method has written is kept when it returns. ``path`` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._database = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def note_arrival(self, product_id: str, version: int) -> int:
        """Remember that a version was posted, whatever becomes of it; the newest that had been before, or 0."""
        with transaction(self._database):
            select = "SELECT version FROM arrivals WHERE product_id = ?"
            row = self._database.execute(select, (product_id,)).fetchone()
            newest: int = row["version"] if row else 0
            if version > newest:
                self._database.execute("REPLACE INTO arrivals VALUES (?, ?)", (product_id, version))
        return newest

    def recent(self, product_id: str, back: int = 0) -> Taken | None:
        """The latest version of a product, or the one that is ``back`` versions before it."""
        select = "SELECT * FROM versions WHERE product_id = ? ORDER BY version DESC LIMIT 1 OFFSET ?"
        return next(_taken(self._database.execute(select, (product_id, back))), None)

    def products(self) -> list[Taken]:
        """The latest version of every product, by id."""
        # SQLite takes the other columns from the row that has the maximum.
        select = "SELECT *, max(version) FROM versions GROUP BY product_id ORDER BY product_id"
        return list(_taken(self._database.execute(select)))

    def first_answer(self, key: str) -> FirstAnswer | None:
        """What is remembered about a key."""
        select = "SELECT message, status FROM keys JOIN versions USING (product_id, version) WHERE key = ?"
        row = self._database.execute(select, (key,)).fetchone()
        return FirstAnswer(Message.model_validate_json(row["message"]), row["status"]) if row else None

    def take(self, key: str, message: Message, status: int, at: datetime) -> None:
        """Keep a version, which may be there already, and the answer to its key."""
        content = (message.id, message.version, message.model_dump_json(), at.isoformat())
        with transaction(self._database):
            self._database.execute("INSERT OR IGNORE INTO versions VALUES (?, ?, ?, ?)", content)
            self._database.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?)", (key, message.id, message.version, status)
            )


def _taken(rows: Iterable[Row]) -> Iterator[Taken]:
    for row in rows:
        yield Taken(Message.model_validate_json(row["message"]), datetime.fromisoformat(row["taken_at"]))
