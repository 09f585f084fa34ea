"""What each function imports until it has answered its first request, and how long that takes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.topology import load
from tests.benchmarks.cold_start import first_answered
from tests.benchmarks.report import Bound, show
from tests.benchmarks.system import System

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
    "aiohttp": "aiohttp",
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
        first_answered(system, entry_point, errors, PYTHONPROFILEIMPORTTIME="1"),
    ):
        pass
    modules: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        # "import time:      1234 |       5678 |   name", in microseconds: its own, and with all that it imports.
        own, _, name = line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")
        if own.strip().isdecimal():
            modules[name.strip()] += int(own)
    return Imports(modules)
