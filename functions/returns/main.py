"""Entry points of the returns room that keep the index in step: each puts its use case together once a process."""

from functools import cache

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from functions.returns.index_settings import IndexSettings
from functions.returns.ingestion import Ingestion
from functions.returns.planner import Planner
from functions.returns.processing import Processor
from functions.returns.returns_api import ReturnsApi
from shared import clients
from shared.auth import Authenticator
from shared.clock import utc_now
from shared.dead_letters import DeadLetters
from shared.http import ANSWER_SECONDS, http_app
from shared.return_sync.queues import RETURN_SYNC, RETURN_SYNC_PROCESSING
from shared.return_sync.runs import SyncRuns
from shared.search import SearchIndex
from shared.settings import settings
from shared.tasks import TaskHandler, TaskQueues


@functions_framework.aio.http
async def returns(request: Request) -> Response:
    """``/returns``: takes returns in from the warehouse."""
    return _returns_app()


@functions_framework.aio.http
async def return_updated_task_queue(request: Request) -> Response:
    """Queue ``returnSync``: cuts a run's window into batches."""
    return _planner_app()


@functions_framework.aio.http
async def return_update_processing_queue(request: Request) -> Response:
    """Queue ``returnSyncProcessing``: pushes one batch into the search index."""
    return _processing_app()


@cache
def _runs() -> SyncRuns:
    return SyncRuns(clients.firestore(), utc_now)


@cache
def _index() -> SearchIndex:
    config = settings()
    return SearchIndex(clients.algolia(config, config.algolia_api_key), config.algolia_returns_index)


@cache
def _queues() -> TaskQueues:
    return TaskQueues(clients.cloud_tasks, settings())


@cache
def _returns_app() -> Response:
    api = ReturnsApi(
        db=clients.firestore(),
        auth=Authenticator(settings()),
        ingestion=Ingestion(clients.firestore(), utc_now),
        runs=_runs(),
        queues=_queues(),
        clock=utc_now,
    )
    return http_app(api.routes(), within=ANSWER_SECONDS)


@cache
def _planner_app() -> Response:
    planner = Planner(
        db=clients.firestore(),
        runs=_runs(),
        queues=_queues(),
        settings=IndexSettings(clients.firestore(), _index()),
        clock=utc_now,
    )
    handler = TaskHandler(
        RETURN_SYNC,
        lambda record, _: planner.run(record),
        auth=Authenticator(settings()),
        dead_letters=DeadLetters(clients.firestore()),
        service_account=settings().tasks_service_account,
    )
    return handler.app()


@cache
def _processing_app() -> Response:
    dead_letters = DeadLetters(clients.firestore())
    processor = Processor(
        db=clients.firestore(),
        runs=_runs(),
        index=_index(),
        dead_letters=dead_letters,
        clock=utc_now,
        max_record_bytes=settings().algolia_max_record_bytes,
    )
    handler = TaskHandler(
        RETURN_SYNC_PROCESSING,
        lambda task, _: processor.run(task),
        auth=Authenticator(settings()),
        dead_letters=dead_letters,
        service_account=settings().tasks_service_account,
    )
    return handler.app()
