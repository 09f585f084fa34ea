"""Whatever happens in whatever order: once quiet, the supply-chain API has the latest version of each product, or a
dead letter says why not; and never did it see an older version after a newer one.

Hypothesis draws interleavings of writes, deliveries (duplicate, late, out of order, lost), sweeps, steps of work in
progress, deaths at any call to the outside, moods of the API, and the passing of time.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from infra.local.clock import Clock
from shared import outbox
from shared.tasks import Queue
from tests.integration.supply_chain.world import FirestoreServer, World

PRODUCTS = ["p1", "p2"]
# Which of the waiting tasks or of the works under way; taken modulo their number.
any_of_them = st.integers(0, 99)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    loop = asyncio.new_event_loop()
    started = FirestoreServer(Clock())
    loop.run_until_complete(started.start())
    patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{started.port}")
    Deliveries.loop, Deliveries.server = loop, started
    yield
    patch.undo()
    loop.run_until_complete(started.stop())
    loop.close()


class Deliveries(RuleBasedStateMachine):
    """The catalog and its deliveries at the mercy of their surroundings."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())
        self.writes = 0

    async def _new_world(self) -> World:
        return self.server.world()

    def do(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    @rule(
        product_id=st.sampled_from(PRODUCTS), how=st.sampled_from(["create", "replace", "replace", "delete"])
    )
    def a_product_is_written(self, product_id: str, how: str) -> None:
        self.writes += 1
        if how == "delete":
            self.do(self.world.delete(product_id))
        elif how == "replace":
            self.do(self.world.replace(product_id, f"name {self.writes}"))
        else:
            # Ids are never used twice.
            self.do(
                self.world.create(f"{product_id}x{self.writes}" if self.writes > 2 else product_id, "new")
            )

    @precondition(lambda self: self.world.queue.waiting)
    @rule(which=any_of_them, how=st.sampled_from(["once", "once", "twice", "never again"]))
    def a_task_is_delivered(self, which: int, how: str) -> None:
        waiting = self.world.queue.waiting
        task = waiting[which % len(waiting)]
        if how != "twice":
            waiting.remove(task)
        if how != "never again":
            self.do(self.world.deliver(task))

    @precondition(lambda self: self.world.works)
    @rule(which=any_of_them, steps=st.integers(1, 20))
    def work_goes_on(self, which: int, steps: int) -> None:
        work = self.world.works[which % len(self.world.works)]
        for _ in range(steps):
            if work in self.world.works:
                self.do(self.world.step(work))

    @precondition(lambda self: self.world.works)
    @rule(which=any_of_them)
    def work_dies(self, which: int) -> None:
        self.do(self.world.kill(self.world.works[which % len(self.world.works)]))

    @rule()
    def all_work_comes_to_its_end(self) -> None:
        self.do(self.world.run_all())

    @rule(seconds=st.sampled_from([1, 5, 11, 26, 130, 400, 33_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def the_sweeper_comes(self) -> None:
        self.do(self.world.sweep())

    @rule(mood=st.sampled_from(["well", "failing", "resting", "silent", "losing answers", "babbling"]))
    def the_partner_changes_its_mood(self, mood: Any) -> None:
        self.world.partner.mood = mood

    @rule(product_id=st.sampled_from(PRODUCTS))
    def the_partner_takes_a_dislike(self, product_id: str) -> None:
        self.world.partner.refuses ^= {product_id}

    def teardown(self) -> None:
        self.world.partner.mood = "well"
        self.do(self._converge())

    async def _converge(self) -> None:
        await self.world.until_quiet()
        latest: dict[str, Any] = {}
        for event in await self.world.events():
            if event.version > getattr(latest.get(event.product_id), "version", 0):
                latest[event.product_id] = event
        letters = {letter["event"]: letter for letter in await self.world.letters()}
        products = await self.world.products()
        for product_id, event in latest.items():
            self._check_version(event, products.get(product_id))
            if event.status == "dead":
                assert letters[event.task.event_id]["error"]
            else:
                self._check_remote(event)

    def _check_version(self, event: Any, product: dict[str, Any] | None) -> None:
        """The outbox lacks no write."""
        assert (event.type == "product:deleted") == (product is None)
        assert product is None or product["version"] == event.version

    def _check_remote(self, event: Any) -> None:
        assert event.status == "synced"
        remote = self.world.partner.products[event.product_id]
        assert remote["version"] == event.version
        assert (remote["product"] is None) == (event.type == "product:deleted")


Deliveries.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "25")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestDeliveries = Deliveries.TestCase


@pytest.fixture(autouse=True)
def three_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the sweeper has to tell apart: the first, one in between and the last."""
    short: Queue[Any] = Queue("supplyChainSync", "supply-chain-sync", outbox.ProductEvent, max_attempts=3)
    monkeypatch.setattr("shared.outbox.SUPPLY_CHAIN_SYNC", short)
    monkeypatch.setattr("functions.ops.sweeper.SUPPLY_CHAIN_SYNC", short)
