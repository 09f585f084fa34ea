"""An attempt's traces: the request that is sent, and the bookkeeping before and after it.

Source for the headers: https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
"""

from infra.local.delivery import Delivery, Outcome
from infra.local.http_target import Sender, TokenMinter, headers_of, method_of
from infra.local.prototime import length_of, seconds_of, timestamp
from infra.local.tasks.names import queue_of, short
from infra.local.tasks.store import TaskRecord

_SENDER = Sender("Google-Cloud-Tasks", "X-CloudTasks-")


def begin(record: TaskRecord, now: float) -> None:
    """Note that an attempt is dispatched at ``now``."""
    task = record.task
    task.dispatch_count += 1
    task.last_attempt.Clear()
    task.last_attempt.schedule_time.CopyFrom(task.schedule_time)
    task.last_attempt.dispatch_time.CopyFrom(timestamp(now))
    if not task.HasField("first_attempt"):
        task.first_attempt.dispatch_time.CopyFrom(timestamp(now))


def fail(record: TaskRecord, outcome: Outcome, now: float) -> None:
    """Note that the attempt failed at ``now``."""
    task = record.task
    record.failures += 1
    record.previous_status = outcome.http_status
    record.retry_reason = outcome.reason
    # Set without an answer too: the API calls a status without a response time meaningless.
    task.last_attempt.response_time.CopyFrom(timestamp(now))
    task.last_attempt.response_status.CopyFrom(outcome.status())
    if outcome.http_status is not None:
        task.response_count += 1
        record.executions += outcome.http_status < 500


def first_dispatch(record: TaskRecord) -> float:
    """When the first attempt was dispatched, in seconds since the epoch."""
    return seconds_of(record.task.first_attempt.dispatch_time)


def request_of(record: TaskRecord, mint_token: TokenMinter) -> Delivery:
    """The HTTP request of the attempt that ``begin`` has noted."""
    task = record.task
    target = task.http_request
    headers = headers_of(target, target.url, _SENDER, mint_token)
    headers |= {
        "X-CloudTasks-QueueName": short(queue_of(task.name)),
        "X-CloudTasks-TaskName": short(task.name),
        "X-CloudTasks-TaskRetryCount": str(record.failures),
        "X-CloudTasks-TaskExecutionCount": str(record.executions),
        "X-CloudTasks-TaskETA": f"{seconds_of(task.schedule_time):.6f}",
    }
    if record.previous_status is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(record.previous_status)
    if record.retry_reason:
        headers["X-CloudTasks-TaskRetryReason"] = record.retry_reason
    return Delivery(method_of(target), target.url, headers, target.body, length_of(task.dispatch_deadline))
