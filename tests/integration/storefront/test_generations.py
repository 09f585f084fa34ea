"""Whatever happens in whatever order: readers see whole generations only, and never an older one after a newer one,
unless it was rolled back; once quiet, the latest prices are shown, each batch of events counts once, and no documents
are kept but those of the two generations.

Hypothesis draws interleavings of changes, requests (some of them lost), deliveries of tasks (duplicate, late, out of
order), events, rollbacks, sweeps, readers in two processes, deaths at any call to the outside, and the passing of time.
"""

import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from infra.local.clock import Clock
from tests.integration.steps import Machine, any_of_them, how_far, serving
from tests.integration.storefront.world import SKUS, FirestoreServer

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

how_often = st.sampled_from(["once", "once", "once", "twice"])
some_events = st.lists(
    st.tuples(st.sampled_from(SKUS), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3
)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Storefronts.server = FirestoreServer(Clock())
    with serving(Storefronts, Storefronts.server):
        yield


class Storefronts(Machine):
    """A storefront at the mercy of its surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self.server.world())
        self.batches: list[list[tuple[str, int, int]]] = []

    @rule(lost=st.sampled_from([False, False, True]), steps=how_far)
    def the_store_changes(self, lost: bool, steps: int) -> None:
        self.do(self.world.change(lost=lost))
        self.latest_goes_on(steps)

    @rule(steps=how_far)
    def somebody_asks_for_a_rebuild(self, steps: int) -> None:
        self.do(self.world.request())
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.queues.waiting)
    @rule(which=any_of_them, how=how_often, steps=how_far)
    def a_task_is_delivered(self, which: int, how: str, steps: int) -> None:
        waiting = self.world.queues.waiting
        task = waiting[which % len(waiting)]
        if how != "twice":
            waiting.remove(task)
        self.do(self.world.deliver(task))
        self.latest_goes_on(steps)

    @rule(reader=st.integers(0, 1), steps=how_far)
    def somebody_reads(self, reader: int, steps: int) -> None:
        self.do(self.world.read(reader))
        self.latest_goes_on(steps)

    @rule(steps=how_far)
    def an_operator_rolls_back(self, steps: int) -> None:
        self.do(self.world.roll_back())
        self.latest_goes_on(steps)

    @rule(events=some_events, steps=how_far)
    def a_batch_of_events_is_sent(self, events: list[tuple[str, int, int]], steps: int) -> None:
        self.batches.append(events)
        self.do(self.world.send(f"b{len(self.batches)}", events))
        self.latest_goes_on(steps)

    @precondition(lambda self: self.batches)
    @rule(which=any_of_them, steps=how_far)
    def a_batch_is_sent_again(self, which: int, steps: int) -> None:
        number = which % len(self.batches)
        self.do(self.world.send(f"b{number + 1}", self.batches[number]))
        self.latest_goes_on(steps)

    @rule(seconds=st.sampled_from([1, 30, 200, 400, 700]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(steps=how_far)
    def the_sweeper_comes(self, steps: int) -> None:
        self.do(self.world.sweep())
        self.latest_goes_on(steps)

    def teardown(self) -> None:
        self.do(self.world.converges())


Storefronts.TestCase.settings = settings(
    max_examples=int(os.environ.get("GENERATIONS_EXAMPLES", "6")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestStorefronts = Storefronts.TestCase
