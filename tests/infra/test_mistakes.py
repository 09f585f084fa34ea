"""Tests of the tests: each of these mistakes turns a certain test red, which says what to do.

A query that no index serves is made in tests/drift/, which finds such.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.infra.conftest import INFRA
from tests.infra.terraform import Terraform

ROOT = INFRA.parent
# What the tests below read of the repository.
_NEEDED = ("infra", "functions", "shared", "tests", "main.py", "pyproject.toml")
_NOT_COPIED = shutil.ignore_patterns(
    ".terraform*", "*.tfstate*", "*.tfvars", "backend.tf", "__pycache__", "node_modules"
)

RUN = "tests/infra/test_terraform.py::test_a_run_of_terraform_passes"
VALID = "tests/infra/test_terraform.py::test_the_provider_accepts_every_argument"
PARTS = "tests/infra/test_parts.py"
GRANTS = "tests/infra/test_grants.py"
ENVIRONMENT = "tests/infra/test_environment.py"
REFUSALS = "tests/infra/test_refusals.py::test_an_input_that_cannot_work_is_refused_with_what_would"


class Mistake(NamedTuple):
    file: str
    # A regular expression that matches at one place, and what is written there instead.
    right: str
    wrong: str
    # The test that finds it, and what it says then.
    test: str
    says: str


MISTAKES = {
    "misspelt argument": Mistake(
        "infra/functions.tf", r"max_instance_count ", "max_instances_count ", VALID, "max_instances_count"
    ),
    "required argument missing": Mistake(
        "infra/schedules.tf",
        r"(?s)http_target \{\n\s+http_method.*?uri [^\n]*",
        "http_target {",
        VALID,
        '"uri"',
    ),
    "function left out": Mistake(
        "infra/topology.tf",
        r"for name, given in local\.topology\.functions :",
        'for name, given in { for name, it in local.topology.functions : name => it if name != "image-backfill" } :',
        f"{RUN}[functions: as_delivered]",
        "for_each has to go over all of them",
    ),
    "function of another room's account": Mistake(
        "infra/functions.tf",
        r"local\.room_email\[each\.value\.room\]",
        'local.room_email["ops"]',
        f"{PARTS}::test_a_function_is_deployed_as_the_topology_says[products]",
        "take it from local.functions",
    ),
    "memory for all the same": Mistake(
        "infra/functions.tf",
        r"each\.value\.memory",
        '"512Mi"',
        f"{PARTS}::test_a_function_is_deployed_as_the_topology_says[compress-image]",
        "take it from local.functions",
    ),
    "wrong retry": Mistake(
        "infra/queues.tf",
        r"(max_attempts\s+= ).*",
        r"\g<1>5",
        f"{PARTS}::test_a_queue_has_the_rates_and_retries_of_the_topology[supplyChainSync]",
        "'max_attempts': 19",
    ),
    "wrong rate": Mistake(
        "infra/queues.tf",
        r"(max_concurrent_dispatches\s+= ).*",
        r"\g<1>1000",
        f"{PARTS}::test_a_queue_has_the_rates_and_retries_of_the_topology[returnSync]",
        "'max_concurrent_dispatches': 2",
    ),
    "schedule that calls the wrong address": Mistake(
        "infra/schedules.tf",
        r"(uri\s+= ).*",
        r'\g<1>"${local.base_url}/${each.value.target}"',
        f"{PARTS}::test_a_schedule_calls_its_function_as_the_topology_says[returnsUpdateCron]",
        "run.app",
    ),
    "schedule that an apply resumes": Mistake(
        "infra/schedules.tf",
        r" \|\| contains\(var\.paused_schedules, each\.key\)",
        "",
        f"{RUN}[switches: changed]",
        "an apply resumes whatever is not planned as paused",
    ),
    "public internal function": Mistake(
        "infra/functions.tf",
        r"= (local\.invoker\[each\.value\.access\])",
        r'= each.key == "outbox-sweeper" ? "allUsers" : \1',
        f"{RUN}[callers: who_may_call]",
        "allUsers may call exactly the functions with `access: public`",
    ),
    "internal function that takes requests from outside": Mistake(
        "infra/functions.tf",
        r'"ALLOW_INTERNAL_ONLY"',
        '"ALLOW_ALL"',
        f"{RUN}[callers: who_may_call]",
        "the others need ALLOW_INTERNAL_ONLY",
    ),
    "public function that believes every token": Mistake(
        "infra/functions.tf",
        r'tostring\(each\.value\.access != "public"\)',
        '"true"',
        f"{RUN}[callers: who_may_call]",
        "PLATFORM_TOKENS_CHECKED is for internal ones",
    ),
    "queue whose target refuses its caller": Mistake(
        "infra/functions.tf",
        r"local\.invoker\[each\.value\.access\]",
        'local.invoker[each.value.access == "tasks" ? "scheduler" : each.value.access]',
        f"{RUN}[callers: who_may_call]",
        "The account that may call a function is the one that the function looks for",
    ),
    "enqueuer's grant missing": Mistake(
        "infra/iam.tf",
        r"for_each = local\.enqueuers\n",
        'for_each = { for name, pair in local.enqueuers : name => pair if name != "ops/priceUpdates" }\n',
        f"{RUN}[senders: who_may_send]",
        "A room may enqueue on the queues in `enqueues` of its functions",
    ),
    "room that may enqueue everywhere": Mistake(
        "infra/iam.tf",
        r"for_each = local\.enqueuers\n",
        "for_each = { for pair in setproduct(local.rooms, keys(local.queues)) :\n"
        '    join("/", pair) => { room = pair[0], queue = pair[1] }\n  }\n',
        f"{GRANTS}::test_a_room_may_do_what_its_functions_need_and_nothing_else[prices]",
        "Extra items in the left set",
    ),
    "right to act as the caller missing": Mistake(
        "infra/iam.tf",
        r"for_each = local\.rooms_that_enqueue\n",
        'for_each = setsubtract(local.rooms_that_enqueue, ["prices"])\n',
        f"{RUN}[senders: who_may_send]",
        "needs roles/iam.serviceAccountUser",
    ),
    "trigger's account that may not receive": Mistake(
        "infra/iam.tf",
        r"roles/eventarc\.eventReceiver",
        "roles/eventarc.viewer",
        f"{RUN}[senders: who_may_send]",
        "needs roles/eventarc.eventReceiver",
    ),
    "trigger's account that may not call": Mistake(
        "infra/functions.tf",
        r'(iam_member" "invoker" \{\n  for_each = )local\.functions',
        r'\1{ for name, each in local.functions : name => each if each.access != "events" }',
        f"{RUN}[callers: who_may_call]",
        "Each function has its own grant",
    ),
    "storage agent that may not publish": Mistake(
        "infra/iam.tf",
        r"roles/pubsub\.publisher",
        "roles/pubsub.viewer",
        f"{RUN}[senders: who_may_send]",
        "needs roles/pubsub.publisher",
    ),
    "trigger without retry": Mistake(
        "infra/functions.tf",
        r"RETRY_POLICY_RETRY",
        "RETRY_POLICY_DO_NOT_RETRY",
        f"{RUN}[senders: who_may_send]",
        "an event whose function fails once is lost",
    ),
    "basic role": Mistake(
        "infra/iam.tf",
        r"roles/datastore\.user",
        "roles/editor",
        f"{GRANTS}::test_nobody_has_a_basic_role",
        "grant what is needed, on what it is needed",
    ),
    "grant of the whole project": Mistake(
        "infra/secrets.tf",
        r"\Z",
        'resource "google_project_iam_member" "reads_all" {\n  project = var.project_id\n'
        '  role    = "roles/secretmanager.secretAccessor"\n  member  = "serviceAccount:${local.room_email.ops}"\n}\n',
        f"{GRANTS}::test_a_room_may_do_what_its_functions_need_and_nothing_else[ops]",
        "roles/secretmanager.secretAccessor",
    ),
    "grant that takes others away": Mistake(
        "infra/secrets.tf",
        r"\Z",
        'resource "google_project_iam_binding" "readers" {\n  project = var.project_id\n'
        '  role    = "roles/logging.viewer"\n  members = ["group:ops@a-shop.example"]\n}\n',
        f"{GRANTS}::test_a_grant_takes_none_away",
        "use ..._iam_member",
    ),
    "retailer that writes everywhere": Mistake(
        "infra/buckets.tf",
        r"/objects/feeds/\$\{each\.value\.retailer\}/",
        "/objects/feeds/",
        f"{GRANTS}::test_a_retailer_writes_below_its_own_folder_only",
        "feeds/casa-verde/",
    ),
    "secret with a value": Mistake(
        "infra/secrets.tf",
        r"\Z",
        'resource "google_secret_manager_secret_version" "key" {\n'
        '  secret      = google_secret_manager_secret.this["ALGOLIA_API_KEY"].id\n  secret_data = "0123"\n}\n',
        f"{ENVIRONMENT}::test_terraform_knows_no_value_of_a_secret",
        "would be in Terraform's state",
    ),
    "secret in plain sight": Mistake(
        "infra/environment.tf",
        r"(LOG_LEVEL\s+=)",
        r'SUPPLY_CHAIN_API_KEY = "0123"' "\n" r"\1",
        f"{ENVIRONMENT}::test_nothing_secret_is_in_plain_sight[products]",
        "what is secret is in Secret Manager",
    ),
    "secret before it has a value": Mistake(
        "infra/functions.tf",
        r"setintersection\(each\.value\.secrets, var\.secrets_with_values\)",
        "toset(each.value.secrets)",
        f"{RUN}[functions: as_delivered]",
        "does not start with a secret that has no version",
    ),
    "misspelt variable of the environment": Mistake(
        "infra/environment.tf",
        r"SUPPLY_CHAIN_URL(\s+=)",
        r"SUPPLY_CHAIN_API_URL\1",
        f"{ENVIRONMENT}::test_a_function_starts_with_the_environment_it_gets[supply-chain-sync]",
        "a misspelt variable is not read",
    ),
    "setting that no deployment can give": Mistake(
        "infra/environment.tf",
        r"PRODUCTS_REQUIRE_IF_MATCH\s+=.*\n",
        "",
        f"{ENVIRONMENT}::test_whatever_differs_between_deployments_is_an_input",
        "PRODUCTS_REQUIRE_IF_MATCH",
    ),
    "bucket made public": Mistake(
        "infra/buckets.tf",
        r'each\.value\.public \? "inherited" : "enforced"',
        '"inherited"',
        f"{PARTS}::test_no_bucket_is_public_but_those_that_are_meant_to_be",
        "public_access_prevention must be enforced",
    ),
    "objects kept for good": Mistake(
        "infra/buckets.tf",
        r"can\(each\.value\.delete_after_days\)",
        "false",
        f"{PARTS}::test_a_bucket_keeps_what_the_topology_says[workspace]",
        "'Delete', 'any', 30",
    ),
    "index in the wrong direction": Mistake(
        "infra/firestore.tf",
        r'DESC = "DESCENDING"',
        'DESC = "ASCENDING"',
        "tests/infra/test_firestore.py::test_composite_indexes_are_those_of_the_topology",
        "created_at",
    ),
    "documents that never end": Mistake(
        "infra/firestore.tf",
        r"  ttl_config \{\}\n",
        "",
        "tests/infra/test_firestore.py::test_documents_end_as_the_topology_says",
        "expire_at",
    ),
    "Redis that nobody asked for": Mistake(
        "infra/cache.tf",
        r'(?s)(resource "google_redis_instance" "cache" \{\s+count = ).*?\n',
        "\\g<1>1\n",
        f"{RUN}[functions: as_delivered]",
        "it must wait for redis_enabled",
    ),
    "alerts before their metrics": Mistake(
        "infra/alerts.tf",
        r"var\.alerts_enabled",
        "true",
        f"{RUN}[functions: as_delivered]",
        "alerts must wait for alerts_enabled",
    ),
    "metric of what nothing logs": Mistake(
        "infra/monitoring.tf",
        r'"sync\.taken_over"',
        '"sync.taken"',
        "tests/infra/test_monitoring.py::test_an_event_that_is_counted_is_one_that_the_code_logs",
        "which nothing logs",
    ),
    "operator that may delete": Mistake(
        "infra/iam.tf",
        r'"cloudtasks\.queues\.get",',
        '"cloudtasks.queues.get",\n    "cloudtasks.queues.delete",',
        f"{GRANTS}::test_operators_may_steer_and_not_change",
        "cloudtasks.queues.delete",
    ),
    "operator who cannot stop a queue": Mistake(
        "infra/iam.tf",
        r'("google_cloud_tasks_queue_iam_member" "operator" \{\n  for_each = )local\.queues',
        r'\1{ for name, queue in local.queues : name => queue if name != "imageAudit" }',
        f"{GRANTS}::test_a_room_may_do_what_its_functions_need_and_nothing_else[ops]",
        "backstock_steers_queue",
    ),
    "uptime check of a path that never arrives": Mistake(
        "infra/monitoring.tf",
        r"/health/live\"",
        '/healthz"',
        "tests/infra/test_monitoring.py::test_uptime_checks_ask_what_arrives_and_needs_no_token",
        "Cloud Run keeps some paths that end in z",
    ),
    "sweepers that wait for a key they can do without": Mistake(
        "infra/topology.tf",
        r" && pair\.room != local\.operators",
        "",
        f"{RUN}[functions: as_delivered]",
        "rooms_without_secret must leave their room out",
    ),
    "bad input accepted": Mistake(
        "infra/variables.tf",
        r'(condition\s+= )can\(regex\("[^\n]*, var\.region\)\)',
        r"\1var.region != null",
        f"{REFUSALS}[region=EU]",
        "a validation of region has to refuse this",
    ),
    "new code under an old name": Mistake(
        "infra/functions.tf",
        r'"bundle-\$\{local\.bundle_sha256\}\.zip"',
        '"bundle.zip"',
        f"{RUN}[functions: as_delivered]",
        "Without the bundle's hash in its name, new code is not deployed",
    ),
    "entry point missing": Mistake(
        "main.py",
        r'    "remove_image": .*\n',
        "",
        "tests/unit/test_house_rules.py::test_every_deployed_function_has_its_entry_point_in_main",
        "Add to main.ENTRY_POINTS: ['remove_image']",
    ),
}


def _make(mistake: Mistake, repository: Path) -> None:
    file = repository / mistake.file
    text, times = re.subn(mistake.right, mistake.wrong, file.read_text(encoding="utf-8"))
    assert times == 1, (
        f"the mistake is to be made at one place of {mistake.file}, not at {times}: {mistake.right}"
    )
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the tests read, to make mistakes in."""
    for name in _NEEDED:
        source = ROOT / name
        copy = shutil.copy if source.is_file() else partial(shutil.copytree, ignore=_NOT_COPIED)
        copy(source, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("mistake", [pytest.param(mistake, id=name) for name, mistake in MISTAKES.items()])
def test_a_mistake_is_found_by_the_test_for_it(
    mistake: Mistake, repository: Path, terraform: Terraform
) -> None:
    _make(mistake, repository)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", mistake.test],
        cwd=repository,
        env={**os.environ, "TF_DATA_DIR": str(terraform.data_dir), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, f"nothing was found:\n{done.stdout}"
    assert mistake.says in done.stdout, f"what was found is something else:\n{done.stdout}"
