"""One index of a search service: what is written is found, and an error says whether trying again can help."""

from collections.abc import Callable
from typing import Any

import pytest
from algoliasearch.http.hosts import Host, HostsCollection
from algoliasearch.http.transporter_sync import TransporterSync

from infra.local.cloud import Cloud
from infra.local.http_server import address_of, local_socket
from shared import clients
from shared.errors import TransientError
from shared.search import RefusedError, SearchIndex
from shared.settings import settings

ADD = {"action": "addObject", "body": {"objectID": "R-1", "status": "requested"}}


@pytest.fixture
def connect(cloud: Cloud) -> Callable[[], SearchIndex]:
    """A connection of its own to the index: the client remembers hosts that failed."""

    def new() -> SearchIndex:
        return SearchIndex(clients.algolia(settings(), settings().algolia_api_key), "order_returns")

    return new


@pytest.fixture
def index(connect: Callable[[], SearchIndex]) -> SearchIndex:
    return connect()


async def found(index: SearchIndex, **parameters: Any) -> list[str]:
    answer = await index.search({"query": "", **parameters})
    return [hit["objectID"] for hit in answer["hits"]]


async def test_what_is_written_is_found(index: SearchIndex) -> None:
    await index.batch([ADD])
    assert await found(index) == ["R-1"]


async def test_batches_of_one_index_apply_in_their_order(index: SearchIndex) -> None:
    await index.batch([ADD])
    await index.batch([{"action": "deleteObject", "body": {"objectID": "R-1"}}])
    assert await found(index) == []


async def test_settings_decide_what_can_be_filtered(index: SearchIndex) -> None:
    await index.set_settings({"attributesForFaceting": ["filterOnly(status)"]})
    await index.batch([ADD])
    assert await found(index, filters="status:requested") == ["R-1"]
    assert await found(index, filters="status:refunded") == []


async def test_an_index_may_have_any_name(cloud: Cloud) -> None:
    odd = SearchIndex(clients.algolia(settings(), settings().algolia_api_key), "a b/ü?")
    await odd.batch([ADD])
    assert await found(odd) == ["R-1"]


@pytest.mark.parametrize(
    "request_", [{"action": "explode", "body": {}}, {"action": "addObject", "body": {"x": "y" * 200_000}}]
)
async def test_content_that_is_not_acceptable_is_refused_whole(
    index: SearchIndex, request_: dict[str, Any]
) -> None:
    await index.batch([ADD])
    with pytest.raises(RefusedError):
        await index.batch([{"action": "addObject", "body": {"objectID": "R-2"}}, request_])
    assert await found(index) == ["R-1"]


@pytest.mark.parametrize("fault", ["rate_429", "rate_5xx", "lost_answer_rate"])
async def test_a_fault_that_passes_is_transient_and_leaves_no_trace(
    cloud: Cloud, index: SearchIndex, fault: str
) -> None:
    cloud.algolia.faults = {fault: 1.0}
    with pytest.raises(TransientError):
        await index.batch([ADD])
    with pytest.raises(TransientError):
        await index.search({"query": ""})
    cloud.algolia.faults = {}
    await index.batch([ADD])
    assert await found(index) == ["R-1"]


async def test_out_of_reach_is_transient_and_forgiven_at_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, connect: Callable[[], SearchIndex]
) -> None:
    nobody = local_socket()
    address = address_of(nobody)
    nobody.close()
    monkeypatch.setenv("ALGOLIA_HOST", address)
    index = connect()
    for _ in range(3):
        with pytest.raises(TransientError, match="out of reach"):
            await index.batch([ADD])


async def test_a_key_that_may_not_write_is_told(cloud: Cloud) -> None:
    reader = SearchIndex(clients.algolia(settings(), settings().algolia_search_key), "order_returns")
    with pytest.raises(TransientError, match=r"40[13]"):
        await reader.batch([ADD])


async def test_a_host_that_refuses_the_connection_is_passed_over(cloud: Cloud) -> None:
    settled = clients.algolia(settings(), settings().algolia_api_key)
    with local_socket() as nobody:
        port = int(address_of(nobody).rpartition(":")[2])
    asked: list[TransporterSync] = []

    def connect() -> TransporterSync:
        transporter = settled()
        assert transporter.config.hosts is not None
        closed = Host("127.0.0.1", scheme="http", port=port)
        transporter.config.hosts = HostsCollection([closed, *transporter.config.hosts.write()])
        asked.append(transporter)
        return transporter

    index = SearchIndex(connect, "order_returns")
    await index.batch([ADD])
    assert await found(index) == ["R-1"]
    assert len(asked) == 2
