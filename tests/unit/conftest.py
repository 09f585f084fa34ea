"""Unit tests run as if deployed, with a complete environment."""

from collections.abc import Iterator

import pytest

from shared.settings import settings
from tests.unit.shared.examples import ENVIRONMENT


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()
