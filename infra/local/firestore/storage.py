"""Documents and index entries in SQLite: a B-tree of documents by path, and one of all index entries by key.

An entry's key is `index id + [collection's parent] + encoded values + encoded name`, so that a query is a scan of
one range of keys. Collections below documents are entered a second time for their collection group.
Readers work on snapshots (WAL), so a long query sees one state of the database while commits go on.
"""

import sqlite3
import struct
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from infra.local.firestore.encode import encode_path, invert, successor
from infra.local.firestore.indexes import Components, Fields, IndexSet
from infra.local.firestore.messages import Document
from infra.local.firestore.paths import Resource, parse_resource

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS interned (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY, cut INTEGER NOT NULL, document INTEGER NOT NULL) WITHOUT ROWID;
"""
_WRITER_CACHE_KIB = 65_536
_SCAN = (
    "SELECT key, cut, document, data FROM entries JOIN documents ON documents.id = entries.document "
    "WHERE key >= ? AND key < ? ORDER BY key "
)
_SCAN_KEYS = "SELECT key, cut, document FROM entries WHERE key >= ? AND key < ? ORDER BY key "
_REBUILD_CHUNK = 1_000


class Stored(NamedTuple):
    """A document as it lies in the database; ``version`` is its update time in microseconds."""

    id: int
    version: int
    data: bytes


class Entry(NamedTuple):
    """An index entry with its document; ``key[:cut]`` is the index's id and the values, the rest the name."""

    key: bytes
    cut: int
    id: int
    data: bytes


class Change(NamedTuple):
    """A document's state before and after a commit."""

    resource: Resource
    before: Stored | None
    after: Document | None
    version: int


class Reader:
    """Reads on one connection: the latest state, or a snapshot between :meth:`begin` and :meth:`end`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()

    def end(self) -> None:
        self._connection.rollback()

    def document(self, path: bytes) -> Stored | None:
        row = self._connection.execute(
            "SELECT id, version, data FROM documents WHERE path = ?", (path,)
        ).fetchone()
        return Stored(*row) if row else None

    def by_id(self, document: int) -> Stored:
        """The document behind an index entry of the same snapshot."""
        row = self._connection.execute("SELECT id, version, data FROM documents WHERE id = ?", (document,))
        return Stored(*row.fetchone())

    def scan(self, low: bytes, high: bytes, direction: str) -> Iterator[Entry]:
        """Entries with ``low <= key < high``; ``direction`` is ``ASC`` or ``DESC``."""
        return map(Entry._make, self._connection.execute(_SCAN + direction, (low, high)))

    def keys(self, low: bytes, high: bytes, direction: str) -> Iterator[tuple[bytes, int, int]]:
        """What :meth:`scan` gives, without the data."""
        return self._connection.execute(_SCAN_KEYS + direction, (low, high))

    def ids(self, low: bytes, high: bytes) -> set[int]:
        rows = self._connection.execute(
            "SELECT document FROM entries WHERE key >= ? AND key < ?", (low, high)
        )
        return {document for (document,) in rows}

    def count(self, low: bytes, high: bytes, at_most: int) -> int:
        """How many entries lie in a range; never counts past ``at_most``."""
        limited = "SELECT 1 FROM entries WHERE key >= ? AND key < ? LIMIT ?"
        row = self._connection.execute(f"SELECT count(*) FROM ({limited})", (low, high, at_most)).fetchone()
        return int(row[0])

    def below(self, low: bytes, high: bytes) -> Iterator[Stored]:
        """Documents with ``low <= path < high``, in order of their paths."""
        query = "SELECT id, version, data FROM documents WHERE path >= ? AND path < ? ORDER BY path"
        return map(Stored._make, self._connection.execute(query, (low, high)))

    def ordered_ids(self, low: bytes, high: bytes) -> Iterator[int]:
        """Documents of the entries with ``low <= key < high``, in order of the keys."""
        query = "SELECT document FROM entries WHERE key >= ? AND key < ? ORDER BY key"
        return (document for (document,) in self._connection.execute(query, (low, high)))

    def first(self, low: bytes, high: bytes) -> bytes | None:
        """The data of the document with the lowest path in ``low <= path < high``."""
        query = "SELECT data FROM documents WHERE path >= ? AND path < ? ORDER BY path LIMIT 1"
        row = self._connection.execute(query, (low, high)).fetchone()
        return bytes(row[0]) if row else None


class Store:
    """One SQLite file. Used from one thread.

    Args:
        path: the file, or None for a temporary one that vanishes with :meth:`close`.
        indexes: what to index. When it differs from the last run's, all entries are built again.
    """

    def __init__(self, path: Path | None, indexes: IndexSet) -> None:
        self._directory = None if path else tempfile.TemporaryDirectory(prefix="firestore-")
        self._path = path or Path(self._directory.name) / "firestore.sqlite"  # type: ignore[union-attr]
        self._indexes = indexes
        self._idle: list[Reader] = []
        self._readers: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._writer.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
        self._writer.executescript(_SCHEMA)
        self.latest = Reader(self._writer)
        self.last_commit = int(self._meta("last_commit") or 0)
        self._interned = lru_cache(maxsize=1_024)(self._intern)
        self._index = lru_cache(maxsize=65_536)(self._intern_index)
        if self._meta("indexes") != indexes.signature():
            self._rebuild()

    def close(self) -> None:
        for connection in (*self._readers, self._writer):
            connection.close()
        if self._directory:
            self._directory.cleanup()

    def snapshot(self) -> Reader:
        """A reader pinned to the current state, until it is given back with :meth:`release`."""
        reader = self._idle.pop() if self._idle else self._new_reader()
        reader.begin()
        return reader

    def release(self, reader: Reader) -> None:
        reader.end()
        self._idle.append(reader)

    def path(self, resource: Resource) -> bytes:
        """The key of a document."""
        return self.database(resource.database) + encode_path(resource.segments)

    def database(self, database: str) -> bytes:
        """What the keys of a database's documents start with."""
        return self._interned(database)

    def index(self, database: str, group: str, components: Components, *, whole_group: bool) -> bytes:
        """What an index's keys start with."""
        return self._index(database, group, components, whole_group)

    def expired(self, group: str, now: bytes, at_most: int) -> list[Document]:
        """Documents whose encoded expiry is not after ``now``, the longest expired first."""
        head = self._expiries(group)
        entries = self.latest.scan(head, head + successor(now), "ASC")
        return [Document.FromString(entry.data) for entry in islice(entries, at_most)]

    def apply(self, changes: Iterable[Change], commit_time: int) -> None:
        """Write all changes, durably and atomically; ``commit_time`` is in microseconds."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            gone: list[tuple[bytes]] = []
            added: list[tuple[bytes, int, int]] = []
            for change in changes:
                self._apply(change, gone, added)
            self._writer.executemany("DELETE FROM entries WHERE key = ?", gone)
            self._writer.executemany("INSERT INTO entries VALUES (?, ?, ?)", sorted(added))
            self._set_meta("last_commit", commit_time)
            self._writer.execute("COMMIT")
        except BaseException:
            self._writer.execute("ROLLBACK")
            self._forget_interned()
            raise
        self.last_commit = commit_time

    def _apply(self, change: Change, gone: list[tuple[bytes]], added: list[tuple[bytes, int, int]]) -> None:
        """Write the document, and note which index entries go and come."""
        resource, before, after, version = change
        old = self._entries(resource, Document.FromString(before.data).fields) if before else {}
        new = self._entries(resource, after.fields) if after else {}
        document = before.id if before else None
        if after is None:
            self._writer.execute("DELETE FROM documents WHERE id = ?", (document,))
        else:
            row = (document, self.path(resource), version, after.SerializeToString())
            document = self._writer.execute("REPLACE INTO documents VALUES (?, ?, ?, ?)", row).lastrowid
        gone += ((key,) for key in old if key not in new)
        added += ((key, cut, document or 0) for key, cut in new.items() if key not in old)

    def _entries(self, resource: Resource, fields: Fields) -> dict[bytes, int]:
        """Keys of a document's index entries, each with its cut."""
        segments = resource.segments
        group, nested = segments[-2], len(segments) > 2
        parent = encode_path(segments[:-2])
        own_name, full_name = encode_path(segments[-1:]), encode_path(segments)
        keys = {}
        for components, values in self._indexes.positions(group, fields):
            head = self._index(resource.database, group, components, False) + parent + values
            keys[head + tail(components, own_name)] = len(head)
            if nested:
                head = self._index(resource.database, group, components, True) + values
                keys[head + tail(components, full_name)] = len(head)
        expiry = self._indexes.expiry(group, fields)
        if expiry is not None:
            head = self._expiries(group) + expiry
            keys[head + self.path(resource)] = len(head)
        return keys

    def _expiries(self, group: str) -> bytes:
        """The index of expiry times; it is kept even for a field that is exempt from automatic indexing."""
        return self._interned(repr(("expiry", group)))

    def _rebuild(self) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        self._writer.execute("DELETE FROM entries")
        documents = self._writer.execute("SELECT id, data FROM documents")
        while rows := documents.fetchmany(_REBUILD_CHUNK):
            entries = [(key, cut, id_) for id_, data in rows for key, cut in self._entries_of(data).items()]
            self._writer.executemany("INSERT INTO entries VALUES (?, ?, ?)", sorted(entries))
        self._set_meta("indexes", self._indexes.signature())
        self._writer.execute("COMMIT")

    def _entries_of(self, data: bytes) -> dict[bytes, int]:
        document = Document.FromString(data)
        return self._entries(parse_resource(document.name), document.fields)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "mmap_size=1073741824",
            "wal_autocheckpoint=8000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _new_reader(self) -> Reader:
        connection = self._connect()
        self._readers.append(connection)
        return Reader(connection)

    def _meta(self, name: str) -> str | int | None:
        row = self._writer.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _set_meta(self, name: str, value: str | int) -> None:
        self._writer.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def _intern_index(self, database: str, group: str, components: Components, whole_group: bool) -> bytes:
        return self._interned(repr((database, group, [tuple(each) for each in components], whole_group)))

    def _intern(self, name: str) -> bytes:
        row = self._writer.execute("SELECT id FROM interned WHERE name = ?", (name,)).fetchone()
        number = (
            row[0]
            if row
            else self._writer.execute("INSERT INTO interned (name) VALUES (?)", (name,)).lastrowid
        )
        return struct.pack(">I", number)

    def _forget_interned(self) -> None:
        self._interned.cache_clear()
        self._index.cache_clear()


def tail(components: Components, name: bytes) -> bytes:
    """A name as it ends an index key: ordered as the index's last field is, as in Google's indexes."""
    return invert(name) if components and components[-1].mode == "DESCENDING" else name
