"""A database that fails, or acts and loses its answer: each request still happens, and happens once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.cloud.firestore import Client

from tests.integration.products.http.caller import Caller
from tests.integration.products.http.conftest import Faults
from tests.integration.products.http.stored import kept
from tests.unit.products.examples import content

CLIENTS = 6
TROUBLE = {"firestore": {"unavailable_rate": 0.15, "lost_answer_rate": 0.2, "seed": 7}}


@pytest.fixture
def trouble(faults: Faults) -> Iterator[None]:
    faults(TROUBLE)
    yield
    faults({})


def live(caller: Caller, client: int) -> dict[str, Any]:
    """Create a product, change it twice, and remove every other one; as it was last answered."""
    created = caller("POST", json=content(), headers={"Idempotency-Key": f"client {client}"})
    assert (created.status_code, created.json()["version"]) == (201, 1)
    path = f"/{created.json()['id']}"
    for version in (2, 3):
        changed = caller("PATCH", path, json={}, headers={"If-Match": f'"{version - 1}"'})
        assert (changed.status_code, changed.json()["version"]) == (200, version)
    assert caller("GET", path).content == changed.content
    if client % 2:
        assert caller("DELETE", path, headers={"If-Match": '"3"'}).status_code == 204
    return dict(changed.json())


def test_each_write_is_there_once(
    seller: Caller, user: str, database: Client, trouble: None, faults: Faults
) -> None:
    with ThreadPoolExecutor(CLIENTS) as threads:
        products = list(threads.map(lambda client: live(seller, client), range(CLIENTS)))
    faults({})
    stored = kept(database, user)
    assert stored["products"].keys() == {product["id"] for product in products[::2]}
    versions = {product["id"]: 3 + client % 2 for client, product in enumerate(products)}
    assert stored["outbox"].keys() == {
        f"{product}:{version}" for product, newest in versions.items() for version in range(1, newest + 1)
    }


def test_a_link_is_given_though_the_answer_to_its_write_was_lost(seller: Caller, faults: Faults) -> None:
    path = f"/{seller.create(product_images=[])['id']}/images"
    faults({"firestore": {"lost_answer_rate": 0.5, "seed": 3}})
    answers = [seller("POST", path, json={"content_type": "image/png"}).status_code for _ in range(6)]
    faults({})
    assert answers == [201] * 6
    assert len(seller("GET", path).json()["images"]) == 6
