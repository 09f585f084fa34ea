"""Audits while products are written, delivered and swept a step at a time: what is only under way is never reported."""

import os
from random import Random

import pytest

from functions.supply_chain import audit_walk
from tests.integration.busy_audits import audited_amid, check_all_well, check_nothing_found
from tests.integration.supply_chain.audits import desk
from tests.integration.supply_chain.world import World

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

SEEDS = range(int(os.environ.get("CONVERGENCE_EXAMPLES", "3")))
PRODUCTS = ["p1", "p2", "p3"]
TURNS = 300


class Bustle:
    """Whoever is at work in a world besides those who audit it."""

    def __init__(self, world: World, dice: Random) -> None:
        self.world = world
        self.dice = dice
        self.created: set[str] = set()

    async def turn(self) -> None:
        """Something begins, something goes on, somebody dies, or time passes."""
        throw = self.dice.random()
        if throw < 0.15:
            await self._write(self.dice.choice(PRODUCTS))
        elif throw < 0.3 and self.world.queue.waiting:
            place = self.dice.randrange(len(self.world.queue.waiting))
            await self.world.deliver(self.world.queue.waiting.pop(place))
        elif throw < 0.33:
            self.world.clock.advance(self.dice.choice([1, 30, 130]))
            await self.world.sweep()
        elif throw < 0.35:
            self.world.partner.mood = self.dice.choice(["well", "well", "failing", "silent"])
        elif self.world.works:
            await self.world.step(self.dice.choice(self.world.works))

    async def _write(self, product_id: str) -> None:
        if product_id not in self.created:
            self.created.add(product_id)
            await self.world.create(product_id, "new")
        elif self.dice.random() < 0.2:
            await self.world.delete(product_id)
        else:
            await self.world.replace(product_id, f"name {self.dice.random()}")


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_found_in_what_is_under_way(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "_MAX_IDS", 2)
    office = desk(world)
    bustle = Bustle(world, Random(seed))
    await audited_amid(world, office, bustle.turn, bustle.dice, turns=TURNS, haste=0.7)
    await check_nothing_found(office)
    world.partner.mood = "well"
    await world.until_quiet()
    await check_all_well(office)
