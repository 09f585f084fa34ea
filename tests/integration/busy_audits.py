"""Audits of a world in which others are at work."""

from collections.abc import Awaitable, Callable
from random import Random

from tests.integration.job_desk import JobDesk
from tests.integration.steps import Workshop


async def audited_amid(
    world: Workshop,
    office: JobDesk,
    turn: Callable[[], Awaitable[None]],
    dice: Random,
    *,
    turns: int,
    haste: float,
) -> None:
    """Audits one after the other, between any two of whose calls there is a turn of somebody else's, or are several.

    Args:
        haste: how often an audit goes on after a turn, from 0 to 1.
    """
    for _ in range(turns):
        await turn()
        auditing = [work for work in world.works if work.name == "audit"]
        if auditing and dice.random() < haste:
            await world.step(auditing[0])
        elif not auditing:
            if not office.queues.waiting:
                await office.start("audit")
            await world.begin("audit", office.step)
    await world.finish()


async def check_nothing_found(office: JobDesk) -> None:
    """Several audits have been made, and none has found anything."""
    audits = await office.jobs.page(100, "audit")
    assert len(audits) >= 2
    assert [await office.found_by(job) for job in audits] == [[]] * len(audits)


async def check_all_well(office: JobDesk) -> None:
    """An audit that is left unfinished comes to its end, and one more finds nothing."""
    while office.queues.waiting:
        await office.step()
    assert await office.audit() == []
