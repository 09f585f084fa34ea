"""Audits and repairs of products in a world."""

from collections.abc import Mapping

from functions.supply_chain.audit_evidence import Records
from functions.supply_chain.audit_repair import Redelivery
from functions.supply_chain.audit_walk import ProductAudit
from shared.jobs.findings import Findings
from shared.jobs.queues import PRODUCT_AUDIT
from shared.jobs.repairing import Repair
from shared.jobs.running import Work
from shared.jobs.store import Jobs
from tests.integration.job_desk import JobDesk
from tests.integration.supply_chain.world import World


def desk(world: World) -> JobDesk:
    """Whoever audits the products of a world."""
    records = Records(world.db, world.outbox)
    writes = world.catalog.writes
    redelivery = Redelivery(world.db, records, world.outbox, writes, world.catalog.queues, world.clock.now)

    def works(jobs: Jobs) -> Mapping[str, Work]:
        repair = Repair(jobs, Findings(world.db), redelivery, world.clock.now)
        return {"audit": ProductAudit(world.db, records), "repair": repair}

    return JobDesk(world.db, world.clock, "products", PRODUCT_AUDIT, works)
