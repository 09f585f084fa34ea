"""The bundle of this checkout, installed once, and a shop that runs on it."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from infra.bundle import write
from tests.bundle.installed import Installed, install
from tests.bundle.shop import Shop, open_shop


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "backstock.zip"
    write(path)
    return path


@pytest.fixture(scope="session")
def installed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """By the Python that ``PYTHON`` names, or else this one."""
    interpreter = os.environ.get("PYTHON") or sys.executable
    return install(bundle, tmp_path_factory.mktemp("installed"), interpreter)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(installed, tmp_path_factory.mktemp("shop")) as opened:
        yield opened
