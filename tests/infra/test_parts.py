"""Each part of the topology is deployed as the topology says, and no other part is."""

from collections.abc import Iterable, Iterator

import pytest

from infra.topology import Bucket, Function, Queue, load, seconds
from tests.infra.names import PROJECT, REGION, account, function_url
from tests.infra.terraform import Plan, Values

TOPOLOGY = load()


def _service(function: Function) -> Values:
    return {
        "service_account_email": account(function.room),
        "available_memory": function.memory,
        "available_cpu": f"{function.cpu:g}",
        "max_instance_request_concurrency": function.concurrency,
        "timeout_seconds": function.timeout,
        "min_instance_count": function.min_instances,
        "max_instance_count": function.max_instances,
        "ingress_settings": "ALLOW_ALL" if function.access == "public" else "ALLOW_INTERNAL_ONLY",
    }


def part(values: Values, names: Iterable[str]) -> Values:
    """What of a resource is looked at."""
    return {name: values[name] for name in names}


@pytest.mark.parametrize("name", TOPOLOGY.functions)
def test_a_function_is_deployed_as_the_topology_says(name: str, delivered: Plan) -> None:
    function = TOPOLOGY.functions[name]
    deployed = delivered.of("google_cloudfunctions2_function.this")[name]
    (build,), (service,) = deployed["build_config"], deployed["service_config"]
    assert (deployed["name"], deployed["location"]) == (name, REGION)
    assert (build["runtime"], build["entry_point"]) == ("python313", function.entry_point)
    wanted = _service(function)
    assert part(service, wanted) == wanted, f"functions.tf: take it from local.functions[{name!r}]"


def _retries(queue: Queue) -> Values:
    return {
        "max_attempts": queue.max_attempts,
        "max_retry_duration": queue.max_retry_duration,
        "min_backoff": queue.min_backoff,
        "max_backoff": queue.max_backoff,
        "max_doublings": queue.max_doublings,
    }


def _rates(queue: Queue) -> Values:
    return {
        "max_dispatches_per_second": queue.max_dispatches_per_second,
        "max_concurrent_dispatches": queue.max_concurrent_dispatches,
    }


@pytest.mark.parametrize("name", TOPOLOGY.queues)
def test_a_queue_has_the_rates_and_retries_of_the_topology(name: str, delivered: Plan) -> None:
    queue = TOPOLOGY.queues[name]
    deployed = delivered.of("google_cloud_tasks_queue.this")[name]
    assert (deployed["name"], deployed["location"]) == (name, REGION)
    (retries,), (rates,) = deployed["retry_config"], deployed["rate_limits"]
    assert part(retries, _retries(queue)) == _retries(queue), "queues.tf: take it from local.queues"
    assert part(rates, _rates(queue)) == _rates(queue), "queues.tf: take it from local.queues"


@pytest.mark.parametrize("name", TOPOLOGY.schedules)
def test_a_schedule_calls_its_function_as_the_topology_says(name: str, delivered: Plan) -> None:
    schedule = TOPOLOGY.schedules[name]
    deployed = delivered.of("google_cloud_scheduler_job.this")[name]
    url = function_url(schedule.target)
    (http,), (retry,) = deployed["http_target"], deployed["retry_config"]
    (token,) = http["oidc_token"]
    assert (deployed["schedule"], deployed["time_zone"]) == (schedule.cron, schedule.time_zone)
    assert (deployed["attempt_deadline"], retry["retry_count"]) == (schedule.deadline, schedule.retry_count)
    assert (http["http_method"], http["uri"]) == ("POST", url)
    assert token == {"service_account_email": account("scheduler"), "audience": url}


@pytest.mark.parametrize("name", TOPOLOGY.triggers)
def test_a_trigger_brings_its_buckets_events_until_they_are_taken(name: str, delivered: Plan) -> None:
    trigger = TOPOLOGY.triggers[name]
    (event,) = delivered.of("google_cloudfunctions2_function.this")[trigger.target]["event_trigger"]
    (only,) = event["event_filters"]
    bucket = delivered.of("google_storage_bucket.this")[trigger.bucket]
    assert (event["event_type"], event["retry_policy"]) == (trigger.event_type, "RETRY_POLICY_RETRY")
    assert event["service_account_email"] == account("events")
    assert (only["attribute"], only["value"]) == ("bucket", bucket["name"])
    # https://cloud.google.com/eventarc/standard/docs/run/route-trigger-cloud-storage: in the bucket's own region.
    assert event["trigger_region"] == bucket["location"] == REGION


def test_only_functions_of_triggers_have_one(delivered: Plan) -> None:
    functions = delivered.of("google_cloudfunctions2_function.this")
    triggered = {name for name, function in functions.items() if function["event_trigger"]}
    assert triggered == {trigger.target for trigger in TOPOLOGY.triggers.values()}


def _ages(rules: list[Values]) -> Iterator[tuple[str, str, int]]:
    """What is deleted, and after how many days."""
    for rule in rules:
        (action,), (when,) = rule["action"], rule["condition"]
        if when.get("days_since_noncurrent_time"):
            yield action["type"], "replaced", when["days_since_noncurrent_time"]
        else:
            yield action["type"], "any", when["age"]


def _lifecycle(bucket: Bucket) -> Iterator[tuple[str, str, int]]:
    yield "AbortIncompleteMultipartUpload", "any", 1
    if bucket.delete_after_days:
        yield "Delete", "any", bucket.delete_after_days
    if bucket.keep_replaced_days:
        yield "Delete", "replaced", bucket.keep_replaced_days


@pytest.mark.parametrize("name", TOPOLOGY.buckets)
def test_a_bucket_keeps_what_the_topology_says(name: str, delivered: Plan) -> None:
    bucket = TOPOLOGY.buckets[name]
    deployed = delivered.of("google_storage_bucket.this")[name]
    assert (deployed["name"], deployed["location"]) == (f"{PROJECT}-{name}", REGION)
    assert sorted(_ages(deployed["lifecycle_rule"])) == sorted(_lifecycle(bucket))
    assert deployed["versioning"][0]["enabled"] == bool(bucket.keep_replaced_days)
    assert not deployed["force_destroy"], "objects are not lost with Terraform's state: deletion_protection"


@pytest.mark.parametrize("name", TOPOLOGY.buckets)
def test_pages_may_do_with_a_bucket_what_the_topology_says(name: str, delivered: Plan) -> None:
    deployed = delivered.of("google_storage_bucket.this")[name]["cors"]
    assert [
        (*map(tuple, (each["origin"], each["method"], each["response_header"])),) for each in deployed
    ] == [(each.origins, each.methods, each.headers) for each in TOPOLOGY.buckets[name].cors]
    assert [each["max_age_seconds"] for each in deployed] == [
        seconds(each.max_age) for each in TOPOLOGY.buckets[name].cors
    ]


def test_no_bucket_is_public_but_those_that_are_meant_to_be(delivered: Plan) -> None:
    buckets = [each for each in delivered.resources if each.kind == "google_storage_bucket"]
    assert all(each.values["uniform_bucket_level_access"] for each in buckets)
    opened = {each.address for each in buckets if each.values["public_access_prevention"] != "enforced"}
    assert opened == {
        f'google_storage_bucket.this["{name}"]' for name, bucket in TOPOLOGY.buckets.items() if bucket.public
    }, "public_access_prevention must be enforced unless topology.yaml says `public: true`"


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("google_cloudfunctions2_function.this", TOPOLOGY.functions),
        ("google_cloud_tasks_queue.this", TOPOLOGY.queues),
        ("google_cloud_scheduler_job.this", TOPOLOGY.schedules),
        ("google_storage_bucket.this", TOPOLOGY.buckets),
        ("google_secret_manager_secret.this", {s for f in TOPOLOGY.functions.values() for s in f.secrets}),
        ("google_service_account.room", {function.room for function in TOPOLOGY.functions.values()}),
    ],
)
def test_there_is_one_for_each_of_the_topology_and_no_other(
    address: str, wanted: dict[str, object] | set[str], delivered: Plan
) -> None:
    assert set(delivered.of(address)) == set(wanted)
