"""The local Cloud Scheduler, put together: its gRPC service, its executions and what the host asks of it."""

from datetime import UTC, datetime
from pathlib import Path

import grpc
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport

from infra.local.clock import Clock
from infra.local.delivery import Courier
from infra.local.http_target import TokenMinter
from infra.local.progress import Progress
from infra.local.prototime import timestamp
from infra.local.refusal import answering
from infra.local.rpc import service_handler
from infra.local.scheduler.api import SchedulerApi
from infra.local.scheduler.jobs import JobConfig, job_from, short
from infra.local.scheduler.runner import Run, Runner
from infra.local.scheduler.store import JobRecord, JobStore


class SchedulerService:
    """Cloud Scheduler on a laptop.

    Args:
        path: the SQLite file that keeps the jobs; None keeps them in memory.
        clock: the time that schedules and retries follow.
        mint_token: makes the OIDC tokens.
    """

    def __init__(self, path: Path | None, clock: Clock, mint_token: TokenMinter) -> None:
        self._clock = clock
        self._store = JobStore(path)
        self._progress = Progress()
        self._courier = Courier()
        self._runner = Runner(self._store, clock, self._courier.deliver, mint_token, self._progress.note)
        clock.on_advance(self._runner.wake)

    def handler(self) -> grpc.GenericRpcHandler:
        """The gRPC service, to be added to a ``grpc.aio`` server."""
        methods = SchedulerApi(self._runner, self._clock).methods()
        return service_handler(
            CloudSchedulerGrpcTransport, {name: answering(method) for name, method in methods.items()}
        )

    async def start(self) -> None:
        """Begin to run jobs, first of all those whose time came while there was no process."""
        self._runner.start()

    async def stop(self) -> None:
        """Abandon executions; they happen again after the next ``start``, here or in another process.

        Calls are served all the same, until ``close``.
        """
        await self._runner.stop()
        await self._courier.close()

    async def close(self) -> None:
        """Stop, and close the file."""
        await self.stop()
        self._store.close()

    def ensure_job(self, project: str, location: str, job_id: str, config: JobConfig) -> None:
        """Create the job, or give an existing one these settings.

        Whether it is paused and how it last ended stay as they are, and so does its next time, unless its
        schedule or time zone changes.

        Raises:
            Refusal: INVALID_ARGUMENT or UNIMPLEMENTED, a name or setting is not possible.
        """
        job = job_from(f"projects/{project}/locations/{location}/jobs/{job_id}", config)
        job.user_update_time.CopyFrom(timestamp(self._clock.time()))
        record = self._runner.jobs.get(job.name)
        if record is None:
            self._runner.schedule(JobRecord(job))
            return
        before = record.job
        record.job = job
        job.state = before.state
        for name in ("status", "last_attempt_time", "schedule_time"):
            if before.HasField(name):
                getattr(job, name).CopyFrom(getattr(before, name))
        if (job.schedule, job.time_zone) != (before.schedule, before.time_zone):
            self._runner.schedule(record)
        else:
            self._runner.save(record)

    async def run_now(self, job_id: str) -> Run:
        """Run a job now and wait for its end, even while it is paused.

        Args:
            job_id: the last part of its name.

        Raises:
            LookupError: no job, or more than one, has that id.
        """
        found = [record for name, record in self._runner.jobs.items() if short(name) == job_id]
        if len(found) != 1:
            raise LookupError(f"{len(found)} jobs have the id {job_id!r}")
        return await self._runner.force(found[0])

    @property
    def busy(self) -> bool:
        """Whether an execution is under way or due."""
        return self._runner.busy()

    async def idle(self, timeout: float) -> bool:  # noqa: ASYNC109  # its answer is a bool, not an error
        """Wait until no execution is under way or due; False if one is after ``timeout`` real seconds."""
        return await self._progress.until(lambda: not self.busy, timeout)

    def next_due(self) -> datetime | None:
        """When the next job fires or is retried."""
        due = self._runner.next_due()
        return None if due is None else datetime.fromtimestamp(due, UTC)
