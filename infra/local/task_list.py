"""A queue's tasks for a person to read, asked of Cloud Tasks as anyone would."""

import json
from typing import Any

import grpc
from google.cloud.tasks_v2 import CloudTasksAsyncClient, ListTasksRequest, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcAsyncIOTransport

_PAGE = 1000


class TaskList:
    """Reads queues of one location.

    Args:
        address: of Cloud Tasks, ``host:port``.
        parent: ``projects/…/locations/…``.
    """

    def __init__(self, address: str, parent: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._client = CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=self._channel))
        self._parent = parent

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def of(self, queue: str) -> dict[str, Any]:
        """The first thousand tasks of ``queue`` (a short id), and whether there are more."""
        request = ListTasksRequest(
            parent=f"{self._parent}/queues/{queue}", response_view=Task.View.FULL, page_size=_PAGE
        )
        page = await anext((await self._client.list_tasks(request)).pages)
        return {"tasks": [_readable(task) for task in page.tasks], "more": bool(page.next_page_token)}


def _readable(task: Task) -> dict[str, Any]:
    attempt = task.last_attempt
    return {
        "name": task.name.rsplit("/", 1)[1],
        "schedule_time": task.schedule_time.isoformat().replace("+00:00", "Z"),
        "attempts": task.dispatch_count,
        "responses": task.response_count,
        "last_status": attempt.response_status.message or None if attempt.response_time else None,
        "url": task.http_request.url,
        "payload": _payload(task.http_request.body),
    }


def _payload(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
