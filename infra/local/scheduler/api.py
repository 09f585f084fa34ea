"""The RPCs of ``google.cloud.scheduler.v1.CloudScheduler`` over the runner.

Requests and answers are raw protobuf messages. CMEK settings are not here and answer UNIMPLEMENTED.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.cloud import scheduler_v1
from google.protobuf.empty_pb2 import Empty

from infra.local.clock import Clock
from infra.local.prototime import timestamp
from infra.local.refusal import Refusal, invalid, not_found
from infra.local.scheduler import jobs
from infra.local.scheduler.runner import Runner
from infra.local.scheduler.store import JobRecord

_ListJobsResponse = scheduler_v1.ListJobsResponse.pb()
_MAX_JOBS_PER_PAGE = 500


class SchedulerApi:
    """The RPCs. Each raises ``Refusal`` where Google answers with an error."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock

    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """The RPCs by name."""
        return {
            "ListJobs": self._list,
            "GetJob": self._get,
            "CreateJob": self._create,
            "UpdateJob": self._update,
            "DeleteJob": self._delete,
            "PauseJob": self._pause,
            "ResumeJob": self._resume,
            "RunJob": self._run,
        }

    def _list(self, request: Any) -> Any:
        jobs.check_location(request.parent)
        if request.page_size < 0:
            raise invalid(f"page_size must not be negative, not {request.page_size}")
        size = min(request.page_size or _MAX_JOBS_PER_PAGE, _MAX_JOBS_PER_PAGE)
        prefix = f"{request.parent}/jobs/"
        names = sorted(n for n in self._runner.jobs if n.startswith(prefix) and n > request.page_token)
        token = names[size - 1] if len(names) > size else ""
        page = [self._runner.jobs[name].job for name in names[:size]]
        return _ListJobsResponse(jobs=page, next_page_token=token)

    def _get(self, request: Any) -> Any:
        return self._existing(request.name).job

    def _create(self, request: Any) -> Any:
        jobs.check_location(request.parent)
        job = jobs.created(request.job, request.parent)
        if job.name in self._runner.jobs:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"the job {job.name!r} exists already")
        job.user_update_time.CopyFrom(timestamp(self._clock.time()))
        self._runner.schedule(JobRecord(job))
        return job

    def _update(self, request: Any) -> Any:
        record = self._existing(request.job.name)
        job = jobs.updated(record.job, request.job, request.update_mask.paths)
        job.user_update_time.CopyFrom(timestamp(self._clock.time()))
        rescheduled = (job.schedule, job.time_zone) != (record.job.schedule, record.job.time_zone)
        record.job = job
        if rescheduled:
            self._runner.schedule(record)
        else:
            self._runner.save(record)
        return job

    def _delete(self, request: Any) -> Any:
        self._existing(request.name)
        self._runner.remove(request.name)
        return Empty()

    def _pause(self, request: Any) -> Any:
        record = self._in_state(request.name, jobs.ENABLED, "enabled")
        record.job.state = jobs.PAUSED
        self._runner.save(record)
        return record.job

    def _resume(self, request: Any) -> Any:
        record = self._in_state(request.name, jobs.PAUSED, "paused")
        record.job.state = jobs.ENABLED
        self._runner.schedule(record)
        return record.job

    def _run(self, request: Any) -> Any:
        record = self._existing(request.name)
        self._runner.force(record)
        return record.job

    def _in_state(self, name: str, state: int, called: str) -> JobRecord:
        record = self._existing(name)
        if record.job.state != state:
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"the job {name!r} is not {called}")
        return record

    def _existing(self, name: str) -> JobRecord:
        jobs.check_name(name)
        try:
            return self._runner.jobs[name]
        except KeyError:
            raise not_found(f"the job {name!r} does not exist") from None
