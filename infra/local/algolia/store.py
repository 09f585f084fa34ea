"""What survives a restart: indices, records and tasks in one SQLite file."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    primary_id INTEGER,
    virtual INTEGER NOT NULL DEFAULT 0,
    settings BLOB NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS records (
    index_id INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (index_id, object_id)
);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    index_name TEXT NOT NULL,
    published_at REAL NOT NULL
);
"""
_VARIABLES = 500


@dataclass(frozen=True)
class Index:
    """One index. A replica (``primary_id`` set) has settings of its own and no records."""

    id: int
    name: str
    primary_id: int | None
    virtual: bool
    settings: dict[str, Any]
    created_at: float
    updated_at: float

    @property
    def records_id(self) -> int:
        """The index whose records this one shows."""
        return self.primary_id or self.id


class Store:
    """SQLite in WAL mode: what is committed survives the end of the process. ``path`` None keeps it in memory."""

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. There is no ``await`` within one, so nothing else comes in between."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def index(self, name: str) -> Index | None:
        """The index of that name."""
        return next(self._indexes("WHERE name = ?", name), None)

    def index_by_id(self, index_id: int) -> Index:
        """An index known to exist."""
        return next(self._indexes("WHERE id = ?", index_id))

    def indexes(self) -> list[Index]:
        """All indices, by name."""
        return list(self._indexes("ORDER BY name"))

    def replicas(self, primary_id: int) -> list[Index]:
        """The replicas of an index, by name."""
        return list(self._indexes("WHERE primary_id = ? ORDER BY name", primary_id))

    def _indexes(self, condition: str, *values: Any) -> Iterator[Index]:
        columns = "id, name, primary_id, virtual, settings, created_at, updated_at"
        for row in self._db.execute(f"SELECT {columns} FROM indexes {condition}", values):
            yield Index(row[0], row[1], row[2], bool(row[3]), orjson.loads(row[4]), row[5], row[6])

    def create_index(self, name: str, now: float) -> Index:
        """A new, empty index with default settings."""
        insert = "INSERT INTO indexes (name, settings, created_at, updated_at) VALUES (?, ?, ?, ?)"
        created = self._db.execute(insert, (name, b"{}", now, now)).lastrowid
        assert created is not None
        return self.index_by_id(created)

    def drop_index(self, index_id: int) -> None:
        """Remove an index, its settings and its records."""
        self.clear_records(index_id)
        self._db.execute("DELETE FROM indexes WHERE id = ?", (index_id,))

    def rename_index(self, index_id: int, name: str) -> None:
        """Give an index a free name."""
        self._db.execute("UPDATE indexes SET name = ? WHERE id = ?", (name, index_id))

    def set_settings(self, index_id: int, settings: dict[str, Any]) -> None:
        """Replace an index's settings."""
        self._db.execute("UPDATE indexes SET settings = ? WHERE id = ?", (orjson.dumps(settings), index_id))

    def set_primary(self, index_id: int, primary_id: int | None, virtual: bool) -> None:
        """Make an index a replica of another, or (None) one of its own."""
        update = "UPDATE indexes SET primary_id = ?, virtual = ? WHERE id = ?"
        self._db.execute(update, (primary_id, virtual, index_id))

    def touch(self, index_id: int, now: float) -> None:
        """The index was changed at ``now`` (seconds since the epoch)."""
        self._db.execute("UPDATE indexes SET updated_at = ? WHERE id = ?", (now, index_id))

    def put_records(self, index_id: int, records: Iterable[tuple[str, bytes]]) -> None:
        """Write records (objectID, JSON), replacing those that exist."""
        upsert = (
            "INSERT INTO records (index_id, object_id, data) VALUES (?, ?, ?)"
            " ON CONFLICT (index_id, object_id) DO UPDATE SET data = excluded.data"
        )
        self._db.executemany(upsert, ((index_id, object_id, data) for object_id, data in records))

    def delete_records(self, index_id: int, object_ids: Iterable[str]) -> None:
        """Remove records that may or may not exist."""
        delete = "DELETE FROM records WHERE index_id = ? AND object_id = ?"
        self._db.executemany(delete, ((index_id, object_id) for object_id in object_ids))

    def clear_records(self, index_id: int) -> None:
        """Remove all records of an index."""
        self._db.execute("DELETE FROM records WHERE index_id = ?", (index_id,))

    def copy_records(self, source_id: int, target_id: int) -> None:
        """Give an empty index the records of another."""
        copy = (
            "INSERT INTO records (index_id, object_id, data)"
            " SELECT ?, object_id, data FROM records WHERE index_id = ? ORDER BY object_id"
        )
        self._db.execute(copy, (target_id, source_id))

    def records(self, index_id: int, object_ids: Sequence[str]) -> dict[str, bytes]:
        """The JSON of those records that exist."""
        found: dict[str, bytes] = {}
        for start in range(0, len(object_ids), _VARIABLES):
            some = object_ids[start : start + _VARIABLES]
            marks = ",".join("?" * len(some))
            select = f"SELECT object_id, data FROM records WHERE index_id = ? AND object_id IN ({marks})"
            found.update(self._db.execute(select, (index_id, *some)))
        return found

    def records_after(self, index_id: int, object_id: str, limit: int) -> list[tuple[str, bytes]]:
        """The next records in the order of objectID."""
        select = "SELECT object_id, data FROM records WHERE index_id = ? AND object_id > ? ORDER BY object_id LIMIT ?"
        return self._db.execute(select, (index_id, object_id, limit)).fetchall()

    def count_entries(self, index_id: int) -> int:
        """How many records an index has."""
        count = "SELECT count(*) FROM records WHERE index_id = ?"
        entries: int = self._db.execute(count, (index_id,)).fetchone()[0]
        return entries

    def measure(self, index_id: int) -> tuple[int, int]:
        """How many records an index has, and their bytes."""
        count = "SELECT count(*), coalesce(sum(length(data)), 0) FROM records WHERE index_id = ?"
        entries, size = self._db.execute(count, (index_id,)).fetchone()
        return entries, size

    def add_task(self, index_name: str, published_at: float) -> int:
        """The id of a new task, larger than all before it."""
        insert = "INSERT INTO tasks (index_name, published_at) VALUES (?, ?)"
        task_id = self._db.execute(insert, (index_name, published_at)).lastrowid
        assert task_id is not None
        return task_id

    def task_published_at(self, task_id: int) -> float | None:
        """When a task is published, in seconds since the epoch; None if there is no such task."""
        row = self._db.execute("SELECT published_at FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return None if row is None else row[0]

    def pending_tasks(self, index_name: str, now: float) -> int:
        """How many of an index's tasks are not published yet."""
        count = "SELECT count(*) FROM tasks WHERE index_name = ? AND published_at > ?"
        pending: int = self._db.execute(count, (index_name, now)).fetchone()[0]
        return pending
