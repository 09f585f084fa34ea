"""Whatever is altered in the index by hand, and whenever it is repaired: in the end it holds what it should.

The interleavings are those of the sync's own campaign (test_convergence.py), with hands that slip, audits, and repairs
of what those found, which by then may be wrong no more, or wrong otherwise.
"""

import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from functions.returns import planner
from infra.local.clock import Clock
from shared.jobs.records import Job
from shared.return_sync.runs import IDLE, JOB_TYPE, STATE
from tests.integration.returns.audited_world import AuditedWorld, AuditServer, small_pages
from tests.integration.returns.test_convergence import Sync, return_ids
from tests.integration.steps import serving

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Repaired.server = AuditServer(Clock())
    with serving(Repaired, Repaired.server) as patch, small_pages():
        patch.setattr(planner, "BATCH_SIZE", 2)
        patch.setattr(planner, "BATCHES_PER_PAGE", 2)
        yield


class Repaired(Sync):
    """The sync at the mercy of its surroundings, of careless hands, and of those who mend."""

    server: ClassVar[AuditServer]
    world: AuditedWorld

    def __init__(self) -> None:
        super().__init__()
        self.last: Job | None = None

    @rule(return_id=return_ids, how=st.sampled_from(["deleted", "altered", "added"]))
    def a_hand_slips(self, return_id: str, how: str) -> None:
        records = self.world.index.records
        if how == "deleted":
            records.pop(return_id, None)
        elif how == "altered" and return_id in records:
            records[return_id] = records[return_id] | {"reason": "by hand"}
        elif how == "added":
            records[f"Z-{return_id}"] = {"objectID": f"Z-{return_id}", "account": "acme"}

    @rule()
    def the_index_shows_what_it_has(self) -> None:
        self.world.seen.publish()

    @rule()
    def an_audit_or_the_repair_of_the_last_one_is_begun(self) -> None:
        self.do(self._begin())

    async def _begin(self) -> None:
        if active := await self.world.jobs.active("returns"):
            # Its task may be one of those that never came.
            if not self.world.works:
                await self.world.jobs.restart(active)
            return
        if self.last is not None and self.last.kind == "audit":
            self.last = await self.world.jobs.start("repair", "returns", "test", {"audit": self.last.id})
        else:
            self.last = await self.world.jobs.start("audit", "returns", "test")

    def the_watermark_is_behind_what_is_pushed(self) -> None:
        """Not while hands slip."""

    async def _converge(self) -> None:
        await self.world.until_quiet(crons=1)
        self.world.seen.publish()
        if active := await self.world.jobs.active("returns"):
            await self.world.jobs.restart(active)
            await self.world.ended(active.id)
        audit = await self.world.job("audit")
        repair = await self.world.job("repair", {"audit": audit.id})
        assert repair.counts.keys() <= {"repaired", "healed"}
        await self.world.until_quiet()
        state = (await self.world.db.collection(STATE).document(JOB_TYPE).get()).to_dict() or {}
        assert state["status"] == IDLE
        assert self.world.index.records == await self.world.projection(state["end_date"])


Repaired.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "7")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestRepaired = Repaired.TestCase
