"""A job's settings: defaults, what an update changes, and what is refused.

Source: ``google.cloud.scheduler.v1.Job``, ``HttpTarget`` and ``RetryConfig``.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import scheduler_v1
from google.protobuf.field_mask_pb2 import FieldMask

from infra.local.backoff import RetryPolicy
from infra.local.http_target import check_target, method_number
from infra.local.prototime import duration, length_of
from infra.local.refusal import invalid, unimplemented
from infra.local.scheduler.cron import check_schedule

Job = scheduler_v1.Job.pb()

ENABLED = int(scheduler_v1.Job.State.ENABLED)
PAUSED = int(scheduler_v1.Job.State.PAUSED)

_LOCATION = r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+"
_LOCATION_NAME = re.compile(_LOCATION)
_JOB_NAME = re.compile(rf"{_LOCATION}/jobs/[A-Za-z0-9_-]{{1,500}}")
_MUTABLE = ("description", "http_target", "schedule", "time_zone", "retry_config", "attempt_deadline")
_MAX_DESCRIPTION = 500
_MAX_JOB_BYTES = 1 << 20
_MAX_RETRY_COUNT = 5
_DEFAULT_DEADLINE = 180.0
_SHORTEST_DEADLINE = 15.0
_LONGEST_DEADLINE = 1800.0
_DEFAULT_MIN_BACKOFF = 5.0
_DEFAULT_MAX_BACKOFF = 3600.0
_DEFAULT_MAX_DOUBLINGS = 5


@dataclass(frozen=True)
class JobConfig:
    """A job as a topology file declares it; times in seconds. The defaults are Google's.

    Attributes:
        schedule: five fields of unix-cron.
        uri: the HTTP target.
        service_account_email: whose OIDC token to send; empty for none.
        audience: the token's audience; empty for ``uri``.
    """

    schedule: str
    uri: str
    time_zone: str = "Etc/UTC"
    http_method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    service_account_email: str = ""
    audience: str = ""
    description: str = ""
    attempt_deadline: float = _DEFAULT_DEADLINE
    retry_count: int = 0
    max_retry_duration: float = 0.0
    min_backoff: float = _DEFAULT_MIN_BACKOFF
    max_backoff: float = _DEFAULT_MAX_BACKOFF
    max_doublings: int = _DEFAULT_MAX_DOUBLINGS


def check_location(name: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT unless ``name`` is a location's."""
    if not _LOCATION_NAME.fullmatch(name):
        raise invalid(f'{name!r} is not of the form "projects/PROJECT_ID/locations/LOCATION_ID"')


def check_name(name: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT unless ``name`` is a job's."""
    if not _JOB_NAME.fullmatch(name):
        raise invalid(
            f'{name!r} is not of the form "projects/PROJECT_ID/locations/LOCATION_ID/jobs/JOB_ID"; JOB_ID '
            "takes letters, digits, hyphens and underscores, at most 500"
        )


def short(name: str) -> str:
    """A job's id."""
    return name.rpartition("/")[2]


def created(requested: Any, parent: str) -> Any:
    """The enabled job that ``CreateJob`` makes of a request, with its defaults.

    Raises:
        Refusal: INVALID_ARGUMENT; UNIMPLEMENTED for targets other than HTTP, OAuth tokens and English-like
            schedules.
    """
    job = Job(state=ENABLED)
    for name in _MUTABLE:
        _copy(name, requested, job)
    job.name = requested.name or f"{parent}/jobs/{secrets.randbits(63):019d}"
    check_name(job.name)
    if not job.name.startswith(f"{parent}/jobs/"):
        raise invalid(f"the job's name {job.name!r} does not belong to the parent {parent!r}")
    _check_target_kind(requested)
    return _completed(job)


def updated(stored: Any, requested: Any, mask: Iterable[str]) -> Any:
    """``stored`` as ``UpdateJob`` leaves it.

    The fields that the mask names, or with an empty mask all that the request sets, take its values.

    Raises:
        Refusal: as for ``created``.
    """
    _check_target_kind(requested, needed=False)
    job = Job()
    job.CopyFrom(stored)
    for path in list(mask) or [descriptor.name for descriptor, _ in requested.ListFields()]:
        if not FieldMask(paths=[path]).IsValidForDescriptor(Job.DESCRIPTOR):
            raise invalid(f"update_mask: a job has no field {path!r}")
        if path.split(".")[0] in _MUTABLE:  # output-only fields are ignored, as documented
            _copy(path, requested, job)
    return _completed(job)


def job_from(name: str, config: JobConfig) -> Any:
    """An enabled job with ``config``'s settings.

    Raises:
        Refusal: as for ``created``.
    """
    check_name(name)
    job = Job(
        name=name,
        state=ENABLED,
        description=config.description,
        schedule=config.schedule,
        time_zone=config.time_zone,
        attempt_deadline=duration(config.attempt_deadline),
        http_target={
            "uri": config.uri,
            "http_method": method_number(config.http_method),
            "headers": dict(config.headers),
            "body": config.body,
        },
        retry_config={
            "retry_count": config.retry_count,
            "max_retry_duration": duration(config.max_retry_duration),
            "min_backoff_duration": duration(config.min_backoff),
            "max_backoff_duration": duration(config.max_backoff),
            "max_doublings": config.max_doublings,
        },
    )
    if config.service_account_email:
        job.http_target.oidc_token.service_account_email = config.service_account_email
        job.http_target.oidc_token.audience = config.audience
    return _completed(job)


def retry_policy(job: Any) -> RetryPolicy:
    """A job's retry parameters: ``retry_count`` does not count the first attempt, ``RetryPolicy`` does."""
    retry = job.retry_config
    return RetryPolicy(
        max_attempts=retry.retry_count + 1,
        max_retry_duration=length_of(retry.max_retry_duration),
        min_backoff=length_of(retry.min_backoff_duration),
        max_backoff=length_of(retry.max_backoff_duration),
        max_doublings=retry.max_doublings,
    )


def _copy(path: str, source: Any, target: Any) -> None:
    FieldMask(paths=[path]).MergeMessage(source, target, replace_message_field=True)


def _check_target_kind(job: Any, *, needed: bool = True) -> None:
    kind = job.WhichOneof("target")
    if kind in ("pubsub_target", "app_engine_http_target"):
        raise unimplemented(f"{kind}; use http_target")
    if needed and kind is None:
        raise invalid("the job has no http_target")


def _completed(job: Any) -> Any:
    """``job`` with defaults where it says nothing, once it has been checked."""
    job.time_zone = job.time_zone or "Etc/UTC"
    job.http_target.http_method = max(job.http_target.http_method, 1)
    if not job.HasField("attempt_deadline"):
        job.attempt_deadline.CopyFrom(duration(_DEFAULT_DEADLINE))
    _complete_retry(job.retry_config)
    _check(job)
    return job


def _complete_retry(retry: Any) -> None:
    if not retry.HasField("max_retry_duration"):
        retry.max_retry_duration.CopyFrom(duration(0.0))
    if not retry.HasField("min_backoff_duration"):
        retry.min_backoff_duration.CopyFrom(duration(_DEFAULT_MIN_BACKOFF))
    if not retry.HasField("max_backoff_duration"):
        retry.max_backoff_duration.CopyFrom(duration(_DEFAULT_MAX_BACKOFF))
    retry.max_doublings = retry.max_doublings or _DEFAULT_MAX_DOUBLINGS  # the API cannot tell 0 from unset


def _check(job: Any) -> None:
    check_target(job.http_target, job.http_target.uri, "http_target.uri")
    check_schedule(job.schedule, job.time_zone)
    if len(job.description) > _MAX_DESCRIPTION:
        raise invalid(f"description has {len(job.description)} characters; the limit is {_MAX_DESCRIPTION}")
    deadline = length_of(job.attempt_deadline)
    if not _SHORTEST_DEADLINE <= deadline <= _LONGEST_DEADLINE:
        raise invalid(f"attempt_deadline must be 15 s to 30 min (1800 s), not {deadline:g} s")
    _check_retry(job.retry_config)
    if job.ByteSize() > _MAX_JOB_BYTES:
        raise invalid(f"the job takes {job.ByteSize()} bytes; the limit is {_MAX_JOB_BYTES} (1 MB)")


def _check_retry(retry: Any) -> None:
    if not 0 <= retry.retry_count <= _MAX_RETRY_COUNT:
        raise invalid(f"retry_config.retry_count must be 0 to {_MAX_RETRY_COUNT}, not {retry.retry_count}")
    if retry.max_doublings < 0:
        raise invalid(f"retry_config.max_doublings must not be negative, not {retry.max_doublings}")
    for name in ("max_retry_duration", "min_backoff_duration", "max_backoff_duration"):
        if length_of(getattr(retry, name)) < 0:
            raise invalid(f"retry_config.{name} must not be negative")
    if length_of(retry.min_backoff_duration) > length_of(retry.max_backoff_duration):
        raise invalid("retry_config.min_backoff_duration must not exceed max_backoff_duration")
