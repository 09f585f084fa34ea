"""Where the clients go: to Google's and Algolia's own addresses, unless the environment names others."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared import clients
from shared.errors import ConfigurationError
from shared.settings import Settings
from tests.unit.shared.examples import REQUIRED, a_deployment


@pytest.fixture(autouse=True)
def _new_clients() -> Iterator[None]:
    clients.cloud_tasks.cache_clear()
    yield
    clients.cloud_tasks.cache_clear()


def hosts(address: str | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    if address is not None:
        monkeypatch.setenv("ALGOLIA_HOST", address)
    config = clients.algolia(a_deployment(), "key")().config
    assert config.hosts is not None
    return [f"{host.scheme}://{host.url}:{host.port}" for host in config.hosts.write()]


def test_algolia_is_reached_at_its_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALGOLIA_HOST", raising=False)
    addresses = hosts(None, monkeypatch)
    assert addresses[0].startswith("https://SHOP.algolia.net")
    assert len(addresses) > 1


@pytest.mark.parametrize("address", ["127.0.0.1:9090", "http://127.0.0.1:9090"])
def test_algolia_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    # Twice: a host that has failed is passed over, and there would be no other to try.
    assert hosts(address, monkeypatch) == ["http://127.0.0.1:9090"] * 2


def test_algolia_never_waits_out_a_rate_limit_in_an_instance() -> None:
    assert clients.algolia(a_deployment(), "key")().config.max_rate_limit_retries == 0


@pytest.mark.parametrize(
    ("config", "key", "lacking"),
    [
        (a_deployment(), "", "ALGOLIA_API_KEY"),
        (Settings.from_environment(REQUIRED), "key", "ALGOLIA_APP_ID"),
    ],
)
def test_what_algolia_lacks_is_named(config: Settings, key: str, lacking: str) -> None:
    with pytest.raises(ConfigurationError, match=lacking):
        clients.algolia(config, key)


async def test_cloud_tasks_can_be_elsewhere_and_is_connected_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", "127.0.0.1:9090")
    client = clients.cloud_tasks()
    assert client is clients.cloud_tasks()
    await client.transport.close()


def test_importing_the_clients_module_imports_no_client() -> None:
    program = "import sys; import shared.clients; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"google.cloud.firestore", "google.cloud.tasks_v2", "algoliasearch", "grpc"}
    assert not heavy & set(done.stdout.split())


def test_cloud_tasks_is_imported_without_aiohttp_which_others_can_import_afterwards() -> None:
    """In a process of its own, which has imported nothing yet."""
    program = (
        "import sys; from shared import clients; clients.cloud_tasks(); "
        "print('aiohttp' in sys.modules); import aiohttp"
    )
    environment = REQUIRED | {"CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:9090"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
