"""Who may do what: exactly what the topology asks for, and nobody anything else."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from infra.topology import load
from tests.infra.names import NUMBER, PROJECT, account
from tests.infra.terraform import Plan

TOPOLOGY = load()
ROOMS = sorted({function.room for function in TOPOLOGY.functions.values()})
# https://cloud.google.com/iam/docs/roles-overview#legacy-basic
BASIC = {"roles/owner", "roles/editor", "roles/viewer", "roles/browser"}
OPERATORS = "ops"
ROLE = "google_project_iam_custom_role"
# To see, to stop and to let go on; neither to make, to change nor to delete.
STEERING = {
    "steers_schedules": {"cloudscheduler.jobs." + verb for verb in ("get", "list", "pause", "enable", "run")},
    "steers_queue": {"cloudtasks.tasks.list"}
    | {"cloudtasks.queues." + verb for verb in ("get", "pause", "resume")},
    "lists_queues": {"cloudtasks.queues.list"},
}
BUCKET_ROLES = {
    frozenset({"read"}): "roles/storage.objectViewer",
    frozenset({"create"}): "roles/storage.objectCreator",
}
# Nothing narrower allows more than one of these.
BUCKET_ROLE_OTHERWISE = "roles/storage.objectUser"
# The argument that says on what a grant is.
ON = {
    "google_project_iam_member": "project",
    "google_cloud_run_service_iam_member": "service",
    "google_cloud_tasks_queue_iam_member": "name",
    "google_service_account_iam_member": "service_account_id",
    "google_secret_manager_secret_iam_member": "secret_id",
    "google_storage_bucket_iam_member": "bucket",
    "google_artifact_registry_repository_iam_member": "repository",
}


class Grant(NamedTuple):
    member: str
    role: str
    on: str


def grants(plan: Plan) -> Iterator[Grant]:
    for each in (each for each in plan.resources if each.kind in ON):
        values = each.values
        yield Grant(values["member"], values["role"], f"{each.kind}: {values[ON[each.kind]]}")


def of(name: str, plan: Plan) -> set[Grant]:
    """What the account of this name may do."""
    return {grant for grant in grants(plan) if grant.member == _member(name)}


def _member(name: str) -> str:
    return f"serviceAccount:{account(name)}"


def _on_account(name: str) -> str:
    return f"google_service_account_iam_member: projects/{PROJECT}/serviceAccounts/{account(name)}"


def _of_room(room: str) -> Iterator[tuple[str, str]]:
    """Role and object of each grant that a room's functions need."""
    functions = [function for function in TOPOLOGY.functions.values() if function.room == room]
    yield "roles/datastore.user", f"google_project_iam_member: {PROJECT}"
    for queue in {queue for function in functions for queue in function.enqueues}:
        yield "roles/cloudtasks.enqueuer", f"google_cloud_tasks_queue_iam_member: {queue}"
        yield "roles/iam.serviceAccountUser", _on_account("tasks")
    for secret in {secret for function in functions for secret in function.secrets}:
        yield "roles/secretmanager.secretAccessor", f"google_secret_manager_secret_iam_member: {secret}"
    if any(function.signs_links for function in functions):
        yield "roles/iam.serviceAccountTokenCreator", _on_account(room)
    for bucket in {bucket for function in functions for bucket in function.buckets}:
        needs = frozenset(function.buckets[bucket] for function in functions if bucket in function.buckets)
        role = BUCKET_ROLES.get(needs, BUCKET_ROLE_OTHERWISE)
        yield role, f"google_storage_bucket_iam_member: {PROJECT}-{bucket}"
    if room == OPERATORS:
        yield from _of_operators()


def _of_operators() -> Iterator[tuple[str, str]]:
    """What steering takes, by roles of our own."""
    for role in ("steers_schedules", "lists_queues"):
        yield _own(role), f"google_project_iam_member: {PROJECT}"
    for queue in TOPOLOGY.queues:
        yield _own("steers_queue"), f"google_cloud_tasks_queue_iam_member: {queue}"


def _own(role: str) -> str:
    return f"projects/{PROJECT}/roles/backstock_{role}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_may_do_what_its_functions_need_and_nothing_else(room: str, complete: Plan) -> None:
    assert of(room, complete) == {Grant(_member(room), *each) for each in _of_room(room)}


def test_operators_may_steer_and_not_change(complete: Plan) -> None:
    roles = [each.values for each in complete.resources if each.kind == ROLE]
    given = {role["role_id"].removeprefix("backstock_"): set(role["permissions"]) for role in roles}
    assert given == STEERING


def _invoker_of(access: str) -> set[tuple[str, str]]:
    names = [name for name, function in TOPOLOGY.functions.items() if function.access == access]
    return {("roles/run.invoker", f"google_cloud_run_service_iam_member: {name}") for name in names}


@pytest.mark.parametrize(
    ("caller", "others"),
    [
        ("tasks", set[tuple[str, str]]()),
        ("scheduler", set[tuple[str, str]]()),
        ("events", {("roles/eventarc.eventReceiver", f"google_project_iam_member: {PROJECT}")}),
    ],
)
def test_a_caller_may_call_its_functions_and_nothing_else(
    caller: str, others: set[tuple[str, str]], complete: Plan
) -> None:
    wanted = _invoker_of(caller) | others
    assert of(caller, complete) == {Grant(_member(caller), *each) for each in wanted}


def test_the_build_may_read_sources_and_write_images_and_logs(complete: Plan) -> None:
    assert of("build", complete) == {
        Grant(_member("build"), "roles/logging.logWriter", f"google_project_iam_member: {PROJECT}"),
        Grant(_member("build"), "roles/storage.objectViewer", f"google_project_iam_member: {PROJECT}"),
        Grant(
            _member("build"),
            "roles/storage.objectViewer",
            f"google_storage_bucket_iam_member: {PROJECT}-source",
        ),
        Grant(
            _member("build"),
            "roles/artifactregistry.writer",
            "google_artifact_registry_repository_iam_member: backstock-functions",
        ),
    }
    condition = complete.the("google_project_iam_member.build_platform_source")["condition"][0]["expression"]
    assert "/buckets/gcf-v2-sources-" in condition, (
        "of the project's buckets, only the platform's own sources"
    )


def test_everybody_may_call_public_functions_and_read_public_images(complete: Plan) -> None:
    public = {
        f"google_storage_bucket_iam_member: {PROJECT}-{n}" for n, b in TOPOLOGY.buckets.items() if b.public
    }
    assert {(grant.role, grant.on) for grant in grants(complete) if grant.member.startswith("all")} == {
        *_invoker_of("public"),
        # Without the right to list them.
        *(("roles/storage.legacyObjectReader", on) for on in public),
    }


def test_cloud_storage_publishes_the_events(complete: Plan) -> None:
    agent = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    assert {grant for grant in grants(complete) if grant.member == agent} == {
        Grant(agent, "roles/pubsub.publisher", f"google_project_iam_member: {PROJECT}")
    }


def test_a_retailer_writes_below_its_own_folder_only(complete: Plan) -> None:
    for grant in complete.of("google_storage_bucket_iam_member.retailer").values():
        retailer = grant["member"].removeprefix("serviceAccount:").partition("@")[0]
        (condition,) = grant["condition"]
        assert (grant["bucket"], grant["role"]) == (f"{PROJECT}-feeds", "roles/storage.objectUser")
        assert condition["expression"] == (
            f'resource.name.startsWith("projects/_/buckets/{PROJECT}-feeds/objects/feeds/{retailer}/")'
        )


def test_nobody_else_has_any_grant(complete: Plan) -> None:
    known = {_member(name) for name in [*ROOMS, "tasks", "scheduler", "events", "build"]}
    known |= {each["member"] for each in complete.of("google_storage_bucket_iam_member.retailer").values()}
    known |= {"allUsers", f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"}
    assert {grant.member for grant in grants(complete)} == known


def test_a_grant_takes_none_away(complete: Plan) -> None:
    """A binding or a policy replaces what others have granted on the same object."""
    kinds = {each.kind for each in complete.resources if "_iam_" in each.kind} - {ROLE}
    assert kinds <= ON.keys(), f"use ..._iam_member, and say in ON what it is on: {kinds - ON.keys()}"


def test_nobody_has_a_basic_role(complete: Plan) -> None:
    found = [grant for grant in grants(complete) if grant.role in BASIC]
    assert not found, f"grant what is needed, on what it is needed: {found}"
