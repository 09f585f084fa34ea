"""The jobs of the local Cloud Scheduler, in SQLite."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.database import open_database
from infra.local.scheduler.jobs import Job

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    first_attempt REAL NOT NULL,
    occurrence REAL NOT NULL,
    job BLOB NOT NULL
) WITHOUT ROWID;
"""


@dataclass
class JobRecord:
    """A job with what its resource does not show; times in seconds since the epoch.

    Attributes:
        job: the raw ``google.cloud.scheduler.v1.Job``. Its ``schedule_time`` moves on when an execution has
            *ended*, so that one which dies with the process happens again.
        failures: failed attempts of the execution that is under way; 0 between executions.
        first_attempt: when that execution was attempted first.
        occurrence: the time of the schedule that it answers.
        running: whether a scheduled attempt is in delivery; not stored.
    """

    job: Any
    failures: int = 0
    first_attempt: float = 0.0
    occurrence: float = 0.0
    running: bool = False


class JobStore:
    """One SQLite file; a write has committed when its method returns."""

    def __init__(self, path: Path | None) -> None:
        self._database = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def load(self) -> dict[str, JobRecord]:
        """All jobs by name, in name order."""
        rows = self._database.execute("SELECT * FROM jobs ORDER BY name")
        return {
            row["name"]: JobRecord(
                Job.FromString(row["job"]), row["failures"], row["first_attempt"], row["occurrence"]
            )
            for row in rows
        }

    def save(self, record: JobRecord) -> None:
        """Create the job or replace it."""
        self._database.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)",
            (
                record.job.name,
                record.failures,
                record.first_attempt,
                record.occurrence,
                record.job.SerializeToString(),
            ),
        )

    def delete(self, name: str) -> None:
        """Remove the job."""
        self._database.execute("DELETE FROM jobs WHERE name = ?", (name,))
