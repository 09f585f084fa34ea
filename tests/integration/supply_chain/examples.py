"""Products in a world, and their events."""

from shared.outbox import ProductEvent, StoredEvent
from shared.tasks import Attempt
from tests.integration.supply_chain.world import OWNER, World, content


async def create(world: World, *product_ids: str) -> None:
    """Add products; a task for the event of each waits on the queue."""
    for product_id in product_ids:
        await world.catalog.create(product_id, OWNER, content("Boots"), lambda batch, written: None)


async def replace(world: World, product_id: str) -> None:
    """Write another version of a product."""
    await world.catalog.replace(product_id, OWNER, content("Shoes"), lambda version: None)


async def delete(world: World, product_id: str) -> None:
    """Remove a product."""
    await world.catalog.delete(product_id, OWNER, lambda version: None)


async def event(world: World, event_id: str) -> StoredEvent:
    """An event that there must be."""
    found = await world.outbox.get(event_id)
    assert found
    return found


async def attempt(world: World, task: ProductEvent, number: int = 1) -> None:
    """An attempt at a task. Raises what ends it."""
    await world.delivery.run(task, Attempt("task", number, 19))
