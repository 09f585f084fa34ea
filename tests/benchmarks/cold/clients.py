"""What Google's own clients take: a function that reads one document, and could enqueue a task.

As the product does, it imports the client of Cloud Tasks without aiohttp.
"""

import os
import sys

import functions_framework.aio
import grpc.aio
from google.cloud.firestore import AsyncClient
from starlette.requests import Request

sys.modules["aiohttp"] = None  # type: ignore[assignment]
from google.cloud.tasks_v2 import CloudTasksAsyncClient  # noqa: E402
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport  # noqa: E402


@functions_framework.aio.http
async def clients(request: Request) -> str:
    """Whether a document exists that does not."""
    channel = grpc.aio.insecure_channel(os.environ["CLOUD_TASKS_EMULATOR_HOST"])
    CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
    document = AsyncClient(project=os.environ["GOOGLE_CLOUD_PROJECT"]).document("nothing/here")
    return str((await document.get()).exists)
