"""Terraform, run on a copy of ``infra/`` with mocked providers: what it would make, and what it has to say."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Values = dict[str, Any]

LOCK_FILE = ".terraform.lock.hcl"
# An editor's or an earlier init's, and what is not Terraform's.
_NOT_COPIED = shutil.ignore_patterns(
    ".terraform*", "*.tfstate*", "*.tfvars", "backend.tf", "local", "__pycache__"
)


@dataclass(frozen=True)
class Resource:
    """A resource that is planned.

    Args:
        values: as far as they are known before it exists.
        later: of the same shape, with ``True`` for what only Google can say.
    """

    kind: str
    name: str
    key: str
    values: Values
    later: Values

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.name}" + (f'["{self.key}"]' if self.key else "")


class Plan:
    """What would be made, by the format of ``terraform show -json``.

    https://developer.hashicorp.com/terraform/internals/json-format#change-representation
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._changes: list[Values] = document.get("resource_changes", [])

    @cached_property
    def resources(self) -> list[Resource]:
        return [
            Resource(each["type"], each["name"], str(each.get("index", "")), after, later)
            for each in self._changes
            if each["mode"] == "managed"
            for after, later in [(each["change"]["after"], each["change"]["after_unknown"])]
        ]

    def all(self, address: str) -> dict[str, Resource]:
        """The resources with ``for_each`` at an address such as ``google_storage_bucket.this``, by their keys."""
        return {each.key: each for each in self.resources if f"{each.kind}.{each.name}" == address}

    def of(self, address: str) -> dict[str, Values]:
        """The values of those."""
        return {key: each.values for key, each in self.all(address).items()}

    def the(self, address: str) -> Values:
        """The values of a resource that there is one of."""
        (values,) = self.of(address).values()
        return values


@dataclass
class Run:
    """A ``run`` of a test file."""

    status: str = "skip"
    problems: list[str] = field(default_factory=list)
    plan: Plan = field(default_factory=lambda: Plan({}))


class Terraform:
    """The command, with providers that ``terraform init`` has brought.

    Args:
        home: where ``init`` was run: it has ``.terraform`` and the lock file.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    @classmethod
    def initialised(cls, infra: Path, home: Path) -> "Terraform":
        """Bring what ``infra`` requires to ``home``, from the registry or as ``TF_CLI_CONFIG_FILE`` says."""
        copy(infra, home)
        command = ["terraform", "init", "-backend=false", "-input=false", "-no-color"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True)
        assert done.returncode == 0, f"terraform init failed:\n{done.stdout}{done.stderr}"
        return cls(home)

    @property
    def data_dir(self) -> Path:
        """Where the providers are: what ``TF_DATA_DIR`` is to name."""
        return self._home / ".terraform"

    def copy(self, infra: Path, folder: Path) -> Path:
        """``infra`` in ``folder``, ready for the other commands."""
        copy(infra, folder)
        shutil.copy(self._home / LOCK_FILE, folder)
        return folder

    def validate(self, infra: Path) -> list[str]:
        """The errors that ``terraform validate`` finds in a copy."""
        found = json.loads(self._run(infra, "validate", "-json"))
        return [_problem(each) for each in found["diagnostics"] if each["severity"] == "error"]

    def test(self, infra: Path, *files: str) -> dict[str, Run]:
        """The runs of these files of a copy, as "file: run" without the ending of the file."""
        filters = [f"-filter=tests/{file}" for file in files]
        runs: dict[str, Run] = {}
        for line in self._run(infra, "test", "-json", "-verbose", *filters).splitlines():
            _note(json.loads(line), runs)
        return runs

    def _run(self, infra: Path, *arguments: str) -> str:
        environment = {**os.environ, "TF_DATA_DIR": str(self.data_dir)}
        return subprocess.run(
            ["terraform", *arguments], cwd=infra, env=environment, stdout=subprocess.PIPE, text=True
        ).stdout


def copy(infra: Path, folder: Path) -> None:
    """What is Terraform's of ``infra``, without what belongs to somebody's own deployment."""
    shutil.copytree(infra, folder, ignore=_NOT_COPIED, dirs_exist_ok=True)


def _note(event: Values, runs: dict[str, Run]) -> None:
    """Add to ``runs`` what a line of ``terraform test -json`` tells of one of them."""
    if "@testfile" not in event:
        # Of the whole, such as a test file that cannot be read.
        if event["type"] == "diagnostic" and event["diagnostic"]["severity"] == "error":
            runs.setdefault("", Run("error")).problems.append(_problem(event["diagnostic"]))
        return
    file = Path(event["@testfile"]).name.removesuffix(".json").removesuffix(".hcl").removesuffix(".tftest")
    run = runs.setdefault(f"{file}: {event.get('@testrun', '')}", Run())
    match event:
        case {"test_run": {"status": status}}:
            run.status = status
        case {"test_plan": document}:
            run.plan = Plan(document)
        case {"diagnostic": {"severity": "error"} as diagnostic}:
            run.problems.append(_problem(diagnostic))


def _problem(diagnostic: Values) -> str:
    where = diagnostic.get("range", {})
    place = f"{where['filename']}:{where['start']['line']}: " if where else ""
    return f"{place}{diagnostic['summary']}. {diagnostic.get('detail', '')}"


def runs_of(infra: Path) -> Iterator[str]:
    """The runs of Terraform's own test files, as :meth:`Terraform.test` names them, without running them."""
    for file in sorted((infra / "tests").glob("*.tftest.hcl")):
        for name in re.findall(r'^run "(\w+)"', file.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"{file.name.removesuffix('.tftest.hcl')}: {name}"
