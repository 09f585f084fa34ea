"""One local cloud with the real functions process for all tests of the room over HTTP.

Tests keep out of each other's way by their own accounts and return ids.
"""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from google.cloud.firestore import Client

from tests.e2e.clients import firestore
from tests.e2e.harness import LocalCloud, local_cloud

_accounts = itertools.count(1)


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with local_cloud(tmp_path_factory.mktemp("data") / "local") as cloud:
        yield cloud.wait_out_schedules()


@pytest.fixture(scope="package")
def http(system: LocalCloud) -> httpx.Client:
    """A client of the gateway."""
    return system.http


@pytest.fixture(scope="package")
def database(system: LocalCloud) -> Client:
    """Google's Firestore client."""
    return firestore(system)


@pytest.fixture
def account() -> str:
    """An account that no other test uses."""
    return f"shop-{next(_accounts)}"


@pytest.fixture
def warehouse(system: LocalCloud, account: str) -> dict[str, str]:
    """The headers of the account's warehouse."""
    return system.token("warehouse", account=account)


@pytest.fixture
def ops(system: LocalCloud) -> dict[str, str]:
    """The headers of an operator."""
    return system.token("ops")
