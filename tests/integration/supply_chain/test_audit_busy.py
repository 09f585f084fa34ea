"""Audits while products are written, delivered and swept a step at a time: what is only under way is never reported."""

import os
from random import Random

import pytest

from functions.supply_chain import audit_walk
from tests.integration.job_desk import JobDesk
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


async def audited_meanwhile(world: World, office: JobDesk, bustle: Bustle) -> None:
    """Audits one after the other, between any two of whose calls there is a turn of somebody else's, or are several."""
    for _ in range(TURNS):
        await bustle.turn()
        auditing = [work for work in world.works if work.name == "audit"]
        if auditing and bustle.dice.random() < 0.7:
            await world.step(auditing[0])
        elif not auditing:
            if not office.queues.waiting:
                await office.start("audit")
            await world.begin("audit", office.step)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_found_in_what_is_under_way(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "_MAX_IDS", 2)
    office = desk(world)
    await audited_meanwhile(world, office, Bustle(world, Random(seed)))
    world.partner.mood = "well"
    await world.finish()
    audits = await office.jobs.page(100, "audit")
    assert len(audits) >= 2
    assert [await office.found_by(job) for job in audits] == [[]] * len(audits)
    await world.until_quiet()
    while office.queues.waiting:
        await office.step()
    assert await office.audit() == []
