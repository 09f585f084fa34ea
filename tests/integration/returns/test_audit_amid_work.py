"""An audit of an index in which nothing is wrong finds nothing, whatever goes on around it.

The interleavings are those of the sync's own campaign (test_convergence.py): ingestion, crons, deaths, late and
repeated deliveries, and time. Audits are begun amid them, and the index shows what it has accepted when it likes.
"""

import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, rule

from functions.returns import planner
from infra.local.clock import Clock
from shared.jobs.records import Job
from tests.integration.returns.audited_world import AuditedWorld, AuditServer, small_pages
from tests.integration.returns.test_convergence import Sync
from tests.integration.steps import serving

# In `make test-long` with more of them.
pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    Audited.server = AuditServer(Clock())
    with serving(Audited, Audited.server) as patch, small_pages():
        patch.setattr(planner, "BATCH_SIZE", 2)
        patch.setattr(planner, "BATCHES_PER_PAGE", 2)
        yield


class Audited(Sync):
    """The sync at the mercy of its surroundings, and audits of its index."""

    server: ClassVar[AuditServer]
    world: AuditedWorld

    def __init__(self) -> None:
        super().__init__()
        self.audit: Job | None = None

    @rule()
    def an_audit_is_begun(self) -> None:
        if self.audit is None:
            self.audit = self.do(self.world.jobs.start("audit", "returns", "test"))

    @rule()
    def the_index_shows_what_it_has(self) -> None:
        self.world.seen.publish()

    @invariant()
    def nothing_is_found(self) -> None:
        if self.audit is not None:
            self.do(self._look())

    async def _look(self) -> None:
        assert self.audit is not None
        job = await self.world.jobs.get(self.audit.id)
        assert job is not None
        assert await self.world.findings(job) == []
        if not job.is_active:
            assert (job.status, job.error) == ("done", "")
            self.audit = None

    def teardown(self) -> None:
        super().teardown()
        self.do(self._whole())

    async def _whole(self) -> None:
        """What is quiet is clean, and nothing of it is pending any more."""
        if active := await self.world.jobs.active("returns"):
            # Its task may be one of those that never came.
            await self.world.jobs.restart(active)
            await self.world.ended(active.id)
        audit = await self.world.job("audit")
        assert await self.world.findings(audit) == []
        assert audit.counts.get("pending", 0) == 0
        assert audit.counts["checked"] == len(await self.world.documents())


Audited.TestCase.settings = settings(
    max_examples=int(os.environ.get("CONVERGENCE_EXAMPLES", "7")),
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestAudited = Audited.TestCase
