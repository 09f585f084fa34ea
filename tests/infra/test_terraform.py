"""What Terraform itself says: the configuration is valid, and its own tests, with mocked providers, pass."""

import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import INFRA, Runs
from tests.infra.terraform import Terraform, runs_of


def test_files_are_formatted(terraform: Terraform) -> None:
    command = ["terraform", "fmt", "-check", "-diff", "-recursive", "-no-color"]
    done = subprocess.run(command, cwd=INFRA, capture_output=True, text=True)
    assert done.returncode == 0, f"run `terraform fmt -recursive infra`:\n{done.stdout}"


def test_the_provider_accepts_every_argument(terraform: Terraform, infra: Path) -> None:
    problems = terraform.validate(infra)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in runs_of(INFRA)])
def test_a_run_of_terraform_passes(name: str, runs: Runs) -> None:
    run = runs[name]
    assert run.status == "pass", "\n".join(run.problems) or f"{name}: skipped, since a run before it broke"
