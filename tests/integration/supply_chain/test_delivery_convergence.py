"""Whatever happens in whatever order: once quiet, the supply-chain API has the latest version of each product, or a
dead letter says why not; and never did it see an older version after a newer one.

Hypothesis draws interleavings of writes, deliveries (duplicate, late, out of order, lost), sweeps, steps of work in
progress, deaths at any call to the outside, moods of the API, and the passing of time.
"""

import os
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from infra.local.clock import Clock
from tests.integration.steps import TO_ITS_END, Machine, any_of_them, how_far, serving
from tests.integration.supply_chain.world import FirestoreServer, World, use_three_attempts

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

PRODUCTS = ["p1", "p2"]
moods = st.sampled_from(["well", "well", "failing", "resting", "silent", "losing answers", "babbling"])


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Deliveries.server = FirestoreServer(Clock())
    with serving(Deliveries, Deliveries.server) as patch:
        use_three_attempts(patch)
        yield


class Deliveries(Machine):
    """The catalog and its deliveries at the mercy of their surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())
        self.writes = 0
        self.created: set[str] = set()

    async def _new_world(self) -> World:
        return self.server.world()

    @initialize(mood=moods)
    def the_first_product_is_on_its_way(self, mood: Any) -> None:
        self.a_product_is_written(PRODUCTS[0], "create", TO_ITS_END)
        self.world.partner.mood = mood

    @rule(
        product_id=st.sampled_from(PRODUCTS),
        how=st.sampled_from(["create", "replace", "replace", "replace", "delete"]),
        steps=how_far,
    )
    def a_product_is_written(self, product_id: str, how: str, steps: int) -> None:
        self.writes += 1
        if how == "delete":
            self.do(self.world.delete(product_id))
        elif how == "replace":
            self.do(self.world.replace(product_id, f"name {self.writes}"))
        elif product_id not in self.created:
            # An id is never used again, not even after a deletion.
            self.created.add(product_id)
            self.do(self.world.create(product_id, "new"))
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.queue.waiting)
    @rule(
        which=any_of_them,
        how=st.sampled_from(["once", "once", "once", "twice", "never again"]),
        steps=how_far,
    )
    def a_task_is_delivered(self, which: int, how: str, steps: int) -> None:
        waiting = self.world.queue.waiting
        task = waiting[which % len(waiting)]
        if how != "twice":
            waiting.remove(task)
        if how != "never again":
            self.do(self.world.deliver(task))
            self.latest_goes_on(steps)

    @precondition(lambda self: self.world.queue.waiting)
    @rule(which=any_of_them, steps=how_far, seconds=st.sampled_from([0, 0, 9, 16, 26]))
    def a_write_overtakes_a_delivery(self, which: int, steps: int, seconds: int) -> None:
        """Seldom drawn by chance, and what the lanes are for."""
        waiting = self.world.queue.waiting
        overtaken = waiting[which % len(waiting)].payload.product_id
        self.a_task_is_delivered(which, "once", steps)
        self.a_product_is_written(overtaken, "replace", TO_ITS_END)
        self.world.clock.advance(seconds)
        if waiting:
            self.a_task_is_delivered(len(waiting) - 1, "once", TO_ITS_END)

    @rule(seconds=st.sampled_from([1, 5, 11, 16, 26, 130, 400, 33_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(steps=how_far)
    def the_sweeper_comes(self, steps: int) -> None:
        self.do(self.world.sweep())
        self.latest_goes_on(steps)

    @rule(mood=moods)
    def the_partner_changes_its_mood(self, mood: Any) -> None:
        self.world.partner.mood = mood

    @rule(product_id=st.sampled_from(PRODUCTS))
    def the_partner_takes_a_dislike(self, product_id: str) -> None:
        self.world.partner.refuses ^= {product_id}

    def teardown(self) -> None:
        self.world.partner.mood = "well"
        self.do(self.world.converges())


Deliveries.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "12")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestDeliveries = Deliveries.TestCase
