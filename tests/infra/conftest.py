"""Terraform on a copy of ``infra/``, and what it makes there of nothing but the inputs that are required."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

from infra.topology import Topology, load
from tests.infra.terraform import Plan, Run, Terraform

HERE = Path(__file__).parent
INFRA = HERE.parents[1] / "infra"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at a plan shares it, so it stays in one process; each mistake is made in a process of its own."""
    for item in items:
        if item.path.parent == HERE and item.path.name != "test_mistakes.py":
            item.add_marker(pytest.mark.xdist_group("plans"))


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """With the providers that ``TF_DATA_DIR`` has already, as `make infra-test` does, or with its own."""
    if not shutil.which("terraform"):
        pytest.skip("Terraform is not installed: https://developer.hashicorp.com/terraform/install")
    if given := os.environ.get("TF_DATA_DIR"):
        return Terraform(Path(given).parent)
    return Terraform.initialised(INFRA, tmp_path_factory.mktemp("initialised"))


@pytest.fixture(scope="session")
def infra(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return terraform.copy(INFRA, tmp_path_factory.mktemp("infra"))


class Runs:
    """The runs of Terraform's own test files. A file is run when it is first asked for."""

    def __init__(self, terraform: Terraform, infra: Path) -> None:
        self._of_file = cache(lambda file: terraform.test(infra, f"{file}.tftest.hcl"))

    def __getitem__(self, name: str) -> Run:
        runs: dict[str, Run] = self._of_file(name.partition(": ")[0])
        return runs[name] if name in runs else runs[""]


@pytest.fixture(scope="session")
def runs(terraform: Terraform, infra: Path) -> Runs:
    return Runs(terraform, infra)


def plan_of(runs: Runs, name: str) -> Plan:
    run = runs[name]
    assert run.plan.resources, f"there is nothing to look at: {run.problems}"
    return run.plan


@pytest.fixture(scope="session")
def delivered(runs: Runs) -> Plan:
    """What is made with nothing but the inputs that are required."""
    return plan_of(runs, "functions: as_delivered")


@pytest.fixture(scope="session")
def complete(runs: Runs) -> Plan:
    """What is made with every switch on and every input given."""
    return plan_of(runs, "everything: everything")


@pytest.fixture(scope="session")
def topology() -> Topology:
    return load()
