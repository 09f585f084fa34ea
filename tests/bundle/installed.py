"""The bundle, made ready as Google's buildpack does: https://github.com/GoogleCloudPlatform/buildpacks.

It unzips the source, installs the requirements, whose hashes it checks since they have some, compiles all of it, and
refuses what does not fit together.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

_INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Installed:
    """An unzipped bundle.

    Attributes:
        folder: holds what the bundle holds, and what was compiled of it.
        programs: of a virtual environment that has the bundle's requirements and nothing else.
    """

    folder: Path
    programs: Path

    @property
    def python(self) -> Path:
        return self.programs / "python"


def install(bundle: Path, directory: Path, interpreter: str) -> Installed:
    """Unzip ``bundle`` below ``directory``, which must not exist, with an environment of its own.

    Raises:
        AssertionError: a step failed; the text is what it said.
    """
    folder, environment = directory / "source", directory / "environment"
    with ZipFile(bundle) as zipped:
        zipped.extractall(folder)
    _run(folder, [interpreter, "-m", "venv", str(environment)])
    python = str(environment / "bin/python")
    options = ("--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes")
    _run(folder, [python, "-m", "pip", "install", *options, "--requirement", "requirements.txt"])
    _run(
        folder,
        [python, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", str(environment)],
        1,
    )
    _run(folder, [python, "-m", "pip", "--disable-pip-version-check", "check"])
    return compiled(Installed(folder, environment / "bin"))


def compiled(installed: Installed) -> Installed:
    """It again, once its source is compiled.

    Raises:
        AssertionError: a file cannot be compiled.
    """
    _run(installed.folder, [str(installed.python), "-m", "compileall", "-f", "-q", "."])
    return installed


def _run(folder: Path, command: Sequence[str], tolerated: int = 0) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    # Packages hold files for other Pythons, which cannot be compiled: the buildpack passes over these too.
    assert done.returncode in (0, tolerated), f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
