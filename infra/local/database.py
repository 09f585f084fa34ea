"""Open a stand-in's SQLite file, the way every write is kept once it has been acknowledged."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_database(path: Path | None, schema: str) -> sqlite3.Connection:
    """Open ``path``, or a database in memory for None, and create what ``schema`` declares.

    Statements commit on their own; ``transaction`` groups them. With WAL and ``synchronous=NORMAL`` a commit
    survives the death of the process, though not a power cut.
    """
    database = sqlite3.connect(path or ":memory:", isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.executescript(schema)
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block happens, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
