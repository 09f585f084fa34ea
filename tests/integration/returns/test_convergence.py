"""Whatever happens in whatever order: once quiet, the index is the projection of ``order_returns``.

Hypothesis draws interleavings of ingestion, crons, cancellations, deliveries (duplicate, late, out of order), steps of
work in progress, deaths at any call to the outside, and the passing of time.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from google.cloud.firestore import SERVER_TIMESTAMP
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from functions.returns import planner
from functions.returns.ingestion import Put, Removal
from functions.returns.model import Return
from infra.local.clock import Clock
from shared.return_sync.runs import IDLE, JOB_TYPE, STATE
from shared.return_sync.walk import COLLECTION
from tests.integration.returns.world import FirestoreServer, World
from tests.integration.steps import Machine, any_of_them, how_far, serving
from tests.unit.returns.examples import AT, content

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign

RETURN_IDS = [f"R-{n}" for n in range(7)]
POISON = "P-1"

return_ids = st.sampled_from(RETURN_IDS)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Sync.server = FirestoreServer(Clock())
    with serving(Sync, Sync.server) as patch:
        # Batches of two in pages of two, so that a handful of returns makes a run of several tasks.
        patch.setattr(planner, "BATCH_SIZE", 2)
        patch.setattr(planner, "BATCHES_PER_PAGE", 2)
        yield


class Sync(Machine):
    """The returns sync at the mercy of its surroundings."""

    server: ClassVar[FirestoreServer]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.do(self._new_world())
        self.checked: tuple[int, ...] = ()
        self.sequence = 0
        self.poisoned = False
        self.cancelled = False

    async def _new_world(self) -> World:
        return self.server.world()

    @initialize(rounds=st.integers(0, 4))
    def the_first_run_is_under_way(self, rounds: int) -> None:
        for return_id in RETURN_IDS[:5]:
            self.a_return_changes(return_id, "put")
        self.the_cron_fires(0)
        for _ in range(rounds):
            self.all_work_comes_to_its_end()

    @rule(
        return_id=return_ids,
        how=st.sampled_from(["put", "put late", "cancelled", "due soon", "removed", "spoilt"]),
    )
    def a_return_changes(self, return_id: str, how: str) -> None:
        self.sequence += 1
        at = AT + timedelta(seconds=self.sequence - (6 if how == "put late" else 0))
        if how == "spoilt":
            self.poisoned = True
            spoilt = {"return_id": POISON, "status": 7, "updated_at": SERVER_TIMESTAMP}
            self.do(self.world.db.collection(COLLECTION).document(POISON).set(spoilt))
        elif how == "removed":
            self.do(self.world.ingest(Removal(return_id, at, "acme")))
        else:
            self.do(self.world.ingest(self._put(return_id, how, at)))

    def _put(self, return_id: str, how: str, at: datetime) -> Put:
        message = content(return_id=return_id, reason=f"r{self.sequence}", external_updated_at=at.isoformat())
        if how == "cancelled":
            message["status"] = "cancelled"
        if how == "due soon":
            due = self.world.clock.now() + timedelta(minutes=self.sequence % 40)
            message |= {"next_status": "cancelled", "next_status_at": due.isoformat()}
        return Put(Return.model_validate(message))

    @rule(after=st.sampled_from([0, 60, 900]))
    def the_cron_fires(self, after: int) -> None:
        self.world.clock.advance(after)
        self.do(self.world.cron())

    @rule(steps=how_far)
    def the_run_is_cancelled(self, steps: int) -> None:
        self.cancelled = True
        self.do(self.world.cancel())
        self.latest_goes_on(steps)

    @precondition(lambda self: self.world.queues.waiting)
    @rule(which=any_of_them, how=st.sampled_from(["once", "twice", "never again"]))
    def a_task_is_delivered(self, which: int, how: str) -> None:
        waiting = self.world.queues.waiting
        task = waiting[which % len(waiting)]
        if how != "twice":
            waiting.remove(task)
        if how != "never again":
            self.do(self.world.deliver(task))

    @rule(seconds=st.sampled_from([1, 30, 61, 300, 601, 900, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @invariant()
    def the_watermark_is_behind_what_is_pushed(self) -> None:
        if self.checked != self.world.changes():
            self.checked = self.world.changes()
            self.do(self._check_watermark())

    async def _check_watermark(self) -> None:
        state = (await self.world.db.collection(STATE).document(JOB_TYPE).get()).to_dict()
        if state is None or state["status"] != IDLE:
            return
        end = state["end_date"]
        # Before the first run, and after it was cancelled.
        if end is None:
            return
        should = await self.world.projection(end)
        # What a run has pushed before it was cancelled is ahead of the watermark.
        ahead = await self.world.projection(self.world.clock.now())
        for return_id, stored in (await self.world.documents()).items():
            if return_id != POISON and stored["updated_at"] <= end:
                allowed = [should.get(return_id)]
                allowed += [ahead.get(return_id)] if self.cancelled else []
                assert self._indexed().get(return_id) in allowed, return_id

    def _indexed(self) -> dict[str, dict[str, Any]]:
        """What the index holds, by id."""
        return self.world.index.records

    def teardown(self) -> None:
        self.do(self._converge())

    async def _converge(self) -> None:
        await self.world.until_quiet()
        state = (await self.world.db.collection(STATE).document(JOB_TYPE).get()).to_dict()
        assert state is not None
        assert state["status"] == IDLE
        assert self.world.queues.waiting == []
        assert self._indexed() == await self.world.projection(state["end_date"])
        letters = {letter["payload"]["return_id"] for letter in await self.world.dead_letters()}
        assert letters == ({POISON} if self.poisoned else set())


Sync.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "7")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestSync = Sync.TestCase
