"""Two processes serve a storefront through one rebuild after another, by builders that come twice and are killed in the
middle, and through rollbacks: whole generations, never an older after a newer one but by a rollback, never an error.

Nothing is stepped here: everybody goes on as the event loop has it. ``.ci/run`` does it with
``STOREFRONT_REBUILDS=200``.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random

import pytest

from shared.errors import TransientError
from shared.storefronts import RebuildTask, StorefrontTask
from shared.tasks import Attempt
from tests.integration.steps import Task
from tests.integration.storefront.world import FirestoreServer, World

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

REBUILDS = int(os.environ.get("STOREFRONT_REBUILDS", "15"))
# Every so many steps somebody rolls back; of so many tasks one is delivered twice, and of so many builders one dies.
ROLLBACKS = 6
DUPLICATES = 4
DEATHS = 5
# More turns of the event loop than a rebuild takes.
_LONGEST_LIFE = 60


async def build(world: World, task: Task) -> None:
    """An attempt at a task. If it fails or dies, the task waits again."""
    payload = task.payload
    assert isinstance(payload, StorefrontTask)
    assert isinstance(payload.root, RebuildTask)
    try:
        await world.rebuild.run(payload.root, Attempt("task", 1, 12))
    except (TransientError, asyncio.CancelledError):
        world.queues.waiting.append(task)


async def build_all(world: World, dice: Random) -> None:
    """An attempt at each waiting task; some come twice at once, and some builders die."""
    waiting, world.queues.waiting = world.queues.waiting, []
    twice = [task for task in waiting if dice.randrange(DUPLICATES) == 0]
    builders = [asyncio.create_task(build(world, task)) for task in waiting + twice]
    for builder in builders:
        if dice.randrange(DEATHS) == 0:
            for _ in range(dice.randrange(_LONGEST_LIFE)):
                await asyncio.sleep(0)
            builder.cancel()
    await asyncio.gather(*builders, return_exceptions=True)


@asynccontextmanager
async def readers(world: World) -> AsyncIterator[None]:
    """Both processes are read meanwhile."""
    reading = [asyncio.create_task(reader.read()) for reader in world.readers]
    yield
    await asyncio.gather(*reading)


async def test_readers_see_whole_generations_only(worlds: FirestoreServer) -> None:
    world, dice = await worlds.world(), Random(7)
    served: set[int | None] = set()
    for step in count(1):
        async with readers(world):
            await world.change()
            if step % ROLLBACKS == 0:
                await world.roll_back()
            await world.finish()
            await build_all(world, dice)
        served.add((await world.state()).current)
        if len(served) > REBUILDS:
            break
    assert len({generation for generation, _, _ in world.seen}) > REBUILDS / 2
    await world.converges()
