"""Entry point of what keeps the search index honest: audits, repairs and re-indexing, apart from the sync itself."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.returns.auditing import Audit
from functions.returns.auditing_sides import Sides
from functions.returns.reindex import Reindex
from functions.returns.repairing import Repair
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.jobs.queues import RETURN_MAINTENANCE
from shared.jobs.running import JobRunner, Work
from shared.jobs.store import Jobs
from shared.return_sync.runs import SyncRuns
from shared.search import SearchIndex
from shared.settings import settings
from shared.tasks import TaskHandler, TaskQueues


@functions_framework.aio.http
async def maintain_return_index(request: Request) -> Response:
    """Queue ``returnMaintenance``: makes a step of a job about the search index."""
    return _app()


@cache
def _app() -> Response:
    db, config = clients.firestore(), settings()
    queues = TaskQueues(clients.cloud_tasks, config)
    jobs, runs = Jobs(db, queues, utc_now, {"returns": RETURN_MAINTENANCE}), SyncRuns(db, utc_now)
    index = SearchIndex(clients.algolia(config, config.algolia_api_key), config.algolia_returns_index)

    def sides() -> Sides:
        return Sides(db, runs, index, config.algolia_max_record_bytes)

    works: dict[str, Work] = {
        "audit": Audit(sides, utc_now),
        "repair": Repair(db, jobs, runs, queues, sides, utc_now),
        "reindex": Reindex(db, runs, index, utc_now, config.algolia_max_record_bytes),
    }
    runner = JobRunner(db, jobs, works, utc_now)
    handler = TaskHandler(
        RETURN_MAINTENANCE,
        runner.run,
        auth=Authenticator(config),
        dead_letters=DeadLetters(db),
        service_account=config.tasks_service_account,
    )
    return handler.app()
