"""The world of the returns sync with audits and repairs in it, and an index that shows late what it has accepted."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from functions.returns import auditing, auditing_sides
from functions.returns.auditing import Audit
from functions.returns.auditing_sides import Sides
from functions.returns.ingestion import Put, Removal
from functions.returns.model import Return
from functions.returns.repairing import Repair
from infra.local.clock import Clock
from infra.local.firestore.stats import Stats
from shared.errors import TransientError
from shared.jobs.findings import Finding, Findings
from shared.jobs.queues import RETURN_MAINTENANCE
from shared.jobs.records import Job, JobKind
from shared.jobs.running import JobRunner
from shared.jobs.store import Jobs
from shared.return_sync.walk import COLLECTION
from shared.search import BrowsedPage, IndexMissingError, RefusedError
from shared.tasks import Attempt
from tests.integration.returns.world import MAX_RECORD_BYTES, FakeIndex, FirestoreServer, World
from tests.integration.steps import Task, gate
from tests.unit.returns.examples import AT, content

PAGE_SIZE = 3


@contextmanager
def small_pages() -> Iterator[None]:
    """Pages of three, two a step, so that a handful of returns makes an audit of several steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditing, "PAGE_SIZE", PAGE_SIZE)
        patch.setattr(auditing_sides, "PAGE_SIZE", PAGE_SIZE)
        patch.setattr(auditing, "PAGES_A_STEP", 2)
        yield


class VisibleIndex:
    """An index as it is read: what it has accepted shows once somebody has waited for it, or it is made to."""

    name = FakeIndex.name

    def __init__(self, index: FakeIndex) -> None:
        self._index = index
        self.visible: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self.is_missing = False
        self.refuses_cursors = False
        # Fails at the next request, as an index does that is not to be had.
        self.fails = False

    def publish(self) -> None:
        """Show all that is accepted."""
        self.visible = dict(self._index.records)

    async def _request(self) -> None:
        self.requests += 1
        await gate()
        if self.fails:
            raise TransientError("Algolia answered 503")

    async def search(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        await self._request()
        if self.is_missing:
            raise IndexMissingError("no such index")
        return {"nbHits": len(self.visible)}

    async def records(self, ids: Sequence[str]) -> list[dict[str, Any] | None]:
        await self._request()
        found = [self.visible.get(each) for each in ids]
        await gate()
        return found

    async def browse(self, attributes: Sequence[str], cursor: str = "") -> BrowsedPage:
        await self._request()
        if self.is_missing:
            raise IndexMissingError("no such index")
        if cursor and self.refuses_cursors:
            raise RefusedError("Cursor is invalid")
        # In no order of ids, as Algolia does.
        order = sorted(self.visible, key=lambda each: each[::-1])
        rest = [each for each in order if each[::-1] > cursor]
        page = rest[:PAGE_SIZE]
        hits = [{"objectID": each} for each in page]
        return BrowsedPage(hits, page[-1][::-1] if rest[PAGE_SIZE:] else "", len(order))

    async def batch(self, requests: Sequence[dict[str, Any]]) -> int:
        await self._request()
        for request in requests:
            assert request["action"] == "deleteObject", "audits and repairs write no records"
            self._index.records.pop(request["body"]["objectID"], None)
        return 1

    async def is_published(self, task: int) -> bool:
        await self._request()
        self.publish()
        return True


class AuditedWorld(World):
    """A world whose index is audited and repaired by jobs."""

    def __init__(self, db: AsyncClient, clock: Clock, stats: Stats) -> None:
        super().__init__(db, clock, stats)
        self.seen = VisibleIndex(self.index)
        self.jobs = Jobs(db, self.queues, clock.now, {"returns": RETURN_MAINTENANCE})  # type: ignore[arg-type]
        works = {
            "audit": Audit(self._sides, clock.now),
            "repair": Repair(db, self.jobs, self.runs, self.queues, self._sides, clock.now),  # type: ignore[arg-type]
        }
        self._runner = JobRunner(db, self.jobs, works, clock.now)

    def _sides(self) -> Sides:
        return Sides(self.db, self.runs, self.seen, MAX_RECORD_BYTES)  # type: ignore[arg-type]

    async def _deliver(self, task: Task) -> None:
        if task.queue != RETURN_MAINTENANCE.name:
            await super()._deliver(task)
            return
        try:
            await self._runner.run(task.payload, Attempt("task", 1, RETURN_MAINTENANCE.max_attempts))  # type: ignore[arg-type]
        except (TransientError, asyncio.CancelledError):
            self.queues.waiting.append(task)
            raise

    async def job(self, kind: JobKind, options: Mapping[str, Any] | None = None) -> Job:
        """Have a job done from its beginning to its end."""
        started = await self.jobs.start(kind, "returns", "test", options)
        return await self.ended(started.id)

    async def ended(self, job_id: str) -> Job:
        """Let everything go on, a second a round, until a job has ended."""
        for _ in range(300):
            job = await self.jobs.get(job_id)
            assert job is not None
            if not job.is_active:
                return job
            await self.run_all()
            self.clock.advance(1)
        raise AssertionError(f"the job does not end: {job}")

    async def findings(self, audit: Job) -> list[Finding]:
        return [each async for page in Findings(self.db).pages(audit.id) for each in page.findings]

    async def outcomes(self, audit: Job) -> dict[str, str]:
        """What a repair made of each finding, by its id."""
        pages = [page async for page in Findings(self.db).pages(audit.id)]
        return {
            each.id: said for page in pages for each, said in zip(page.findings, page.outcomes, strict=True)
        }


class AuditServer(FirestoreServer):
    """The local Firestore, and audited worlds in it."""

    def world(self) -> AuditedWorld:
        return AuditedWorld(self.database(), self.clock, self.service.stats)


def put(return_id: str, seconds: int = 0, **changes: Any) -> Put:
    """What the warehouse sends, some seconds after its first message."""
    at = (AT + timedelta(seconds=seconds)).isoformat()
    return Put(Return.model_validate(content(return_id=return_id, external_updated_at=at, **changes)))


async def in_step(world: AuditedWorld, returns: int = 10) -> None:
    """Returns ``R-0`` and so on, of two accounts in turn, all in the index; one cancelled and one removed besides."""
    accounts = ("acme", "bell")
    await world.ingest(*(put(f"R-{n}", account=accounts[n % 2]) for n in range(returns)))
    await world.ingest(put("R-C", status="cancelled"), Removal("R-X", AT, "acme"))
    await world.until_quiet(crons=1)
    # Beyond the overlap of runs.
    world.clock.advance(7_200)
    await world.until_quiet(crons=1)
    world.seen.publish()


async def drift(world: AuditedWorld) -> list[Finding]:
    """Bring all kinds of drift about; what an audit has to say of each."""
    records, documents = world.index.records, world.db.collection(COLLECTION)
    del records["R-1"]
    records["R-2"] = records["R-2"] | {"status": "refunded", "refund_value": 1.5}
    records["R-C"] = records["R-4"] | {"objectID": "R-C"}
    records["Z-1"] = records["R-3"] | {"objectID": "Z-1"}
    records["no/document"] = {"objectID": "no/document"}
    # Two writes that the sync never heard of.
    await documents.document("R-5").update({"reason": "lost"})
    await documents.document("R-6").set(
        put("R-6").content.model_dump() | {"updated_at": "now", "reason": "x"}
    )
    world.seen.publish()
    return [
        Finding("missing", "R-1", "bell"),
        Finding("different", "R-2", "acme", {"fields": "refund_value, status"}),
        Finding("different", "R-5", "bell", {"fields": "reason"}),
        Finding("different", "R-6", "acme", {"fields": "reason", "updated_at": "no timestamp"}),
        Finding("extra", "R-C", "acme", {"why": "not listed"}),
        Finding("extra", "Z-1", "bell", {"why": "no document"}),
        Finding("extra", "no/document", "", {"why": "no document"}),
    ]


def by_id(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: each.id)
