"""The typed view of ``topology.yaml``: the functions, queues, buckets, schedules and indexes, and their bounds.

Terraform reads the same file with ``yamldecode``; the local cloud and the tests read it through :func:`load`.
"""

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

import yaml
from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

TOPOLOGY_FILE = Path(__file__).with_name("topology.yaml")

FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
QueueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
JobName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,500}$")]
TriggerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")]
# Deployed with the project's name before it: the two, which can have 30 characters, must not exceed 63.
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")]
Duration = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)?s$")]
Origin = Annotated[str, StringConstraints(pattern=r"^(\*|https?://[^/*\s]+)$")]
IndexField = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]* (ASC|DESC|CONTAINS)$")]


def seconds(duration: str) -> float:
    """``"2.5s"`` as 2.5."""
    return float(duration.removesuffix("s"))


# https://cloud.google.com/run/docs/configuring/request-timeout: of a function that events call, 9 minutes.
_LONGEST_EVENT_SECONDS = 540


class TopologyError(Exception):
    """``topology.yaml`` cannot be used; the text says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Function(_Part):
    """A deployed function (Cloud Run functions, second generation)."""

    entry_point: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    room: str = Field(description="Package below functions/ that holds it.")
    access: Literal["public", "scheduler", "tasks", "events"] = Field(
        description="Who may call it: anyone with a user's token, or only the platform's own callers."
    )
    memory: str = Field(pattern=r"^\d+(Mi|Gi)$")
    cpu: float = Field(gt=0, le=8)
    concurrency: int = Field(ge=1, le=1000, description="Requests an instance takes at once.")
    timeout: int = Field(ge=1, le=3600, description="Seconds.")
    min_instances: int = Field(ge=0)
    max_instances: int = Field(ge=1)
    enqueues: tuple[QueueName, ...] = ()
    secrets: tuple[str, ...] = ()
    buckets: dict[BucketName, Literal["read", "create", "write"]] = Field(
        default_factory=dict,
        description="What it does in buckets: read and list, create only, or everything to objects.",
    )
    signs_links: bool = Field(
        default=False, description="Whether it signs links to a bucket with its own identity."
    )
    caches: bool = Field(default=False, description="Whether it uses the Redis, where there is one.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.concurrency > 1 and self.cpu < 1:
            raise ValueError("concurrency above 1 wants at least 1 CPU")
        if self.min_instances > self.max_instances:
            raise ValueError("min_instances is above max_instances")
        if self.access == "events" and self.timeout > _LONGEST_EVENT_SECONDS:
            raise ValueError(
                f"a function that events call has a timeout of {_LONGEST_EVENT_SECONDS} s at most"
            )
        return self


class Queue(_Part):
    """A Cloud Tasks queue. ``max_attempts`` counts the first attempt."""

    target: FunctionName
    max_dispatches_per_second: float = Field(gt=0, le=500)
    max_concurrent_dispatches: int = Field(ge=1, le=5000)
    max_attempts: int = Field(ge=1)
    max_retry_duration: Duration = "0s"
    min_backoff: Duration
    max_backoff: Duration
    max_doublings: int = Field(ge=0, le=16)


class Schedule(_Part):
    """A Cloud Scheduler job that POSTs to a function."""

    target: FunctionName
    cron: str
    time_zone: str = Field(description="An IANA name.")
    retry_count: int = Field(ge=0, le=5)
    deadline: Duration

    @model_validator(mode="after")
    def _cron_is_valid(self) -> Self:
        if len(self.cron.split()) != 5 or not croniter.is_valid(self.cron):
            raise ValueError(f"{self.cron!r} is not a five-field cron expression")
        if self.time_zone not in available_timezones():
            raise ValueError(f"{self.time_zone!r} is not a time zone")
        return self


class CorsRule(_Part):
    """What pages of other sites may do with a bucket's objects."""

    origins: tuple[Origin, ...] = Field(min_length=1, description='Such as "https://shop.example", or "*".')
    methods: tuple[Literal["GET", "HEAD", "PUT"], ...] = Field(min_length=1)
    headers: tuple[str, ...] = Field(default=(), description="That a page may send, and read in an answer.")
    max_age: Duration = Field(description="How long a browser may remember the rule.")


class Bucket(_Part):
    """A Cloud Storage bucket in the functions' region, with uniform access."""

    public: bool = Field(description="Whether anyone may read its objects, by name.")
    cors: tuple[CorsRule, ...] = ()
    delete_after_days: int | None = Field(
        default=None, ge=1, description="How old an object gets before it is deleted; None keeps it for good."
    )
    keep_replaced_days: int | None = Field(
        default=None,
        ge=1,
        description="How long what was overwritten or deleted is kept as an older version.",
    )


class Trigger(_Part):
    """An Eventarc trigger: POSTs each event of a bucket to a function, and again until it is acknowledged."""

    target: FunctionName
    bucket: BucketName
    event_type: Literal[
        "google.cloud.storage.object.v1.finalized",
        "google.cloud.storage.object.v1.deleted",
        "google.cloud.storage.object.v1.metadataUpdated",
    ]


class Index(_Part):
    """A composite index of a collection. ``CONTAINS`` indexes the elements of an array."""

    collection: str
    fields: tuple[IndexField, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _one_array(self) -> Self:
        if sum(field.endswith(" CONTAINS") for field in self.fields) > 1:
            raise ValueError("Firestore takes one CONTAINS in an index at most")
        return self


class Exemption(_Part):
    """A field that is kept out of the automatic single-field indexes."""

    collection: str
    field: str


class Firestore(_Part):
    indexes: tuple[Index, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    ttl: dict[str, str] = Field(
        default_factory=dict, description="Collection -> the timestamp field that ends it."
    )


class Topology(_Part):
    """The whole system. References between its parts are checked."""

    functions: dict[FunctionName, Function]
    queues: dict[QueueName, Queue]
    schedules: dict[JobName, Schedule]
    buckets: dict[BucketName, Bucket] = Field(
        default_factory=dict, description="By their names without the project's."
    )
    triggers: dict[TriggerName, Trigger] = Field(default_factory=dict)
    firestore: Firestore

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name, queue in self.queues.items():
            self._require_access(f"queues.{name}.target", queue.target, "tasks")
        for name, schedule in self.schedules.items():
            self._require_access(f"schedules.{name}.target", schedule.target, "scheduler")
        for name, trigger in self.triggers.items():
            self._require_access(f"triggers.{name}.target", trigger.target, "events")
            if trigger.bucket not in self.buckets:
                raise ValueError(f"triggers.{name}.bucket: there is no bucket {trigger.bucket!r}")
        self._require_one_trigger_each()
        for name, function in self.functions.items():
            if missing := set(function.enqueues) - set(self.queues):
                raise ValueError(f"functions.{name}.enqueues: no queue {', '.join(sorted(missing))}")
            if missing := set(function.buckets) - set(self.buckets):
                raise ValueError(f"functions.{name}.buckets: no bucket {', '.join(sorted(missing))}")
        return self

    def _require_one_trigger_each(self) -> None:
        """Cloud Run functions take one event trigger each."""
        targets = [trigger.target for trigger in self.triggers.values()]
        if twice := sorted({target for target in targets if targets.count(target) > 1}):
            raise ValueError(f"triggers: {', '.join(twice)} can be the target of one trigger only")

    def _require_access(self, where: str, function: str, access: str) -> None:
        if function not in self.functions:
            raise ValueError(f"{where}: there is no function {function!r}")
        if self.functions[function].access != access:
            raise ValueError(f"{where}: {function} must have 'access: {access}' to be called this way")


class _NoDuplicates(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused below, in words that say why
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse(text: str, source: str = "topology.yaml") -> Topology:
    """Read and check a topology.

    Raises:
        TopologyError: not YAML, or a field is missing, unknown, out of bounds or refers to nothing.
    """
    try:
        return Topology.model_validate(yaml.load(text, _NoDuplicates))
    except yaml.YAMLError as error:
        raise TopologyError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        lines = (f"  {'.'.join(map(str, e['loc'])) or '(top)'}: {e['msg']}" for e in error.errors())
        raise TopologyError(f"{source} is not a valid topology:\n" + "\n".join(lines)) from error


def load(path: Path = TOPOLOGY_FILE) -> Topology:
    """The topology in ``path``.

    Raises:
        TopologyError: the file cannot be used.
    """
    return parse(path.read_text(encoding="utf-8"), str(path))
