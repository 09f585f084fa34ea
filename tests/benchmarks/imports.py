"""What each function imports until it has answered its first request, and how long that takes."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import httpx

from infra.topology import load
from tests.benchmarks.report import Bound, show
from tests.benchmarks.system import System
from tests.e2e.harness import ROOT, free_port

_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.002

# What takes long to import, by the name under which it would be found.
_HEAVY = {
    "Firestore": "google.cloud.firestore_v1",
    "Tasks": "google.cloud.tasks_v2",
    "Storage": "google.cloud.storage",
    "Algolia": "algoliasearch",
    "Pillow": "PIL",
    "redis": "redis",
    "httpx": "httpx",
    "requests": "requests",
    "aiohttp": "aiohttp.client",
}
_NOT_FOR_PRODUCTS = ("Storage", "Algolia", "Pillow", "redis")


@dataclass(frozen=True)
class Imports:
    """Every module that was imported, with the microseconds of its own that it took."""

    modules: Counter[str]

    @property
    def heavy(self) -> list[str]:
        return [name for name, module in _HEAVY.items() if module in self.modules]


def imports_by_function(system: System) -> dict[str, Imports]:
    """Start each function once, as it is deployed."""
    with TemporaryDirectory() as directory:
        return {
            name: _imports(system, function.entry_point, Path(directory, name))
            for name, function in load().functions.items()
        }


def show_imports(found: dict[str, Imports]) -> None:
    """Print what each function imports."""
    rows = [
        (name, len(each.modules), each.modules.total() / 1e3, ", ".join(each.heavy))
        for name, each in found.items()
    ]
    show("Imports up to the first answer", ("function", "modules", "ms", "of the heavy ones"), rows)


def bounds(found: dict[str, Imports]) -> list[Bound]:
    """What ``products`` starts without."""
    heavy = found["products"].heavy
    return [Bound(f"products imports {name}", int(name in heavy), 0) for name in _NOT_FOR_PRODUCTS]


def _imports(system: System, entry_point: str, report: Path) -> Imports:
    with (
        report.open("wb") as errors,
        _first_answered(system, entry_point, errors, PYTHONPROFILEIMPORTTIME="1"),
    ):
        pass
    modules: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        # "import time:      1234 |       5678 |   name", in microseconds: its own, and with all that it imports.
        own, _, name = line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")
        if own.strip().isdecimal():
            modules[name.strip()] += int(own)
    return Imports(modules)


@contextmanager
def _first_answered(
    system: System, entry_point: str, errors: IO[bytes] | int, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process of its own for an entry point, which has answered one request.

    Args:
        errors: where its standard error goes.
        environment: what it finds there besides the local cloud's addresses.
    """
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--asgi", "--target", entry_point]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **system.cloud.environment, "WORKERS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )
    try:
        _first_answer(f"http://127.0.0.1:{port}/", time.perf_counter() + _LONGEST_SECONDS)
        yield process
    finally:
        process.terminate()
        process.wait()


def _first_answer(url: str, deadline: float) -> None:
    while time.perf_counter() < deadline:
        try:
            answer = httpx.post(url, timeout=_LONGEST_SECONDS, trust_env=False)
        except httpx.TransportError:
            time.sleep(_LOOK_SECONDS)
            continue
        if answer.status_code >= 500:
            raise RuntimeError(f"the first answer is {answer.status_code}: {answer.text}")
        return
    raise RuntimeError(f"no answer within {_LONGEST_SECONDS:g} s")
