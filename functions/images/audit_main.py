"""Entry point of the audit of images: whether each has its renditions, and nobody else has any."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.jobs.queues import IMAGE_AUDIT
from shared.jobs.running import JobRunner
from shared.jobs.store import Jobs
from shared.settings import settings
from shared.tasks import TaskHandler, TaskQueues


@functions_framework.aio.http
async def audit_images(request: Request) -> Response:
    """Queue ``imageAudit``: makes a step of a job about images and their renditions."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    jobs = Jobs(db, TaskQueues(clients.cloud_tasks, config), utc_now, {"images": IMAGE_AUDIT})
    runner = JobRunner(db, jobs, {}, utc_now)
    handler = TaskHandler(
        IMAGE_AUDIT,
        runner.run,
        auth=Authenticator(config),
        dead_letters=DeadLetters(db),
        service_account=config.tasks_service_account,
    )
    return handler.app()
