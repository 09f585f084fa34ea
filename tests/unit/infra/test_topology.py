"""A mistake in the topology is found when it is read, and its place is named."""

import re
from pathlib import Path

import pytest

from infra.topology import TopologyError, load, parse, seconds

# The smallest that has everything.
TOPOLOGY = """
functions:
  cron-start:
    entry_point: cron_start
    room: shop
    access: scheduler
    memory: 256Mi
    cpu: 1
    concurrency: 8
    timeout: 60
    min_instances: 0
    max_instances: 2
    enqueues: [work]
  do-work:
    entry_point: do_work
    room: shop
    access: tasks
    memory: 1Gi
    cpu: 0.5
    concurrency: 1
    timeout: 300
    min_instances: 0
    max_instances: 10
    secrets: [API_KEY]
  look-at:
    entry_point: look_at
    room: shop
    access: events
    memory: 2Gi
    cpu: 2
    concurrency: 4
    timeout: 539
    min_instances: 0
    max_instances: 4
queues:
  work:
    target: do-work
    max_dispatches_per_second: 10
    max_concurrent_dispatches: 2
    max_attempts: 19
    min_backoff: 28s
    max_backoff: 28800s
    max_doublings: 16
schedules:
  startWork:
    target: cron-start
    cron: "*/15 * * * *"
    time_zone: Etc/UTC
    retry_count: 3
    deadline: 60s
buckets:
  originals:
    public: false
    delete_after_days: 30
    cors:
      - origins: ["https://shop.example"]
        methods: [PUT]
        headers: [Content-Type]
        max_age: 600s
triggers:
  lookAt:
    target: look-at
    bucket: originals
    event_type: google.cloud.storage.object.v1.finalized
firestore:
  indexes:
    - collection: orders
      fields: [account ASC, created_at DESC]
  ttl:
    orders: expire_at
"""


def with_change(old: str, new: str) -> str:
    """The topology with one change to the text."""
    assert TOPOLOGY.count(old) == 1, f"{old!r} is not in the example once"
    return TOPOLOGY.replace(old, new)


def refusal(text: str) -> str:
    with pytest.raises(TopologyError) as caught:
        parse(text, "shop.yaml")
    assert "shop.yaml" in str(caught.value)
    return str(caught.value)


def test_the_products_own_topology_is_valid() -> None:
    topology = load()
    assert topology.functions.keys() >= {"returns-cron", "search-order-return-index-data"}
    assert topology.queues["returnSync"].target == "return-updated-task-queue"
    assert topology.schedules["returnsUpdateCron"].target == "returns-cron"


def test_a_valid_topology_is_read_with_its_types() -> None:
    topology = parse(TOPOLOGY)
    assert topology.functions["cron-start"].enqueues == ("work",)
    assert topology.functions["do-work"].cpu == 0.5
    assert seconds(topology.queues["work"].max_retry_duration) == 0
    assert topology.firestore.indexes[0].fields == ("account ASC", "created_at DESC")
    assert topology.firestore.exemptions == ()
    assert topology.buckets["originals"].cors[0].headers == ("Content-Type",)
    assert topology.buckets["originals"].delete_after_days == 30
    assert topology.triggers["lookAt"].bucket == "originals"


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        # unknown
        ("room: shop\n    access: tasks", "room: shop\n    acess: tasks", "functions.do-work.acess", "Extra"),
        ("max_attempts: 19", "max_atempts: 19", "queues.work.max_atempts", "Extra"),
        ("\nfirestore:", "\ntopics: {}\nfirestore:", "topics", "Extra"),
        # missing
        ("    time_zone: Etc/UTC\n", "", "schedules.startWork.time_zone", "required"),
        ("    timeout: 300\n", "", "functions.do-work.timeout", "required"),
        ("target: do-work\n", "\n", "queues.work.target", "required"),
        # of the wrong type
        ("timeout: 300", "timeout: 5 minutes", "functions.do-work.timeout", "integer"),
        ("enqueues: [work]", "enqueues: work", "functions.cron-start.enqueues", "tuple"),
        ("secrets: [API_KEY]", "secrets: [1]", "functions.do-work.secrets.0", "string"),
        # out of bounds or of the wrong form
        ("  do-work:\n", "  doWork:\n", "functions.doWork", "pattern"),
        ("entry_point: do_work", "entry_point: do-work", "functions.do-work.entry_point", "pattern"),
        ("memory: 1Gi", "memory: 1GB", "functions.do-work.memory", "pattern"),
        ("access: scheduler", "access: cron", "functions.cron-start.access", "'public'"),
        ("timeout: 300", "timeout: 3601", "functions.do-work.timeout", "3600"),
        ("min_backoff: 28s", "min_backoff: 28", "queues.work.min_backoff", "string"),
        ("min_backoff: 28s", "min_backoff: 28m", "queues.work.min_backoff", "pattern"),
        ("max_doublings: 16", "max_doublings: 17", "queues.work.max_doublings", "16"),
        ("max_dispatches_per_second: 10", "max_dispatches_per_second: 0", "queues.work", "greater than 0"),
        ("retry_count: 3", "retry_count: 6", "schedules.startWork.retry_count", "5"),
        ("[account ASC, created_at DESC]", "[account ASC]", "firestore.indexes.0.fields", "at least 2"),
        ("account ASC,", "account UP,", "firestore.indexes.0.fields.0", "pattern"),
        (
            "[account ASC, created_at DESC]",
            "[tags CONTAINS, sizes CONTAINS]",
            "firestore.indexes.0",
            "one CONTAINS",
        ),
        ("  originals:\n", "  Originals:\n", "buckets.Originals", "pattern"),
        ("  originals:\n", f"  {'o' * 33}:\n", "buckets.ooo", "pattern"),
        (
            "after_days: 30",
            "after_days: 0",
            "buckets.originals.delete_after_days",
            "greater than or equal to 1",
        ),
        ("methods: [PUT]", "methods: [POST]", "buckets.originals.cors.0.methods.0", "'PUT'"),
        ("shop.example", "shop.example/", "buckets.originals.cors.0.origins.0", "pattern"),
        ("object.v1.finalized", "object.v1.finalised", "triggers.lookAt.event_type", "finalized"),
        # inconsistent
        ("timeout: 539", "timeout: 541", "functions.look-at", "540 s at most"),
        ("concurrency: 1\n", "concurrency: 2\n", "functions.do-work", "at least 1 CPU"),
        (
            "min_instances: 0\n    max_instances: 10",
            "min_instances: 3\n    max_instances: 2",
            "functions.do-work",
            "min_instances is above max_instances",
        ),
        # cron expressions
        ("*/15 * * * *", "*/15 * * *", "schedules.startWork", "not a five-field cron expression"),
        ("*/15 * * * *", "0 */15 * * * *", "schedules.startWork", "not a five-field cron expression"),
        ("*/15 * * * *", "61 * * * *", "schedules.startWork", "not a five-field cron expression"),
        ("*/15 * * * *", "every 15 minutes or so", "schedules.startWork", "not a five-field cron expression"),
        # references
        ("target: do-work", "target: do-more", "queues.work.target", "there is no function 'do-more'"),
        ("target: cron-start", "target: none", "schedules.startWork.target", "there is no function 'none'"),
        ("enqueues: [work]", "enqueues: [work, play]", "functions.cron-start.enqueues", "no queue play"),
        ("target: do-work", "target: cron-start", "queues.work.target", "'access: tasks'"),
        ("target: cron-start", "target: do-work", "schedules.startWork.target", "'access: scheduler'"),
        ("target: look-at", "target: look-on", "triggers.lookAt.target", "there is no function 'look-on'"),
        ("target: look-at", "target: do-work", "triggers.lookAt.target", "'access: events'"),
        ("bucket: originals", "bucket: copies", "triggers.lookAt.bucket", "there is no bucket 'copies'"),
        (
            "triggers:\n",
            "triggers:\n  again: {target: look-at, bucket: originals,"
            " event_type: google.cloud.storage.object.v1.deleted}\n",
            "triggers: look-at",
            "one trigger only",
        ),
        # twice
        ("  do-work:\n", "  cron-start:\n", "'cron-start'", "given twice"),
        ("timeout: 300", "timeout: 300\n    cpu: 1", "'cpu'", "given twice"),
        ("  ttl:\n", "  indexes: []\n  ttl:\n", "'indexes'", "given twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, place: str, reason: str) -> None:
    text = refusal(with_change(old, new))
    assert place in text
    assert reason in text


@pytest.mark.parametrize("text", ["functions: [", "a: b: c", "\tfunctions: {}", "{[a]: 1}", "*nobody"])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    assert "is not valid YAML" in refusal(text)


@pytest.mark.parametrize("text", ["", "[]", "7", "functions"])
def test_yaml_that_is_no_mapping_is_refused(text: str) -> None:
    assert "is not a valid topology" in refusal(text)


def test_all_mistakes_are_named_at_once() -> None:
    text = refusal(with_change("timeout: 300", "timeout: 0").replace("retry_count: 3", "retry_count: 6"))
    assert "functions.do-work.timeout" in text
    assert "schedules.startWork.retry_count" in text


def test_a_mistake_in_a_file_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("functions: {}", encoding="utf-8")
    with pytest.raises(TopologyError, match=re.escape(str(path))):
        load(path)


@pytest.mark.parametrize(("duration", "length"), [("2s", 2), ("2.5s", 2.5), ("0s", 0), ("28800s", 28800)])
def test_a_duration_is_in_seconds(duration: str, length: float) -> None:
    assert seconds(duration) == length
