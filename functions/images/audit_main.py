"""Entry point of the audit of images: whether each has its renditions, and nobody else has any."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.images import parts
from functions.images.audit_evidence import Records
from functions.images.audit_repair import ImageRepair
from functions.images.audit_walk import ImageAudit
from shared import clients
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.jobs.findings import Findings
from shared.jobs.queues import IMAGE_AUDIT
from shared.jobs.repairing import Repair
from shared.jobs.running import JobRunner, Work
from shared.jobs.store import Jobs
from shared.settings import settings
from shared.tasks import TaskHandler


@functions_framework.aio.http
async def audit_images(request: Request) -> Response:
    """Queue ``imageAudit``: makes a step of a job about images and their renditions."""
    return _app()


@cache
def _app() -> Response:
    db, originals, renditions = clients.firestore(), parts.originals(), parts.renditions()
    jobs = Jobs(db, parts.queues(), utc_now, {"images": IMAGE_AUDIT})
    records = Records(db, originals, renditions)
    mending = ImageRepair(
        records=records,
        images=parts.images(),
        writes=parts.product_writes(),
        queues=parts.queues(),
        originals=originals,
        renditions=renditions,
        clock=utc_now,
    )
    works: dict[str, Work] = {
        "audit": ImageAudit(db, records, originals, renditions, utc_now),
        "repair": Repair(jobs, Findings(db), mending, utc_now),
    }
    handler = TaskHandler(
        IMAGE_AUDIT,
        JobRunner(db, jobs, works, utc_now).run,
        auth=parts.authenticator(),
        dead_letters=DeadLetters(db),
        service_account=settings().tasks_service_account,
    )
    return handler.app()
