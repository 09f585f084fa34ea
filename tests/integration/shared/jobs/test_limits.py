"""What a step finds fits Firestore's limits, or the job ends and says why; it does not hang."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from functions.ops.jobs_sweeper import JobSweeper
from shared.errors import TransientError
from shared.jobs.findings import Finding, Findings
from shared.jobs.records import MAX_ACCOUNTS, MAX_RESTARTS, OTHER_ACCOUNTS, SILENT, Job
from shared.jobs.running import JobRunner, Step
from shared.tasks import Attempt
from tests.integration.shared.jobs.world import TRANSIENT, World


@dataclass
class Finder:
    """Work in one step, which finds what it is told."""

    findings: Sequence[Finding]
    abandoned: int = 0

    async def step(self, job: Job) -> Step:
        return Step({}, "looking", is_last=True, findings=self.findings)

    async def abandon(self, job: Job) -> None:
        self.abandoned += 1


async def worked(world: World, finder: Finder, *, last: bool = False) -> Job:
    """A job that has made its step, or an attempt at it."""
    job = await world.jobs.start("audit", "returns", "olga")
    runner = JobRunner(world.db, world.jobs, {"audit": finder}, world.clock.now)
    await runner.run(job.task, Attempt("t", 12 if last else 1, 12))
    after = await world.jobs.get(job.id)
    assert after is not None
    return after


@pytest.mark.parametrize("character", ["x", "\x01", "ß", "😀"])
async def test_findings_with_ids_as_long_as_documents_may_have_are_kept_in_order(
    world: World, character: str
) -> None:
    longest = character * (1_490 // len(character.encode()))
    found = [Finding("extra", f"{number:04d}{longest}") for number in range(400)]
    job = await worked(world, Finder(found))
    assert job.status == "done"
    pages = [page async for page in Findings(world.db).pages(job.id)]
    assert [each for page in pages for each in page.findings] == found


async def test_a_page_of_long_findings_has_room_for_long_outcomes(world: World) -> None:
    job = await worked(
        world, Finder([Finding("extra", f"{number:04d}{'x' * 1_400}") for number in range(600)])
    )
    pages = Findings(world.db)
    for page in [page async for page in pages.pages(job.id)]:
        batch = world.db.batch()
        pages.write_outcomes(batch, page, ["failed: " + "ß" * 5_000] * len(page.findings))
        await batch.commit()
    (first, *_) = [page async for page in pages.pages(job.id)]
    assert first.outcomes[0].startswith("failed: ßß")


async def test_a_step_that_cannot_be_kept_fails_its_job_and_says_why(world: World) -> None:
    too_much = Finder([Finding("extra", "x" * 2_000_000)])
    with pytest.raises(Exception, match="size"):
        await worked(world, too_much)
    held = await world.only()
    assert held.is_active
    assert "size" in held.error
    runner = JobRunner(world.db, world.jobs, {"audit": too_much}, world.clock.now)
    await runner.run(held.task, Attempt("t", 12, 12))
    failed = await world.only()
    assert (failed.status, "size" in failed.error, too_much.abandoned) == ("failed", True, 1)
    await world.check_slots()


async def test_findings_of_very_many_accounts_with_long_names_fit_their_job(world: World) -> None:
    names = [f"{number:03d}{'😀' * 252}" for number in range(MAX_ACCOUNTS + 100)]
    job = await worked(world, Finder([Finding("extra", "R-1", name) for name in names]))
    assert (job.status, len(job.by_account)) == ("done", MAX_ACCOUNTS + 1)
    assert job.by_account[OTHER_ACCOUNTS] == {"extra": 100}


async def test_what_cannot_be_undone_does_not_keep_its_slot_for_ever(world: World) -> None:
    class Stubborn(Finder):
        async def abandon(self, job: Job) -> None:
            raise TRANSIENT

    runner = JobRunner(world.db, world.jobs, {"audit": Stubborn([])}, world.clock.now)
    job = await world.jobs.cancel(await world.jobs.start("audit", "returns", "olga"))
    for _ in range(MAX_RESTARTS + 1):
        with pytest.raises(TransientError):
            await runner.run(job.task, Attempt("t", 1, 12))
        # A letter of the last attempt would be of a job that the sweeper is yet to see to.
        await runner.run(job.task, Attempt("t", 12, 12))
        held = await world.only()
        assert (held.status, held.error) == ("cancelling", str(TRANSIENT))
        world.clock.advance(SILENT.total_seconds() * 2**MAX_RESTARTS)
        await JobSweeper(world.jobs).sweep()
        job = await world.only()
    assert (job.status, str(TRANSIENT) in job.error) == ("failed", True)
    await world.check_slots()
