"""What GitHub runs for us: code that cannot change under us, and targets that there are."""

import re
from pathlib import Path

import pytest
import yaml

import main

ROOT = Path(main.__file__).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text("utf-8")


def test_an_action_is_pinned_by_its_commit_with_its_version_beside_it(workflow: str) -> None:
    uses = re.findall(r"uses: (.*)", workflow)
    assert uses
    floating = [
        each for each in uses if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
    ]
    assert not floating, f"a tag can be moved to other code: pin {floating} by commit"


def test_a_make_target_is_in_the_makefile(workflow: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"run: make ([a-z-]+)", workflow)) <= targets


def test_no_job_may_write_to_the_repository(workflow: str) -> None:
    parsed = yaml.safe_load(workflow)
    granted = [parsed["permissions"], *(job.get("permissions", {}) for job in parsed["jobs"].values())]
    assert all(name == "id-token" or level == "read" for grant in granted for name, level in grant.items()), (
        granted
    )


def test_what_a_person_typed_is_no_part_of_a_script(workflow: str) -> None:
    """An expression in a script is pasted into it, quotes and all; in the environment it stays a value."""
    steps = [step for job in yaml.safe_load(workflow)["jobs"].values() for step in job["steps"]]
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]
