"""The queues, tasks and taken names of the local Cloud Tasks, in SQLite."""

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud import tasks_v2

from infra.local.database import open_database, transaction
from infra.local.prototime import seconds_of
from infra.local.tasks.names import queue_of
from infra.local.tasks.queues import Queue

Task = tasks_v2.Task.pb()

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, queue BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    name TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    running INTEGER NOT NULL,
    due REAL NOT NULL,
    failures INTEGER NOT NULL,
    executions INTEGER NOT NULL,
    previous_status INTEGER,
    retry_reason TEXT NOT NULL,
    put_back INTEGER NOT NULL,
    task BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (queue, running, due);
CREATE TABLE IF NOT EXISTS taken_names (name TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
"""


@dataclass
class TaskRecord:
    """A task with what its resource does not show.

    Attributes:
        task: the raw ``google.cloud.tasks.v2.Task``.
        failures: attempts that failed, for any reason.
        executions: failed attempts that the handler answered with anything but a 5xx.
        previous_status: the HTTP status that the last failed attempt was answered with, if it was answered.
        retry_reason: why the last attempt failed; empty before the first failure.
        put_back: the number of the attempt that an injected delay has put back already.
    """

    task: Any
    failures: int = 0
    executions: int = 0
    previous_status: int | None = None
    retry_reason: str = ""
    put_back: int = 0


@dataclass(frozen=True)
class Depth:
    """How many tasks a queue has: in all, in delivery, and waiting with their time come."""

    total: int
    running: int
    due: int


class TaskStore:
    """One SQLite file. Every method has committed when it returns, unless it runs inside ``transaction``.

    A task that is being delivered is marked as running, and the mark outlives the process.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Group writes: all of them or none."""
        return transaction(self._database)

    def queue(self, name: str) -> Any | None:
        """The queue ``name``, or None."""
        row = self._database.execute("SELECT queue FROM queues WHERE name = ?", (name,)).fetchone()
        return Queue.FromString(row["queue"]) if row else None

    def queues(self, prefix: str = "", after: str = "", limit: int = -1) -> list[Any]:
        """Queues in name order: those whose names start with ``prefix`` and come after ``after``."""
        rows = self._database.execute(
            "SELECT queue FROM queues WHERE name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
            (after, len(prefix), prefix, limit),
        )
        return [Queue.FromString(row["queue"]) for row in rows]

    def save_queue(self, queue: Any) -> None:
        """Create the queue or replace its settings."""
        self._database.execute(
            "INSERT OR REPLACE INTO queues VALUES (?, ?)", (queue.name, queue.SerializeToString())
        )

    def delete_queue(self, name: str, taken_until: float) -> None:
        """Remove the queue and its tasks; its name stays taken until then."""
        with self.transaction():
            self._database.execute("DELETE FROM tasks WHERE queue = ?", (name,))
            self._database.execute("DELETE FROM queues WHERE name = ?", (name,))
            self._take_name(name, taken_until)

    def is_taken(self, name: str, now: float) -> bool:
        """Whether a deleted queue's, or an ended task's, name cannot be used yet."""
        row = self._database.execute("SELECT until FROM taken_names WHERE name = ?", (name,)).fetchone()
        return row is not None and row["until"] > now

    def release_names(self, now: float) -> None:
        """Forget names that are free again."""
        self._database.execute("DELETE FROM taken_names WHERE until <= ?", (now,))

    def unmark_running(self) -> None:
        """Let tasks wait again whose delivery was cut off."""
        self._database.execute("UPDATE tasks SET running = 0 WHERE running = 1")

    def task(self, name: str) -> TaskRecord | None:
        """The task ``name``, or None when it never was or is gone."""
        row = self._database.execute("SELECT * FROM tasks WHERE name = ?", (name,)).fetchone()
        return _record(row) if row else None

    def tasks(self, queue: str, after: str, limit: int) -> list[TaskRecord]:
        """Up to ``limit`` tasks of ``queue`` in name order whose names come after ``after``."""
        first, end = f"{queue}/tasks/", f"{queue}/tasks0"  # "0" follows "/" in ASCII
        rows = self._database.execute(
            "SELECT * FROM tasks WHERE name > ? AND name < ? ORDER BY name LIMIT ?",
            (max(first, after), end, limit),
        )
        return [_record(row) for row in rows]

    def due_tasks(self, queue: str, now: float, limit: int) -> list[TaskRecord]:
        """Up to ``limit`` tasks that wait and whose time has come, the longest due first."""
        rows = self._database.execute(
            "SELECT * FROM tasks WHERE queue = ? AND running = 0 AND due <= ? ORDER BY due LIMIT ?",
            (queue, now, limit),
        )
        return [_record(row) for row in rows.fetchall()]

    def save_task(self, record: TaskRecord, *, running: bool) -> None:
        """Create the task or replace it."""
        task = record.task
        self._database.execute(
            "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                task.name,
                queue_of(task.name),
                running,
                seconds_of(task.schedule_time),
                record.failures,
                record.executions,
                record.previous_status,
                record.retry_reason,
                record.put_back,
                task.SerializeToString(),
            ),
        )

    def end_task(self, name: str, taken_until: float) -> bool:
        """Remove a task; its name stays taken until then. False if it is gone already."""
        with self.transaction():
            ended = self._database.execute("DELETE FROM tasks WHERE name = ?", (name,)).rowcount == 1
            if ended:
                self._take_name(name, taken_until)
        return ended

    def purge(self, queue: str, taken_until: float) -> None:
        """Remove all tasks of ``queue``; their names stay taken until then."""
        with self.transaction():
            self._database.execute(
                "INSERT OR REPLACE INTO taken_names SELECT name, ? FROM tasks WHERE queue = ?",
                (taken_until, queue),
            )
            self._database.execute("DELETE FROM tasks WHERE queue = ?", (queue,))

    def next_due(self, queue: str) -> float | None:
        """When the first waiting task of ``queue`` is due; None without one."""
        row = self._database.execute(
            "SELECT min(due) AS due FROM tasks WHERE queue = ? AND running = 0", (queue,)
        ).fetchone()
        due: float | None = row["due"]
        return due

    def depth(self, queue: str, now: float) -> Depth:
        """How many tasks ``queue`` has."""
        row = self._database.execute(
            "SELECT count(*) AS total, total(running) AS running, total(running = 0 AND due <= ?) AS due"
            " FROM tasks WHERE queue = ?",
            (now, queue),
        ).fetchone()
        return Depth(row["total"], int(row["running"]), int(row["due"]))

    def _take_name(self, name: str, until: float) -> None:
        self._database.execute("INSERT OR REPLACE INTO taken_names VALUES (?, ?)", (name, until))


def _record(row: sqlite3.Row) -> TaskRecord:
    return TaskRecord(
        Task.FromString(row["task"]),
        row["failures"],
        row["executions"],
        row["previous_status"],
        row["retry_reason"],
        row["put_back"],
    )
