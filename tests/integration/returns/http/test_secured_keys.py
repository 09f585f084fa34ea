"""Keys to search with from a browser: one account's returns, for an hour, and nothing else."""

import base64
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from algoliasearch.http.exceptions import RequestException

from tests.e2e.clients import algolia
from tests.e2e.harness import LocalCloud
from tests.integration.returns.http.test_search import LISTED, shops

__all__ = ["shops"]  # the fixture

PATH = "/search-order-return-index-data/keys"


@pytest.fixture
def granted(system: LocalCloud, http: httpx.Client, shops: tuple[str, str]) -> dict[str, Any]:
    """What a seller of the first shop is given."""
    seller = system.token("seller", account=shops[0], sub="ann@example.com")
    answer = http.post(PATH, headers=seller)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


def hits(system: LocalCloud, key: str, index: str = "", **parameters: Any) -> list[dict[str, Any]]:
    """What Algolia's own client finds with ``key``."""
    name = index or system.environment["ALGOLIA_RETURNS_INDEX"]
    with algolia(system, key) as client:
        found = client.search_single_index(name, {"hitsPerPage": 100, **parameters})
    return [hit.to_dict() for hit in found.hits]


def refused(system: LocalCloud, key: str, **parameters: Any) -> None:
    with pytest.raises(RequestException) as refusal:
        hits(system, key, **parameters)
    assert refusal.value.status_code == 403


def test_algolias_client_searches_with_it_in_every_order(
    system: LocalCloud, granted: dict[str, Any], shops: tuple[str, str]
) -> None:
    assert granted["app_id"] == system.environment["ALGOLIA_APP_ID"]
    assert len(granted["indices"]) == 6
    for index in granted["indices"]:
        found = hits(system, granted["key"], index)
        assert len(found) == len(LISTED)
        assert {hit["account"] for hit in found} == {shops[0]}


@pytest.mark.parametrize(
    "wish",
    [
        {"filters": 'account:"find-me-not"'},
        {"filters": 'account:"find-me" OR account:"find-me-not"'},
        {"filters": "NOT account:nobody"},
        {"facetFilters": [["account:find-me", "account:find-me-not"]]},
        {"facetFilters": [["account:-nobody"]]},
        {"query": "find-me-not-01"},
        {"filters": ""},
    ],
    ids=str,
)
def test_no_search_widens_it(
    system: LocalCloud, granted: dict[str, Any], shops: tuple[str, str], wish: dict[str, Any]
) -> None:
    assert {hit["account"] for hit in hits(system, granted["key"], **wish)} <= {shops[0]}


def test_no_other_index_and_no_writing(system: LocalCloud, granted: dict[str, Any]) -> None:
    refused(system, granted["key"], index="another")
    index = system.environment["ALGOLIA_RETURNS_INDEX"]
    with algolia(system, granted["key"]) as client:
        for forbidden in (
            lambda: client.save_objects(index, [{"objectID": "mine"}]),
            lambda: client.delete_objects(index, ["find-me-01"]),
            lambda: client.browse_objects(index, lambda page: None),
            lambda: client.get_settings(index),
            lambda: client.list_indices(),
        ):
            with pytest.raises(RequestException) as refusal:
                forbidden()
            assert refusal.value.status_code == 403


def altered(key: str, **changes: str | None) -> str:
    """The key with other restrictions under the old signature."""
    text = base64.b64decode(key).decode()
    restrictions = dict(parse_qsl(text[64:])) | changes
    kept = {name: value for name, value in sorted(restrictions.items()) if value is not None}
    return base64.b64encode((text[:64] + urlencode(kept)).encode()).decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": 'account:"find-me-not"'},
        {"filters": None},
        {"validUntil": "9999999999"},
        {"restrictIndices": "*"},
    ],
    ids=str,
)
def test_an_altered_key_is_no_key(
    system: LocalCloud, granted: dict[str, Any], changes: dict[str, str | None]
) -> None:
    assert altered(granted["key"]) == granted["key"]
    refused(system, altered(granted["key"], **changes))


def test_it_is_what_the_official_client_would_make(system: LocalCloud, granted: dict[str, Any]) -> None:
    restrictions = dict(parse_qsl(base64.b64decode(granted["key"]).decode()[64:]))
    with algolia(system) as client:
        official = client.generate_secured_api_key(system.environment["ALGOLIA_SEARCH_KEY"], restrictions)
    assert granted["key"] == official


def test_it_tells_algolia_a_pseudonym_only(system: LocalCloud, granted: dict[str, Any]) -> None:
    text = base64.b64decode(granted["key"]).decode()
    assert "ann" not in text
    assert re.fullmatch(r"[a-zA-Z0-9_=/+-]{1,129}", dict(parse_qsl(text[64:]))["userToken"])


def test_an_account_that_differs_in_case_only_finds_nothing(
    system: LocalCloud, shops: tuple[str, str]
) -> None:
    namesake = system.token("seller", account=shops[0].upper())
    key = system.http.post(PATH, headers=namesake).raise_for_status().json()["key"]
    assert hits(system, key) == []


def test_an_operators_key_sees_all(system: LocalCloud, ops: dict[str, str], shops: tuple[str, str]) -> None:
    key = system.http.post(PATH, headers=ops).raise_for_status().json()["key"]
    assert {hit["account"] for hit in hits(system, key, query="lind")} >= set(shops)


def test_it_expires_after_an_hour(system: LocalCloud, granted: dict[str, Any]) -> None:
    now = datetime.fromisoformat(system.http.get("/_local/clock").json()["now"])
    expiry = datetime.fromisoformat(granted["expires_at"])
    assert timedelta(minutes=59) < expiry - now <= timedelta(hours=1)
    system.http.post("/_local/clock:advance", json={"seconds": 3_590}).raise_for_status()
    assert hits(system, granted["key"])
    system.http.post("/_local/clock:advance", json={"seconds": 15}).raise_for_status()
    refused(system, granted["key"])
