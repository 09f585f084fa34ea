"""Whatever happens in whatever order: once quiet, each image of a product is done, of its newest original, or has a
dead letter; what is tried again without trouble is done; and there are no files but theirs.

Hypothesis draws interleavings of sellers' writes, uploads, deliveries of tasks and events (duplicate, late, out of
order, lost), sweeps, steps of work in progress, deaths at any call to the outside, moods of other people's servers, and
the passing of time.
"""

import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from infra.local.clock import Clock
from shared.errors import PermanentError, TransientError
from tests.integration.images.fakes import BAD
from tests.integration.images.world import FirestoreServer, World
from tests.integration.steps import TO_ITS_END, Machine, any_of_them, how_far, serving

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

PRODUCTS = ["p1", "p2"]
URLS = [f"https://img.example/{name}.jpg" for name in "abc"]
how_often = st.sampled_from(["once", "once", "once", "twice", "never again"])
# Eventarc gives an event up after a day only: who overwrites an original in such a day is not found out here.
at_least_once = st.sampled_from(["once", "once", "twice"])
some_urls = st.lists(st.sampled_from(URLS), max_size=3)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Pictures.server = FirestoreServer(Clock())
    with serving(Pictures, Pictures.server):
        yield


class Pictures(Machine):
    """Products and their images at the mercy of their surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())
        self.created: set[str] = set()
        self.links: list[str] = []
        self.uploads = 0

    async def _new_world(self) -> World:
        return self.server.world()

    @initialize(urls=some_urls)
    def there_is_a_product(self, urls: list[str]) -> None:
        self.a_product_is_written(PRODUCTS[0], "create", urls, TO_ITS_END)

    @rule(
        product_id=st.sampled_from(PRODUCTS),
        how=st.sampled_from(["create", "replace", "replace", "delete"]),
        urls=some_urls,
        steps=how_far,
    )
    def a_product_is_written(self, product_id: str, how: str, urls: list[str], steps: int) -> None:
        if how == "delete":
            self.do(self.world.delete(product_id))
        elif how == "replace":
            self.do(self.world.replace(product_id, urls))
        elif product_id not in self.created:
            # An id is never used again, not even after a deletion.
            self.created.add(product_id)
            self.do(self.world.create(product_id, urls))
        self.latest_goes_on(steps)

    @rule(product_id=st.sampled_from(PRODUCTS))
    def a_seller_asks_for_a_link(self, product_id: str) -> None:
        if product_id in self.created:
            self.links.append(self.do(self.world.link(product_id)))

    @precondition(lambda self: self.links)
    @rule(which=any_of_them, good=st.sampled_from([True, True, False]))
    def something_is_uploaded(self, which: int, good: bool) -> None:
        """Perhaps over what was uploaded before."""
        self.uploads += 1
        data = f"upload {self.uploads}".encode() if good else BAD
        self.world.originals.put(self.links[which % len(self.links)], data)

    @precondition(lambda self: self.world.originals.objects and self.world.originals.announced)
    @rule(which=any_of_them, steps=how_far, further=how_far)
    def an_original_is_overwritten_while_it_is_compressed(self, which: int, steps: int, further: int) -> None:
        """Seldom drawn by chance, and what generations are for."""
        self.an_event_is_delivered(which, "once", steps)
        names = list(self.world.originals.objects)
        if not names:
            return  # that was an original which nobody waits for
        self.uploads += 1
        self.world.originals.put(names[which % len(names)], f"upload {self.uploads}".encode())
        self.an_event_is_delivered(len(self.world.originals.announced) - 1, "once", further)

    @precondition(lambda self: self.world.queues.waiting)
    @rule(which=any_of_them, how=how_often, steps=how_far)
    def a_task_is_delivered(self, which: int, how: str, steps: int) -> None:
        waiting = self.world.queues.waiting
        task = waiting[which % len(waiting)]
        if how != "twice":
            waiting.remove(task)
        if how != "never again":
            self.do(self.world.deliver(task))
            self.latest_goes_on(steps)

    @precondition(lambda self: self.world.originals.announced)
    @rule(which=any_of_them, how=at_least_once, steps=how_far)
    def an_event_is_delivered(self, which: int, how: str, steps: int) -> None:
        announced = self.world.originals.announced
        event = announced[which % len(announced)]
        if how != "twice":
            announced.remove(event)
        self.do(self.world.announce(event))
        self.latest_goes_on(steps)

    @rule(seconds=st.sampled_from([1, 30, 61, 130, 400, 2_000, 33_000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(steps=how_far)
    def the_sweeper_comes(self, steps: int) -> None:
        self.do(self.world.sweep())
        self.latest_goes_on(steps)

    @rule(url=st.sampled_from(URLS), how=st.sampled_from(["well", "well", "down", "gone", "bad"]))
    def a_server_changes_its_mood(self, url: str, how: str) -> None:
        moods = {"down": TransientError("It is down."), "gone": PermanentError("It is gone."), "bad": BAD}
        self.world.web.content.pop(url, None)
        if how in moods:
            self.world.web.content[url] = moods[how]

    def teardown(self) -> None:
        self.world.web.content.clear()
        self.do(self.world.converges())
        self.do(self.world.replay_all())
        self.do(self.world.converges())


Pictures.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "10")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestPictures = Pictures.TestCase
