"""Each entry point, started of the bundle alone as the platform starts it, does real work and answers rightly."""

import orjson
import pytest

from tests.bundle import conversation
from tests.bundle.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_returns_are_taken_in_synced_and_found(shop: Shop) -> None:
    await conversation.returns_are_found(shop)
    shop.check_served("returns")


async def test_products_are_delivered_and_their_images_made_smaller(shop: Shop) -> None:
    await conversation.products_are_shown_and_delivered(shop)
    for room in ("products", "images", "supply_chain"):
        shop.check_served(room)


async def test_a_feed_becomes_a_storefront(shop: Shop) -> None:
    await conversation.feeds_become_storefronts(shop)
    for room in ("prices", "storefront"):
        shop.check_served(room)


async def test_operators_see_that_nothing_failed(shop: Shop) -> None:
    await conversation.operators_see_that_nothing_failed(shop)
    shop.check_served("ops")


async def test_every_room_is_one_of_these(shop: Shop) -> None:
    rooms = {function.room for function in shop.cloud.topology.functions.values()}
    assert rooms == {"returns", "products", "images", "supply_chain", "prices", "storefront", "ops"}


async def test_all_that_they_log_is_structured(shop: Shop) -> None:
    shop.deployment.stop()
    logs = {name: shop.deployment.log(name).splitlines() for name in shop.deployment.exchanges}
    assert [name for name, lines in logs.items() if not lines] == []
    for name, lines in logs.items():
        for line in lines:
            assert orjson.loads(line)["severity"] == "INFO", f"{name}: {line}"
