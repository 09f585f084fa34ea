"""What a benchmark ran on."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version


def show_machine(libraries: Sequence[str]) -> None:
    """Print cores, Python and the versions of the libraries that matter, and how busy the machine is."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}\n{versions}")
    show_load()


def show_load() -> None:
    """Print how busy the machine is: more than its cores, and the times are too long."""
    print("load average: " + ", ".join(f"{load:.2f}" for load in os.getloadavg()))
