"""What is in the bundle, and that it needs nothing but that."""

import json
import re
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

import main
from tests.bundle.installed import Installed

# The settings without a default; nothing is called.
_ENVIRONMENT = {
    "GOOGLE_CLOUD_PROJECT": "shop",
    "BASE_URL": "https://shop.example",
    "AUTH_ISSUER": "https://users.example",
    "AUTH_AUDIENCE": "shop",
    "AUTH_JWKS_URL": "https://users.example/keys",
    "TASKS_SERVICE_ACCOUNT": "tasks@shop.iam.gserviceaccount.com",
    "SCHEDULER_SERVICE_ACCOUNT": "scheduler@shop.iam.gserviceaccount.com",
}
# Where each module is that an entry point imports.
_IMPORT = """
import json, os, sys, main
getattr(main, sys.argv[1])
files = (getattr(module, "__file__", None) for module in sys.modules.values())
print(json.dumps([os.path.realpath(file) for file in files if file]))
"""
_BASE = (
    "import json, os, sys; print(json.dumps([os.path.realpath(p) for p in (sys.base_prefix, sys.prefix)]))"
)


def test_it_holds_what_runs_and_nothing_else(bundle: Path) -> None:
    with ZipFile(bundle) as zipped:
        names = zipped.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "functions",
        "main.py",
        "requirements.txt",
        "shared",
    }
    console = re.compile(r"functions/ops/console/(templates/[\w/]+\.html|static/\w+\.(css|js|svg))")
    known = (".py", ".json", "requirements.txt")
    strangers = {name for name in names if not name.endswith(known) and not console.fullmatch(name)}
    assert not strangers, "what does a function need these for?"


@pytest.mark.parametrize("module", sorted(set(main.ENTRY_POINTS.values())))
def test_an_entry_point_imports_nothing_from_elsewhere(installed: Installed, module: str) -> None:
    entry_point = next(name for name, home in main.ENTRY_POINTS.items() if home == module)
    folders = [str(installed.folder.resolve()), *json.loads(_printed(installed, _BASE))]
    files = json.loads(_printed(installed, _IMPORT, entry_point))
    assert files
    assert [file for file in files if not file.startswith(tuple(folders))] == []


def test_its_environment_has_none_of_our_tools(installed: Installed) -> None:
    program = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    assert not {"pytest", "psutil", "rich", "typer", "mypy", "playwright"} & set(
        _printed(installed, program).split()
    )


def _printed(installed: Installed, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [installed.python, "-c", program, *arguments],
        cwd=installed.folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
