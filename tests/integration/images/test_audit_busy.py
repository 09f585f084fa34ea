"""Audits while images come, are rendered, swept and go a step at a time: what is only under way is never reported."""

import os
from random import Random

import pytest

from functions.images import audit_walk
from shared.errors import PermanentError, TransientError
from tests.integration.busy_audits import audited_amid, check_all_well, check_nothing_found
from tests.integration.images.audits import desk
from tests.integration.images.fakes import BAD
from tests.integration.images.world import FirestoreServer, World

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

SEEDS = range(int(os.environ.get("CONVERGENCE_EXAMPLES", "3")))
PRODUCTS = [f"p{number}" for number in range(6)]
URLS = [f"https://img.example/{name}.jpg" for name in "abc"]
TURNS = 600


class Bustle:
    """Whoever is at work in a world besides those who audit it. Nothing is lost for good, and nobody overwrites what
    others are not told of."""

    def __init__(self, world: World, dice: Random) -> None:
        self.world = world
        self.dice = dice
        self.created: set[str] = set()
        self.links: list[str] = []

    async def turn(self) -> None:
        """Something begins, something goes on, or time passes."""
        world, throw = self.world, self.dice.random()
        if throw < 0.1:
            await self._write(self.dice.choice(PRODUCTS))
        elif throw < 0.12 and self.created:
            self.links.append(await world.link(self.dice.choice(sorted(self.created))))
        elif throw < 0.16 and self.links:
            data = self.dice.choice([b"upload", b"upload too", BAD])
            world.originals.put(self.dice.choice(self.links), data)
        elif throw < 0.3 and world.queues.waiting:
            await world.deliver(world.queues.waiting.pop(self.dice.randrange(len(world.queues.waiting))))
        elif throw < 0.42 and world.originals.announced:
            place = self.dice.randrange(len(world.originals.announced))
            await world.announce(world.originals.announced.pop(place))
        elif throw < 0.44:
            world.clock.advance(self.dice.choice([1, 30, 130]))
            await world.sweep()
        elif throw < 0.45:
            moods = [b"picture", BAD, TransientError("Not now."), PermanentError("It is gone.")]
            world.web.content[self.dice.choice(URLS)] = self.dice.choice(moods)
        else:
            await self._go_on()

    async def _go_on(self) -> None:
        """Somebody goes on for a while; often whoever began first, so that much comes to its end."""
        others = [work for work in self.world.works if work.name != "audit"]
        if not others:
            return
        work = self.dice.choice([others[0], self.dice.choice(others)])
        for _ in range(self.dice.choice([1, 4, 16])):
            if work in self.world.works:
                await self.world.step(work)

    async def _write(self, product_id: str) -> None:
        urls = self.dice.sample(URLS, self.dice.randrange(len(URLS)))
        if product_id not in self.created:
            self.created.add(product_id)
            await self.world.create(product_id, urls)
        elif self.dice.random() < 0.15:
            await self.world.delete(product_id)
        else:
            await self.world.replace(product_id, urls)


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_found_in_what_is_under_way(
    worlds: FirestoreServer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_walk, "_MAX_PRODUCTS", 4)
    world = worlds.world()
    office = desk(world)
    bustle = Bustle(world, Random(seed))
    await audited_amid(world, office, bustle.turn, bustle.dice, turns=TURNS, haste=0.4)
    await check_nothing_found(office)
    await world.until_quiet()
    await check_all_well(office)
