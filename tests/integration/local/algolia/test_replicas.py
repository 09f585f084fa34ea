"""Replicas: other rankings of the same records."""

import pytest
from algoliasearch.http.exceptions import RequestException

from .conftest import Local

RECORDS = [
    {"objectID": "1", "name": "blue shirt", "price": 30},
    {"objectID": "2", "name": "shirt", "price": 10},
    {"objectID": "3", "name": "hat", "price": 20},
]


@pytest.fixture
async def priced(local: Local) -> Local:
    await local.save("shop", *RECORDS)
    await local.client.set_settings(
        "shop", {"searchableAttributes": ["name"], "replicas": ["cheap", "virtual(dear)"]}
    )
    await local.client.set_settings("cheap", {"ranking": ["asc(price)", "typo", "words", "custom"]})
    await local.client.set_settings("dear", {"customRanking": ["desc(price)"]})
    return local


async def test_replicas_show_the_records_of_their_primary_in_their_own_order(priced: Local) -> None:
    assert await priced.ids("cheap") == ["2", "3", "1"]
    assert await priced.ids("dear") == ["1", "3", "2"]
    assert await priced.ids("shop", query="shirt") == ["2", "1"]
    assert await priced.ids("dear", query="shirt") == ["1", "2"]
    assert (await priced.client.get_object("cheap", "3"))["name"] == "hat"


async def test_replicas_follow_every_write(priced: Local) -> None:
    assert len(await priced.ids("cheap")) == 3

    await priced.save("shop", {"objectID": "4", "name": "sock", "price": 1}, {"objectID": "1", "price": 0})
    await priced.client.delete_object("shop", "3")

    assert await priced.ids("cheap") == ["1", "4", "2"]


async def test_replicas_cannot_be_written_to_or_deleted(priced: Local) -> None:
    with pytest.raises(RequestException, match="is a replica") as refused:
        await priced.save("cheap", {"objectID": "9"})
    assert refused.value.status_code == 403
    with pytest.raises(RequestException, match="unlink"):
        await priced.client.delete_index("cheap")


async def test_settings_are_forwarded_on_request(priced: Local) -> None:
    await priced.client.set_settings("shop", {"hitsPerPage": 2}, forward_to_replicas=True)
    await priced.client.set_settings("shop", {"maxValuesPerFacet": 5})

    cheap = await priced.client.get_settings("cheap")
    assert (cheap.hits_per_page, cheap.max_values_per_facet, cheap.primary) == (2, 100, "shop")
    dear = await priced.client.get_settings("dear")
    assert (dear.hits_per_page, dear.max_values_per_facet) == (2, 5)
    assert (await priced.client.get_settings("shop")).replicas == ["cheap", "virtual(dear)"]


async def test_an_unlinked_replica_keeps_its_records_and_a_virtual_one_goes(priced: Local) -> None:
    await priced.client.set_settings("shop", {"replicas": []})

    assert await priced.ids("cheap") == ["2", "3", "1"]
    assert not await priced.client.index_exists("dear")
    await priced.save("cheap", {"objectID": "9", "price": 0})
    assert len(await priced.ids("cheap")) == 4
    assert len(await priced.ids("shop")) == 3


async def test_deleting_the_primary_makes_its_replicas_independent(priced: Local) -> None:
    await priced.client.delete_index("shop")

    assert await priced.ids("cheap") == ["2", "3", "1"]


async def test_the_list_of_indices_tells_who_is_whose_replica(priced: Local) -> None:
    listed = {index.name: index for index in (await priced.client.list_indices()).items}

    assert (listed["shop"].entries, listed["shop"].replicas) == (3, ["cheap", "virtual(dear)"])
    assert (listed["cheap"].primary, listed["dear"].virtual, listed["dear"].entries) == ("shop", True, 3)


async def test_a_replica_has_one_primary_and_no_replicas(priced: Local) -> None:
    await priced.save("other", {"objectID": "1"})

    with pytest.raises(RequestException, match="cannot be a replica"):
        await priced.client.set_settings("other", {"replicas": ["cheap"]})
    with pytest.raises(RequestException, match="cannot have replicas"):
        await priced.client.set_settings("cheap", {"replicas": ["x"]})
    with pytest.raises(RequestException, match="has replicas"):
        await priced.client.operation_index("other", {"operation": "copy", "destination": "shop"})
