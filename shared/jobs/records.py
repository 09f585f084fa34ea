"""A job as it is kept: one document in ``jobs``, which says what it is, how far it is, and what became of it.

Of one subject at most one job is active. Its *slot*, a document in ``job_slots``, is taken in the commit that makes the
job and given back in the commit that ends it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot

COLLECTION = "jobs"
SLOTS = "job_slots"

JOB_ID = re.compile("[A-Za-z0-9-]{1,80}")
JobKind = Literal["audit", "repair", "reindex"]
Subject = Literal["returns", "products", "images"]
FindingKind = Literal["missing", "extra", "different"]
FINDING_KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
JobStatus = Literal["waiting", "running", "cancelling", "done", "failed", "cancelled"]
ACTIVE: tuple[JobStatus, ...] = ("waiting", "running", "cancelling")

# Longer than a step and the longest pause between two attempts at it (infra/topology.yaml): without a sign of life for
# so long, its task is lost.
SILENT = timedelta(minutes=10)
# As often as a job is begun anew by the sweeper without making a step before it counts as failed. Each time it is given
# twice as long, so that a queue may be paused for five hours.
MAX_RESTARTS = 5
KEPT = timedelta(days=90)
# Of how many accounts a job counts findings one by one; what the others have is added up.
MAX_ACCOUNTS = 500
OTHER_ACCOUNTS = "…"


class JobTask(BaseModel):
    """One step of a job. ``series`` counts how often its chain was begun anew; tasks of an older one are ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_id: str = Field(pattern=f"^{JOB_ID.pattern}$")
    step: int = Field(ge=0)
    series: int = Field(0, ge=0)

    @property
    def key(self) -> str:
        return f"{self.job_id}/{self.series}/{self.step}"


@dataclass(frozen=True)
class Job:
    """A job as it was read.

    Args:
        phase: what it is at, in words of its subject.
        step: how many steps have been done.
        series: how often its chain of tasks was begun anew.
        restarts: how often the sweeper did so since the last step.
        state: where it goes on, for its room alone; JSON.
        options: what it was asked for, such as ``{"audit": …}`` for the repair of an audit; JSON.
        done: how many records it has been through, of ``total``, where that is known.
        counts: what it has found or done, by name.
        by_account: findings by account and kind.
        uses: reads, writes and requests by name, counted as they were made.
        error: why it failed; of an active one, why the step that it is at has to be tried again.
        deadline: when the sweeper is to look into it; None once it has ended.
        expire_at: when it is forgotten.
        update_time: for the precondition of a change to it.
    """

    id: str
    kind: JobKind
    subject: Subject
    status: JobStatus
    phase: str
    step: int
    series: int
    created_at: datetime
    created_by: str
    trace: str
    restarts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline: datetime | None = None
    expire_at: datetime | None = None
    done: int = 0
    total: int | None = None
    error: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    by_account: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    uses: Mapping[str, int] = field(default_factory=dict)
    update_time: Any = None

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def drift(self) -> int:
        """How many things an audit has found that are not as they should be."""
        return sum(self.counts.get(kind, 0) for kind in FINDING_KINDS)

    @property
    def task(self) -> JobTask:
        """The step that it is at."""
        return JobTask(job_id=self.id, step=self.step, series=self.series)


# Kept as JSON text: nothing queries them, and Firestore takes neither all keys nor nested lists.
_JSON = ("state", "options", "counts", "by_account", "uses")


def fields_of(job: Job) -> dict[str, Any]:
    """All fields of a new job's document."""
    plain = {
        name: getattr(job, name) for name in Job.__dataclass_fields__ if name not in ("id", "update_time")
    }
    return stored(plain)


def stored(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a job as its document has them."""
    return {name: orjson.dumps(value).decode() if name in _JSON else value for name, value in changes.items()}


def job_in(snapshot: "DocumentSnapshot[Any]") -> Job | None:
    """The job in a document, if there is one."""
    fields = snapshot.to_dict()
    if fields is None:
        return None
    known = {name: fields[name] for name in Job.__dataclass_fields__ if name in fields}
    unpacked = {name: orjson.loads(known[name]) for name in _JSON if name in known}
    return Job(**known | unpacked | {"id": snapshot.id, "update_time": snapshot.update_time})
