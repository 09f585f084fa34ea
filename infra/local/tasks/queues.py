"""A queue's settings: Google's defaults, what an update changes, and what is refused.

Source: ``google.cloud.tasks.v2.Queue``, ``RateLimits`` and ``RetryConfig``; the defaults are those that
``gcloud tasks queues create`` reports for a queue made without options.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import Any

from google.cloud import tasks_v2
from google.protobuf.field_mask_pb2 import FieldMask

from infra.local.backoff import RetryPolicy
from infra.local.prototime import duration, length_of
from infra.local.refusal import invalid, unimplemented
from infra.local.tasks.names import check_queue_name
from infra.local.tasks.rates import burst_size

Queue = tasks_v2.Queue.pb()

RUNNING = int(tasks_v2.Queue.State.RUNNING)
PAUSED = int(tasks_v2.Queue.State.PAUSED)

_MAX_DISPATCHES_PER_SECOND = 500
_MAX_CONCURRENT_DISPATCHES = 5000
_GROUPS = ("rate_limits", "retry_config")
_FIELDS = frozenset(
    {
        "rate_limits.max_dispatches_per_second",
        "rate_limits.max_concurrent_dispatches",
        "retry_config.max_attempts",
        "retry_config.max_retry_duration",
        "retry_config.min_backoff",
        "retry_config.max_backoff",
        "retry_config.max_doublings",
    }
)
_OUTPUT_ONLY = frozenset({"name", "state", "purge_time", "rate_limits.max_burst_size"})
_UNIMPLEMENTED = ("app_engine_routing_override", "http_target", "stackdriver_logging_config")


@dataclass(frozen=True)
class QueueConfig:
    """A queue as a topology file declares it; times in seconds. The defaults are Google's."""

    max_dispatches_per_second: float = 500.0
    max_concurrent_dispatches: int = 1000
    max_attempts: int = 100
    max_retry_duration: float = 0.0
    min_backoff: float = 0.1
    max_backoff: float = 3600.0
    max_doublings: int = 16


def queue_from(name: str, config: QueueConfig) -> Any:
    """A running queue with ``config``'s settings.

    Raises:
        Refusal: INVALID_ARGUMENT, a setting is out of range.
    """
    queue = Queue(name=name, state=RUNNING)
    queue.rate_limits.max_dispatches_per_second = config.max_dispatches_per_second
    queue.rate_limits.max_concurrent_dispatches = config.max_concurrent_dispatches
    retry = queue.retry_config
    retry.max_attempts = config.max_attempts
    retry.max_retry_duration.CopyFrom(duration(config.max_retry_duration))
    retry.min_backoff.CopyFrom(duration(config.min_backoff))
    retry.max_backoff.CopyFrom(duration(config.max_backoff))
    retry.max_doublings = config.max_doublings
    return _checked(queue)


def created(requested: Any) -> Any:
    """The queue that ``CreateQueue`` makes of a request: defaults where it says nothing.

    Raises:
        Refusal: INVALID_ARGUMENT, or UNIMPLEMENTED for App Engine routing, target overrides and logging.
    """
    check_queue_name(requested.name)
    _check_features(requested)
    queue = queue_from(requested.name, QueueConfig())
    for group in _GROUPS:
        _overlay(getattr(queue, group), getattr(requested, group))
    return _checked(queue)


def updated(stored: Any, requested: Any, mask: Iterable[str]) -> Any:
    """``stored`` as ``UpdateQueue`` leaves it.

    A field that the mask names takes the request's value, zero included. A group that it names, and both
    groups with an empty mask, take the defaults where the request says nothing.

    Raises:
        Refusal: INVALID_ARGUMENT, or UNIMPLEMENTED as for ``created``.
    """
    fresh = created(requested)
    queue = Queue()
    queue.CopyFrom(stored)
    for path in list(mask) or _GROUPS:
        if path in _GROUPS:
            getattr(queue, path).CopyFrom(getattr(fresh, path))
        elif path in _FIELDS:
            FieldMask(paths=[path]).MergeMessage(requested, queue, replace_message_field=True)
        elif path.split(".")[0] in _UNIMPLEMENTED:
            raise unimplemented(f"Queue.{path}")
        elif path not in _OUTPUT_ONLY:
            raise invalid(f"update_mask: a queue has no field {path!r}")
    return _checked(queue)


def _check_features(queue: Any) -> None:
    for field in _UNIMPLEMENTED:
        if queue.HasField(field):
            raise unimplemented(f"Queue.{field}")


def _checked(queue: Any) -> Any:
    limits = queue.rate_limits
    if not 0 < limits.max_dispatches_per_second <= _MAX_DISPATCHES_PER_SECOND:
        raise invalid(
            f"rate_limits.max_dispatches_per_second must be over 0 and at most {_MAX_DISPATCHES_PER_SECOND}, "
            f"not {limits.max_dispatches_per_second:g}"
        )
    if not 1 <= limits.max_concurrent_dispatches <= _MAX_CONCURRENT_DISPATCHES:
        raise invalid(
            f"rate_limits.max_concurrent_dispatches must be 1 to {_MAX_CONCURRENT_DISPATCHES}, "
            f"not {limits.max_concurrent_dispatches}"
        )
    limits.max_burst_size = burst_size(limits.max_dispatches_per_second)
    check_retry_config(queue.retry_config)
    return queue


def check_retry_config(retry: Any) -> None:
    """Refuse retry parameters that Cloud Tasks refuses.

    Raises:
        Refusal: INVALID_ARGUMENT.
    """
    if retry.max_attempts < -1 or retry.max_attempts == 0:
        raise invalid(
            f"retry_config.max_attempts must be -1 (no limit) or at least 1, not {retry.max_attempts}"
        )
    if retry.max_doublings < 0:
        raise invalid(f"retry_config.max_doublings must not be negative, not {retry.max_doublings}")
    for field in ("max_retry_duration", "min_backoff", "max_backoff"):
        if length_of(getattr(retry, field)) < 0:
            raise invalid(f"retry_config.{field} must not be negative")
    if length_of(retry.min_backoff) > length_of(retry.max_backoff):
        raise invalid("retry_config.min_backoff must not exceed retry_config.max_backoff")


def retry_policy(retry: Any) -> RetryPolicy:
    """A checked ``RetryConfig`` as values. ``max_retry_duration`` counts whole seconds, as documented."""
    return RetryPolicy(
        max_attempts=retry.max_attempts,
        max_retry_duration=float(floor(length_of(retry.max_retry_duration))),
        min_backoff=length_of(retry.min_backoff),
        max_backoff=length_of(retry.max_backoff),
        max_doublings=retry.max_doublings,
    )


def effective_retry(queue: Any, task: Any) -> Any:
    """The ``RetryConfig`` of a task: its own fields where it sets them, its queue's elsewhere."""
    if not task.HasField("retry_config"):
        return queue.retry_config
    merged = type(queue.retry_config)()
    merged.CopyFrom(queue.retry_config)
    _overlay(merged, task.retry_config)
    return merged


def _overlay(settings: Any, said: Any) -> None:
    """Take over what ``said`` sets. (``MergeFrom`` would mix the seconds of one duration with another's nanos.)"""
    for descriptor, value in said.ListFields():
        if descriptor.message_type:
            getattr(settings, descriptor.name).CopyFrom(value)
        else:
            setattr(settings, descriptor.name, value)
