"""Audits and repairs of images in a world."""

from collections.abc import Mapping

from functions.images.audit_evidence import Records
from functions.images.audit_repair import ImageRepair
from functions.images.audit_walk import ImageAudit
from shared.jobs.findings import Findings
from shared.jobs.queues import IMAGE_AUDIT
from shared.jobs.repairing import Repair
from shared.jobs.running import Work
from shared.jobs.store import Jobs
from tests.integration.images.world import World
from tests.integration.job_desk import JobDesk


def desk(world: World) -> JobDesk:
    """Whoever audits the images of a world."""
    records = Records(world.db, world.originals, world.renditions)
    mending = ImageRepair(
        records=records,
        images=world.images,
        writes=world.catalog.writes,
        queues=world.queues,
        originals=world.originals,
        renditions=world.renditions,
        clock=world.clock.now,
    )
    audit = ImageAudit(world.db, records, world.originals, world.renditions, world.clock.now)

    def works(jobs: Jobs) -> Mapping[str, Work]:
        return {"audit": audit, "repair": Repair(jobs, Findings(world.db), mending, world.clock.now)}

    return JobDesk(world.db, world.clock, "images", IMAGE_AUDIT, works)
