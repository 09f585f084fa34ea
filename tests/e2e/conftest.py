"""A local cloud for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.e2e.harness import LocalCloud, local_cloud


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """An empty local cloud (``SEED=none``), shared by a module's tests."""
    with local_cloud(tmp_path_factory.mktemp("data") / "local") as cloud:
        yield cloud
