"""One local cloud with the real functions process for all tests of the room over HTTP.

Tests keep out of each other's way by their own users. Some move the clock, so tokens are made for each test.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client

from infra.local.cloud import Cloud
from infra.local.environment import AUDIENCE
from shared.images import IMAGE_FETCH
from tests.e2e.clients import cloud_tasks, firestore, queue_path
from tests.e2e.harness import LocalCloud, local_cloud
from tests.integration.conftest import InProcessFunctions
from tests.integration.products.http.caller import Caller

_users = itertools.count(1)

Faults = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """No image is fetched unless a test has its task run: what becomes of it would be a new version of its product."""
    with local_cloud(tmp_path_factory.mktemp("data") / "local") as cloud:
        with cloud_tasks(cloud) as tasks:
            tasks.pause_queue(name=queue_path(cloud, IMAGE_FETCH.name))
        yield cloud


@pytest.fixture(scope="package")
def http(system: LocalCloud) -> httpx.Client:
    """A client of the gateway."""
    return system.http


@pytest.fixture(scope="package")
def database(system: LocalCloud) -> Client:
    """Google's Firestore client."""
    return firestore(system)


@pytest.fixture
def user() -> str:
    """A seller that no other test knows."""
    return f"seller-{next(_users)}"


@pytest.fixture
def seller(system: LocalCloud, user: str) -> Caller:
    return Caller(system.http, system.token("seller", sub=user))


@pytest.fixture
def stranger(system: LocalCloud) -> Caller:
    """Another seller."""
    return Caller(system.http, system.token("seller", sub="stranger"))


@pytest.fixture
def ops(system: LocalCloud) -> Caller:
    """An operator."""
    return Caller(system.http, system.token("ops", sub="operator"))


@pytest.fixture
def faults(http: httpx.Client) -> Iterator[Faults]:
    """Sets what goes wrong from now on, until the test ends."""

    def set_faults(document: dict[str, Any]) -> None:
        http.put("/_local/faults", json=document).raise_for_status()

    yield set_faults
    set_faults({})


@pytest.fixture
async def shop(cloud: Cloud, in_process_functions: InProcessFunctions) -> AsyncIterator[httpx.AsyncClient]:
    """A seller's client of functions in the test's own process, with its environment; nothing is delivered to them."""
    token = cloud.users.mint({"aud": AUDIENCE, "sub": "ann", "roles": ["seller"]}, 600)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        in_process_functions.serving(cloud.topology),
        httpx.AsyncClient(base_url=cloud.environment["BASE_URL"], headers=headers) as client,
    ):
        yield client
