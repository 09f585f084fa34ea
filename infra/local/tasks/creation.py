"""What becomes of the task in a CreateTask request: checks, limits and filled-in fields.

Source: ``google.cloud.tasks.v2.CreateTaskRequest`` and ``Task``, and https://cloud.google.com/tasks/docs/quotas.
"""

from typing import Any

from infra.local.http_target import check_target
from infra.local.prototime import duration, length_of, seconds_of, timestamp
from infra.local.refusal import invalid, unimplemented
from infra.local.tasks.names import check_task_name, generated_task_name, queue_of
from infra.local.tasks.queues import check_retry_config, effective_retry
from infra.local.tasks.store import Task

_MAX_TASK_BYTES = 100 * 1024
_MAX_AHEAD_SECONDS = 30 * 24 * 3600.0
_DEFAULT_DEADLINE = 600.0
_SHORTEST_DEADLINE = 15.0
_LONGEST_DEADLINE = 1800.0


def task_from(requested: Any, queue: Any, now: float) -> Any:
    """The task to store: named, scheduled, with its defaults and without output-only values.

    Args:
        requested: the request's task.
        queue: the queue it goes to.
        now: seconds since the epoch.

    Raises:
        Refusal: INVALID_ARGUMENT, or UNIMPLEMENTED for App Engine targets and OAuth tokens.
    """
    if requested.HasField("app_engine_http_request"):
        raise unimplemented("App Engine targets; use http_request")
    if not requested.HasField("http_request"):
        raise invalid("the task has no http_request")
    check_target(requested.http_request, requested.http_request.url, "http_request.url")
    task = Task(name=_name(requested.name, queue.name), http_request=requested.http_request)
    if requested.HasField("retry_config"):
        task.retry_config.CopyFrom(requested.retry_config)
        check_retry_config(effective_retry(queue, task))
    task.http_request.http_method = max(task.http_request.http_method, 1)
    task.create_time.CopyFrom(timestamp(float(int(now))))
    task.schedule_time.CopyFrom(timestamp(_schedule(requested, now)))
    task.dispatch_deadline.CopyFrom(duration(_deadline(requested)))
    if task.ByteSize() > _MAX_TASK_BYTES:
        raise invalid(f"the task takes {task.ByteSize()} bytes; the limit is {_MAX_TASK_BYTES} (100 KB)")
    return task


def _name(name: str, queue: str) -> str:
    if not name:
        return generated_task_name(queue)
    check_task_name(name)
    if queue_of(name) != queue:
        raise invalid(f"the task's name {name!r} does not belong to the parent queue {queue!r}")
    return name


def _schedule(requested: Any, now: float) -> float:
    if not requested.HasField("schedule_time"):
        return now
    at = seconds_of(requested.schedule_time)
    if at > now + _MAX_AHEAD_SECONDS:
        raise invalid("schedule_time must be at most 30 days ahead")
    return max(at, now)


def _deadline(requested: Any) -> float:
    if not requested.HasField("dispatch_deadline"):
        return _DEFAULT_DEADLINE
    seconds = length_of(requested.dispatch_deadline)
    if not _SHORTEST_DEADLINE <= seconds <= _LONGEST_DEADLINE:
        raise invalid(f"dispatch_deadline must be 15 s to 30 min (1800 s), not {seconds:g} s")
    return seconds
