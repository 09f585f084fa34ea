"""Entry point of the audit of products: whether the supply-chain API has what it should have of each."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.supply_chain.audit_evidence import Records
from functions.supply_chain.audit_repair import Redelivery
from functions.supply_chain.audit_walk import ProductAudit
from shared import clients
from shared.auth import Authenticator
from shared.cache import versioned_cache
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.jobs.findings import Findings
from shared.jobs.queues import PRODUCT_AUDIT
from shared.jobs.repairing import Repair
from shared.jobs.running import JobRunner, Work
from shared.jobs.store import Jobs
from shared.outbox import Outbox
from shared.products import ProductWrites
from shared.settings import settings
from shared.tasks import TaskHandler, TaskQueues


@functions_framework.aio.http
async def audit_products(request: Request) -> Response:
    """Queue ``productAudit``: makes a step of a job about products and what the supply-chain API has of them."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    queues, outbox = TaskQueues(clients.cloud_tasks, config), Outbox(db, utc_now)
    jobs, records = Jobs(db, queues, utc_now, {"products": PRODUCT_AUDIT}), Records(db, outbox)
    writes = ProductWrites(db, outbox, versioned_cache(config), utc_now)
    redelivery = Redelivery(db, records, outbox, writes, queues, utc_now)
    works: dict[str, Work] = {
        "audit": ProductAudit(db, records),
        "repair": Repair(jobs, Findings(db), redelivery, utc_now),
    }
    runner = JobRunner(db, jobs, works, utc_now)
    handler = TaskHandler(
        PRODUCT_AUDIT,
        runner.run,
        auth=Authenticator(config),
        dead_letters=DeadLetters(db),
        service_account=config.tasks_service_account,
    )
    return handler.app()
