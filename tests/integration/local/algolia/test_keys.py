"""What each key may do, and that a secured key cannot be talked out of its restrictions."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from algoliasearch.http.exceptions import RequestException

from .conftest import ADMIN, SEARCH, Local


@pytest.fixture
async def accounts(local: Local) -> Local:
    settings = {"attributesForFaceting": ["account", "status"], "unretrievableAttributes": ["internal"]}
    await local.client.set_settings("returns", settings)
    await local.save(
        "returns",
        {"objectID": "1", "account": "a", "status": "open", "internal": 1},
        {"objectID": "2", "account": "a", "status": "done", "internal": 2},
        {"objectID": "3", "account": "b", "status": "open", "internal": 3},
    )
    await local.save("other", {"objectID": "1"})
    return local


async def secured(local: Local, **restrictions: Any) -> str:
    return await local.client.generate_secured_api_key(SEARCH, restrictions)


async def refused(local: Local, key: str, index: str = "returns", **params: Any) -> str:
    with pytest.raises(RequestException) as error:
        await local.search(index, key=key, **params)
    assert error.value.status_code == 403
    return str(error.value.message)


async def test_the_search_key_may_only_search(accounts: Local) -> None:
    searcher = accounts.connect(SEARCH)

    assert (await accounts.search("returns", key=SEARCH)).nb_hits == 3
    assert "internal" not in await searcher.get_object("returns", "1")
    assert "internal" in await accounts.client.get_object("returns", "1")
    for attempt in (
        searcher.save_objects("returns", [{"objectID": "9"}]),
        searcher.browse("returns"),
        searcher.get_settings("returns"),
        searcher.list_indices(),
        searcher.delete_index("returns"),
    ):
        with pytest.raises(RequestException, match="Method not allowed with this API key"):
            await attempt


async def test_wrong_credentials_are_refused_in_algolias_words(accounts: Local) -> None:
    assert await refused(accounts, "wrong") == "Invalid Application-ID or API key"


async def test_a_secured_filter_is_added_to_whatever_is_asked(accounts: Local) -> None:
    key = await secured(accounts, filters="account:a")

    async def found(**params: Any) -> list[str]:
        return [hit.object_id for hit in (await accounts.search("returns", key=key, **params)).hits]

    assert await found() == ["1", "2"]
    assert await found(filters="status:open OR status:none") == ["1"]
    assert await found(filters="account:b") == []
    assert await found(facetFilters=["account:b"]) == []
    faceted = await accounts.search("returns", key=key, facets=["account"])
    assert faceted.facets == {"account": {"a": 2}}


async def test_secured_parameters_override_those_of_the_query(accounts: Local) -> None:
    key = await secured(accounts, hitsPerPage=1, attributesToRetrieve=["status"])

    answer = await accounts.search("returns", key=key, hitsPerPage=100, attributesToRetrieve=["*"])

    assert len(answer.hits) == 1
    assert "account" not in answer.hits[0].to_dict()


async def test_a_secured_key_is_bound_to_its_indices(accounts: Local) -> None:
    key = await secured(accounts, restrictIndices=["ret*", "nothing"])

    assert (await accounts.search("returns", key=key)).nb_hits == 3
    assert await refused(accounts, key, index="other") == "Index not allowed with this API key"
    with pytest.raises(RequestException, match="Index not allowed"):
        await accounts.connect(key).search({"requests": [{"indexName": "returns"}, {"indexName": "other"}]})


async def test_a_secured_key_expires_by_the_clock(accounts: Local) -> None:
    key = await secured(accounts, validUntil=int(accounts.clock.time()) + 60, userToken="me")
    assert (await accounts.search("returns", key=key)).nb_hits == 3

    accounts.clock.advance(61)

    assert await refused(accounts, key) == '"validUntil" parameter expired (less than current date)'


async def test_a_secured_key_may_be_bound_to_a_network(accounts: Local) -> None:
    assert (
        await accounts.search("returns", key=await secured(accounts, restrictSources="127.0.0.0/8"))
    ).nb_hits == 3
    assert "Source" in await refused(accounts, await secured(accounts, restrictSources="10.0.0.0/8"))


async def test_tampered_keys_are_refused(accounts: Local) -> None:
    key = base64.b64decode(await secured(accounts, filters="account:a")).decode()
    widened = base64.b64encode(key.replace("account%3Aa", "account%3Ab").encode()).decode()
    unsigned = base64.b64encode(b"0" * 64 + b"filters=").decode()
    params = "filters="
    signed_by_other = hmac.new(b"guess", params.encode(), hashlib.sha256).hexdigest() + params
    from_admin = await accounts.client.generate_secured_api_key(ADMIN, {"filters": "account:a"})

    for forged in (widened, unsigned, base64.b64encode(signed_by_other.encode()).decode(), from_admin, "%%%"):
        assert await refused(accounts, forged) == "Invalid Application-ID or API key"


async def test_a_secured_key_with_filters_does_not_get_records_by_id(accounts: Local) -> None:
    restricted = accounts.connect(await secured(accounts, filters="account:a"))

    with pytest.raises(RequestException, match="secured key"):
        await restricted.get_object("returns", "3")


async def test_the_permissions_of_a_key_can_be_read(accounts: Local) -> None:
    assert (await accounts.client.get_api_key(SEARCH)).acl == ["search"]
    with pytest.raises(RequestException, match="Key does not exist"):
        await accounts.client.get_api_key("other")
