"""Rebuilding a store: what it costs, how requests coalesce, and who gives way to whom."""

from tests.integration.storefront.world import FirestoreServer


async def test_a_rebuild_shows_what_the_store_sells(worlds: FirestoreServer) -> None:
    world = await worlds.world()
    await world.change()
    await world.until_quiet()
    assert (await world.shown()).revision == 1
