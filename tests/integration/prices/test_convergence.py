"""Whatever happens in whatever order: each store ends as the last writers of its items say, and its storefront is asked
for once, when all of its chunks are in; or the deadline names who is missing.

Hypothesis draws interleavings of feeds, events and tasks (duplicate, late, out of order, lost), sweeps, reruns,
cancellations, steps of work in progress, deaths at any call to the outside, outages of the workspace, and the passing
of time.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from functions.prices import assortments, planning
from functions.prices.lines_of_parts import Line
from infra.local.clock import Clock
from shared.errors import PermanentError, TransientError
from tests.integration.prices.world import FirestoreServer, World
from tests.integration.steps import Machine, any_of_them, how_far, serving

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

SKUS = [f"sku-{letter}" for letter in "abcdefgh"]
how_often = st.sampled_from(["once", "once", "once", "twice", "never again"])
lines = st.builds(
    Line,
    st.sampled_from(SKUS),
    st.integers(1, 2),
    st.just("EUR"),
    st.booleans(),
    st.just("c"),
    st.just(""),
    st.just("Soap"),
)
feeds = st.dictionaries(
    st.sampled_from(["s1", "s2"]), st.lists(lines, min_size=1, max_size=10), min_size=1, max_size=2
)
retailers = st.sampled_from(["acme", "acme", "acme", "other"])


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Prices.server = FirestoreServer(Clock())
    with serving(Prices, Prices.server) as patch:
        # Stores of two or four chunks, and commits of one page.
        patch.setattr(planning, "CHUNK_LINES", 4)
        patch.setattr(assortments, "_COMMIT_PAGES", 1)
        yield


class Prices(Machine):
    """Price runs at the mercy of their surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())

    async def _new_world(self) -> World:
        return self.server.world()

    @initialize(said=feeds)
    def there_is_a_feed(self, said: Mapping[str, Sequence[Line]]) -> None:
        self.world.drop("acme", said)
        self.do(self.world.run_all())

    @rule(retailer=retailers, said=feeds, steps=how_far)
    def a_feed_comes(self, retailer: str, said: Mapping[str, Sequence[Line]], steps: int) -> None:
        run_id = self.world.drop(retailer, said)
        self.do(self.world.announce(run_id))
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.announced)
    @rule(which=any_of_them, steps=how_far)
    def an_event_is_delivered(self, which: int, steps: int) -> None:
        announced = self.world.announced
        self.do(self.world.announce(announced.pop(which % len(announced))))
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.updates)
    @rule(which=any_of_them, how=how_often, steps=how_far, dies=st.booleans())
    def an_update_is_delivered(self, which: int, how: str, steps: int, dies: bool) -> None:
        task = self.world.updates[which % len(self.world.updates)]
        if how != "twice":
            self.world.take(task)
        if how != "never again":
            self.do(self.world.deliver(task))
            self.latest_goes_on(steps)
        # Often, since a death does most harm between two of the few steps of an update.
        if dies and self.world.works:
            self.do(self.world.kill(self.world.works[-1]))

    @rule(seconds=st.sampled_from([1, 60, 700, 7_300]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(steps=how_far)
    def the_sweeper_comes(self, steps: int) -> None:
        self.do(self.world.sweep())
        self.latest_goes_on(steps)

    @rule(which=any_of_them, steps=how_far)
    def a_run_is_cancelled(self, which: int, steps: int) -> None:
        run_ids = list(self.world.said)
        self.do(self.world.cancel(run_ids[which % len(run_ids)]))
        self.latest_goes_on(steps)

    @rule(which=any_of_them, store=st.sampled_from([None, "s1", "s2"]), steps=how_far)
    def a_run_is_run_again(self, which: int, store: str | None, steps: int) -> None:
        run_ids = list(self.world.said)
        self.do(self.world.rerun(run_ids[which % len(run_ids)], store))
        self.latest_goes_on(steps)

    @rule(how=st.sampled_from(["well", "well", "down", "gone"]))
    def the_workspace_changes_its_mood(self, how: str) -> None:
        moods = {"down": TransientError("It is down."), "gone": PermanentError("It is gone.")}
        self.world.parts.fails = moods.get(how)

    @rule()
    def storefronts_are_built(self) -> None:
        self.do(self.world.build_storefronts())

    @rule()
    def the_semaphore_is_looked_at(self) -> None:
        self.do(self.world.check_semaphore())
        self.do(self.world.check_ends())

    def teardown(self) -> None:
        self.world.parts.fails = None
        self.do(self.world.converges())


Prices.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "5")),
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestPrices = Prices.TestCase
