"""Create in the stand-ins what ``terraform apply`` creates on Google Cloud, from the same topology."""

from itertools import dropwhile
from typing import Any

from infra.local.environment import PROJECT, REGION, SCHEDULER_SERVICE_ACCOUNT, bucket_name
from infra.local.eventarc.dispatcher import Trigger
from infra.local.firestore.indexes import CompositeIndex, Exemption, Mode
from infra.local.firestore.production import ProductionIndexes
from infra.local.scheduler.jobs import JobConfig
from infra.local.scheduler.service import SchedulerService
from infra.local.storage import StorageService
from infra.local.tasks.queues import QueueConfig
from infra.local.tasks.service import TasksService
from infra.topology import Bucket, CorsRule, Index, Queue, Schedule, Topology, seconds

_MODES: dict[str, Mode] = {"ASC": "ASCENDING", "DESC": "DESCENDING", "CONTAINS": "CONTAINS"}
_TURNED = {"ASC": "DESC", "DESC": "ASC"}


def provision(
    topology: Topology,
    tasks: TasksService,
    scheduler: SchedulerService,
    storage: StorageService,
    base_url: str,
) -> None:
    """Create the queues, jobs and buckets, or bring existing ones up to date."""
    for name, queue in topology.queues.items():
        tasks.ensure_queue(PROJECT, REGION, name, _queue(queue))
    for name, schedule in topology.schedules.items():
        scheduler.ensure_job(PROJECT, REGION, name, _job(schedule, f"{base_url}/{schedule.target}"))
    for name, bucket in topology.buckets.items():
        storage.ensure_bucket(bucket_name(name), public=bucket.public, settings=_settings(bucket))


def composite_indexes(topology: Topology) -> list[CompositeIndex]:
    """Firestore's composite indexes, without those that are others the other way round.

    Google walks an index in one direction only; ours are walked both ways, and each costs time to write. The fields
    that two such indexes begin with alike are taken for those that queries hold to one value. Those that order names
    against their last field are left out, too: queries for them are sorted.
    """
    kept: list[Index] = []
    for index in topology.firestore.indexes:
        names = index.fields[-1].startswith("__name__ ")
        if not names and not any(_mirrors(index, other) for other in kept):
            kept.append(index)
    return list(map(_composite, kept))


def production_indexes(topology: Topology) -> ProductionIndexes:
    """What queries must be served by once they are deployed; the times at which documents end are in no index."""
    ends = [Exemption(collection, field) for collection, field in topology.firestore.ttl.items()]
    return ProductionIndexes(map(_composite, topology.firestore.indexes), [*exemptions(topology), *ends])


def _mirrors(index: Index, other: Index) -> bool:
    """Whether two indexes differ in the direction of all their last fields, and in nothing else."""
    if index.collection != other.collection or len(index.fields) != len(other.fields):
        return False
    pairs = dropwhile(lambda pair: pair[0] == pair[1], zip(index.fields, other.fields, strict=True))
    return all(field == _turned(counterpart) for field, counterpart in pairs)


def _turned(field: str) -> str:
    path, mode = field.split()
    return f"{path} {_TURNED.get(mode, mode)}"


def exemptions(topology: Topology) -> list[Exemption]:
    """The fields that Firestore keeps out of its automatic indexes."""
    return [Exemption(each.collection, each.field) for each in topology.firestore.exemptions]


def triggers(topology: Topology, base_url: str) -> list[Trigger]:
    """The triggers, each with as many deliveries at once as its function's instances take."""
    return [_trigger(name, topology, base_url) for name in topology.triggers]


def _trigger(name: str, topology: Topology, base_url: str) -> Trigger:
    trigger = topology.triggers[name]
    function = topology.functions[trigger.target]
    return Trigger(
        name=name,
        bucket=bucket_name(trigger.bucket),
        event_type=trigger.event_type,
        url=f"{base_url}/{trigger.target}",
        limit=function.concurrency * function.max_instances,
    )


def _composite(index: Index) -> CompositeIndex:
    return CompositeIndex(index.collection, [_field(field) for field in index.fields])


def _field(text: str) -> tuple[str, Mode]:
    path, mode = text.split()
    return path, _MODES[mode]


def _queue(queue: Queue) -> QueueConfig:
    return QueueConfig(
        max_dispatches_per_second=queue.max_dispatches_per_second,
        max_concurrent_dispatches=queue.max_concurrent_dispatches,
        max_attempts=queue.max_attempts,
        max_retry_duration=seconds(queue.max_retry_duration),
        min_backoff=seconds(queue.min_backoff),
        max_backoff=seconds(queue.max_backoff),
        max_doublings=queue.max_doublings,
    )


def _settings(bucket: Bucket) -> dict[str, Any]:
    """A bucket's settings as its resource has them."""
    settings: dict[str, Any] = {"location": REGION, "cors": [_cors(rule) for rule in bucket.cors]}
    if bucket.delete_after_days is not None:
        rule = {"action": {"type": "Delete"}, "condition": {"age": bucket.delete_after_days}}
        settings["lifecycle"] = {"rule": [rule]}
    return settings


def _cors(rule: CorsRule) -> dict[str, Any]:
    """A rule as a bucket's resource has it."""
    return {
        "origin": list(rule.origins),
        "method": list(rule.methods),
        "responseHeader": list(rule.headers),
        "maxAgeSeconds": int(seconds(rule.max_age)),
    }


def _job(schedule: Schedule, uri: str) -> JobConfig:
    return JobConfig(
        schedule=schedule.cron,
        uri=uri,
        time_zone=schedule.time_zone,
        service_account_email=SCHEDULER_SERVICE_ACCOUNT,
        audience=uri,
        attempt_deadline=seconds(schedule.deadline),
        retry_count=schedule.retry_count,
    )
