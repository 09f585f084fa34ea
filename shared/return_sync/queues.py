"""The two queues of the returns sync and the shape of their tasks."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, RootModel

from shared.return_sync.walk import Position, Walk, Window
from shared.tasks import Queue


class SyncRecord(BaseModel):
    """The sync-state record, as ``returns-cron`` puts it on ``returnSync``, and the page of the walk to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: str
    job_type: str
    status: int
    start_date: datetime | None
    end_date: datetime | None
    created_at: datetime
    run_id: str
    is_historic: bool = False
    page: int = 0


class BatchTask(BaseModel):
    """One batch of a run: the returns of a walk after one position, up to and including another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: str
    run_id: str
    number: int
    window: Window
    walk: Walk
    after: Position | None
    upto: Position


class Refresh(BaseModel):
    """One return that a run has given up, to be looked at again now that somebody has mended what was wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    return_id: str = Field(pattern=r"^[^/]+$")
    run_id: str


class ProcessingTask(RootModel[BatchTask | Refresh]):
    """What ``returnSyncProcessing`` carries: batches, and what operators replay of their dead letters."""

    model_config = ConfigDict(frozen=True)


RETURN_SYNC = Queue("returnSync", "return-updated-task-queue", SyncRecord, max_attempts=10)
RETURN_SYNC_PROCESSING = Queue(
    "returnSyncProcessing", "return-update-processing-queue", ProcessingTask, max_attempts=30
)
