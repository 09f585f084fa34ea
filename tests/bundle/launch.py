"""A function's process, started as Cloud Run starts what the buildpack has made."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infra.local.cloud import Cloud
from infra.local.environment import metadata_environment
from infra.topology import Function

_SYSTEM_PROGRAMS = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Launch:
    """How a function's process starts.

    Attributes:
        programs: the folder of ``functions-framework`` and its Python.
        folder: has the ``main.py``, and is where the process runs.
        target: the entry point.
        signature: ``cloudevent`` for a function with a trigger, else ``http``.
        environment: the function's own variables.
    """

    programs: Path
    folder: Path
    target: str
    signature: str
    environment: Mapping[str, str]

    def start(self, port: int, output: IO[bytes] | int) -> "subprocess.Popen[bytes]":
        """Start it; it will listen on ``port`` of this machine alone, where Cloud Run's listens on all addresses."""
        platform = {
            "PATH": f"{self.programs}:{_SYSTEM_PROGRAMS}",
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "FUNCTION_TARGET": self.target,
            "FUNCTION_SIGNATURE_TYPE": self.signature,
        }
        return subprocess.Popen(
            [self.programs / "functions-framework"],
            cwd=self.folder,
            env={**self.environment, **platform},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def signature(function: Function) -> str:
    """The kind of function that the buildpack is told of."""
    return "cloudevent" if function.access == "events" else "http"


def environment(cloud: Cloud, function: Function, home: Path) -> dict[str, str]:
    """What a deployed function finds in its environment: as Terraform sets it, with the local cloud's addresses.

    Other functions' secrets are not there.
    """
    secrets = {secret for each in cloud.topology.functions.values() for secret in each.secrets}
    others = secrets - set(function.secrets)
    known = {name: value for name, value in cloud.environment.items() if name not in others}
    return {
        **known,
        **metadata_environment(cloud.addresses, str(home)),
        "HOME": str(home),
        "PLATFORM_TOKENS_CHECKED": str(function.access != "public").lower(),
        "FUNCTION_USE_ASGI": "true",
        "LOG_EXECUTION_ID": "false",
    }
