"""The rows of the local Cloud Storage, in SQLite: buckets, objects and uploads under way."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection, Row
from typing import Any

from .resources import Bucket, Contents, Metadata, StoredObject

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY,
    metageneration INTEGER NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    public INTEGER NOT NULL,
    settings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    metageneration INTEGER NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    blob TEXT NOT NULL,
    size INTEGER NOT NULL,
    crc32c TEXT NOT NULL,
    md5 TEXT,
    components INTEGER,
    metadata TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_blob ON objects (blob);
CREATE TABLE IF NOT EXISTS generations (last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    started REAL NOT NULL,
    blob TEXT NOT NULL,
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    finished TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_blob ON uploads (blob);
"""


@dataclass(frozen=True)
class Upload:
    """A resumable upload.

    Attributes:
        started: seconds since the epoch.
        blob: what has come so far; gone once it is finished.
        request: what the first request wanted, as JSON.
        finished: the resource that it made, as JSON; None while it is under way.
    """

    id: str
    started: float
    blob: str
    bucket: str
    name: str
    request: str
    finished: str | None = None


class Store:
    """Every method has committed when it returns, unless it runs inside a transaction."""

    def __init__(self, database: Connection) -> None:
        self._database = database

    def bucket(self, name: str) -> Bucket | None:
        """The bucket, or None."""
        row = self._database.execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchone()
        return _bucket(row) if row else None

    def buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Buckets in name order that begin with ``prefix`` and come after ``after``."""
        select = "SELECT * FROM buckets WHERE name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?"
        return [_bucket(row) for row in self._database.execute(select, (after, len(prefix), prefix, limit))]

    def lifecycles(self) -> dict[str, Mapping[str, Any]]:
        """The buckets that have a lifecycle, with it."""
        rows = self._database.execute("SELECT * FROM buckets")
        settings = {row["name"]: json.loads(row["settings"]) for row in rows}
        return {name: given["lifecycle"] for name, given in settings.items() if "lifecycle" in given}

    def save_bucket(self, bucket: Bucket) -> None:
        """Create or replace it."""
        self._database.execute(
            "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?, ?)",
            (
                bucket.name,
                bucket.metageneration,
                bucket.created.isoformat(),
                bucket.updated.isoformat(),
                bucket.public,
                json.dumps(bucket.settings),
            ),
        )

    def delete_bucket(self, name: str) -> None:
        """Remove it; its objects must be gone."""
        self._database.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def next_generation(self, now: datetime) -> int:
        """Microseconds of the clock as at Google, but never one that was before, whatever the clock does."""
        row = self._database.execute("SELECT last FROM generations").fetchone()
        generation = max(int(now.timestamp() * 1_000_000), row["last"] + 1 if row else 0)
        self._database.execute("DELETE FROM generations")
        self._database.execute("INSERT INTO generations VALUES (?)", (generation,))
        return generation

    def object(self, bucket: str, name: str) -> StoredObject | None:
        """The live object, or None."""
        select = "SELECT * FROM objects WHERE bucket = ? AND name = ?"
        row = self._database.execute(select, (bucket, name)).fetchone()
        return _object(row) if row else None

    def objects(self, bucket: str, start: str) -> Iterator[StoredObject]:
        """Objects from ``start`` on, in the order of their names' UTF-8."""
        select = "SELECT * FROM objects WHERE bucket = ? AND name >= ? ORDER BY name"
        return map(_object, self._database.execute(select, (bucket, start)))

    def created_by(self, bucket: str, moment: datetime, limit: int) -> list[StoredObject]:
        """Some of the objects that were there at ``moment`` already; times in UTC sort as their texts do."""
        select = "SELECT * FROM objects WHERE bucket = ? AND created <= ? LIMIT ?"
        return [_object(row) for row in self._database.execute(select, (bucket, moment.isoformat(), limit))]

    def save_object(self, stored: StoredObject) -> None:
        """Create it or replace the one of its name."""
        contents = stored.contents
        self._database.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stored.bucket,
                stored.name,
                stored.generation,
                stored.metageneration,
                stored.created.isoformat(),
                stored.updated.isoformat(),
                contents.blob,
                contents.size,
                contents.crc32c,
                contents.md5,
                contents.components,
                json.dumps(stored.metadata),
            ),
        )

    def delete_object(self, bucket: str, name: str) -> None:
        """Remove it."""
        self._database.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (bucket, name))

    def upload(self, upload_id: str) -> Upload | None:
        """The resumable upload, or None."""
        row = self._database.execute("SELECT * FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        return Upload(*row) if row else None

    def uploads_before(self, moment: float) -> list[Upload]:
        """Those that were started before then."""
        rows = self._database.execute("SELECT * FROM uploads WHERE started < ?", (moment,))
        return [Upload(*row) for row in rows]

    def save_upload(self, upload: Upload) -> None:
        """Create or replace it."""
        fields = (upload.id, upload.started, upload.blob, upload.bucket, upload.name)
        self._database.execute(
            "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*fields, upload.request, upload.finished),
        )

    def delete_upload(self, upload_id: str) -> None:
        """Forget it."""
        self._database.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))

    def blobs(self) -> set[str]:
        """All that a row names."""
        rows = self._database.execute("SELECT blob FROM objects UNION SELECT blob FROM uploads")
        return {row["blob"] for row in rows}

    def names(self, blob: str) -> bool:
        """Whether a row names it."""
        select = "SELECT 1 FROM objects WHERE blob = ? UNION ALL SELECT 1 FROM uploads WHERE blob = ?"
        return self._database.execute(select, (blob, blob)).fetchone() is not None


def _bucket(row: Row) -> Bucket:
    return Bucket(
        row["name"],
        row["metageneration"],
        datetime.fromisoformat(row["created"]),
        datetime.fromisoformat(row["updated"]),
        bool(row["public"]),
        json.loads(row["settings"]),
    )


def _object(row: Row) -> StoredObject:
    metadata: Metadata = json.loads(row["metadata"])
    return StoredObject(
        row["bucket"],
        row["name"],
        row["generation"],
        row["metageneration"],
        datetime.fromisoformat(row["created"]),
        datetime.fromisoformat(row["updated"]),
        Contents(row["blob"], row["size"], row["crc32c"], row["md5"], row["components"]),
        metadata,
    )
