"""A policy scan finds in the plan what we have decided, and nothing else.

The plan is scanned, not the files: there each function and bucket is looked at by itself, with the values that it gets.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.topology import load
from tests.infra.terraform import Plan

Finding = tuple[str, str]  # a check of checkov's, and the resource that fails it

TOPOLOGY = load()
_PUBLIC = [name for name, function in TOPOLOGY.functions.items() if function.access == "public"]
_OPEN = [name for name, bucket in TOPOLOGY.buckets.items() if bucket.public]
_UNVERSIONED = [name for name, bucket in TOPOLOGY.buckets.items() if not bucket.keep_replaced_days]


def _accepted() -> Iterator[Finding]:
    """What is as it is for a reason."""
    # Who calls these has a user's token, which the function checks: Cloud Run only knows Google's accounts.
    for name in _PUBLIC:
        yield "CKV_GCP_102", f'google_cloud_run_service_iam_member.invoker["{name}"]'
        yield "CKV_GCP_124", f'google_cloudfunctions2_function.this["{name}"]'
    # Shoppers' browsers read images without a token, and nothing else is in that bucket.
    for name in _OPEN:
        yield "CKV_GCP_28", f'google_storage_bucket_iam_member.public["{name}"]'
        yield "CKV_GCP_114", f'google_storage_bucket.this["{name}"]'
    # What is written once, under a name that is its own, has no versions. Deletions can be undone for seven days.
    for bucket in ["source", *(f'this["{name}"]' for name in _UNVERSIONED)]:
        yield "CKV_GCP_78", f"google_storage_bucket.{bucket}"


# Checks that nothing here is held to.
NOT_ASKED = {
    "CKV_GCP_62": "Access logs of buckets are for sites without Cloud Audit Logs, which can be turned on.",
    "CKV_GCP_63": "It is about the bucket that access logs go to.",
    "CKV_GCP_95": "Only our own network leads to the Redis; its password would lie in the state and in environments.",
    "CKV_GCP_97": "What goes to the Redis and back does not leave that network.",
    "CKV_GCP_84": "Images of functions are encrypted by Google's keys; a key of one's own is another thing to lose.",
}


@pytest.fixture(scope="session")
def checkov() -> str:
    command = os.environ.get("CHECKOV") or shutil.which("checkov")
    if not command:
        pytest.skip("checkov is not installed; `make infra-test` does that, or say where it is: CHECKOV=")
    return command


def scan(checkov: str, plan: Plan, folder: Path) -> set[Finding]:
    """What fails: https://www.checkov.io/7.Scan%20Examples/Terraform%20Plan%20Scanning.html"""
    resources = [
        {
            "address": each.address,
            "mode": "managed",
            "type": each.kind,
            "name": each.name,
            "values": each.values,
        }
        for each in plan.resources
    ]
    document = {"terraform_version": "1.9.0", "planned_values": {"root_module": {"resources": resources}}}
    file = folder / "plan.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = [
        checkov,
        "--file",
        str(file),
        "--framework",
        "terraform_plan",
        "--skip-download",
        "--output",
        "json",
    ]
    done = subprocess.run(
        [*command, "--skip-check", ",".join(NOT_ASKED)], stdout=subprocess.PIPE, text=True, cwd=folder
    )
    results = json.loads(done.stdout)["results"]
    assert results["passed_checks"], "checkov has found nothing to check"
    return {(each["check_id"], each["resource"]) for each in results["failed_checks"]}


def test_a_policy_scan_finds_what_is_accepted_and_nothing_else(
    checkov: str, complete: Plan, tmp_path: Path
) -> None:
    found, accepted = scan(checkov, complete, tmp_path), set(_accepted())
    assert found - accepted == set(), "mend it, or accept it above with the reason"
    assert accepted - found == set(), "what is no longer found need not be accepted"
