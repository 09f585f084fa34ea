"""The RPCs of ``google.cloud.tasks.v2.CloudTasks`` over the store and the queues' dispatchers.

Requests and answers are raw protobuf messages. IAM policies, batches and CMEK settings are not here and
answer UNIMPLEMENTED.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.cloud import tasks_v2
from google.protobuf.empty_pb2 import Empty

from infra.local.clock import Clock
from infra.local.prototime import timestamp
from infra.local.refusal import Refusal, invalid, not_found, unimplemented
from infra.local.tasks import names, queues
from infra.local.tasks.creation import task_from
from infra.local.tasks.dispatcher import TASK_NAME_TAKEN_SECONDS
from infra.local.tasks.fleet import Fleet
from infra.local.tasks.store import Task, TaskRecord, TaskStore

_ListQueuesResponse = tasks_v2.ListQueuesResponse.pb()
_ListTasksResponse = tasks_v2.ListTasksResponse.pb()
_FULL = int(tasks_v2.Task.View.FULL)
_BASIC = int(tasks_v2.Task.View.BASIC)

_MAX_QUEUES_PER_PAGE = 9800
_MAX_TASKS_PER_PAGE = 1000


class QueuesApi:
    """The RPCs about queues. Each raises ``Refusal`` where Google answers with an error."""

    def __init__(self, store: TaskStore, fleet: Fleet, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock

    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """The RPCs by name."""
        return {
            "ListQueues": self._list,
            "GetQueue": self._get,
            "CreateQueue": self._create,
            "UpdateQueue": self._update,
            "DeleteQueue": self._delete,
            "PurgeQueue": self._purge,
            "PauseQueue": self._pause,
            "ResumeQueue": self._resume,
        }

    def _list(self, request: Any) -> Any:
        names.check_location(request.parent)
        if request.filter:
            raise unimplemented("ListQueues with a filter")
        size = _page_size(request.page_size, _MAX_QUEUES_PER_PAGE)
        found = self._store.queues(f"{request.parent}/queues/", request.page_token, size + 1)
        token = found[size - 1].name if len(found) > size else ""
        return _ListQueuesResponse(queues=found[:size], next_page_token=token)

    def _get(self, request: Any) -> Any:
        names.check_queue_name(request.name)
        return self._fleet.of(request.name).queue

    def _create(self, request: Any) -> Any:
        names.check_location(request.parent)
        queue = queues.created(request.queue)
        if not queue.name.startswith(f"{request.parent}/queues/"):
            raise invalid(f"the queue's name {queue.name!r} does not belong to the parent {request.parent!r}")
        if self._fleet.get(queue.name):
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"the queue {queue.name!r} exists already")
        return self._add(queue)

    def _update(self, request: Any) -> Any:
        names.check_queue_name(request.queue.name)
        dispatcher = self._fleet.get(request.queue.name)
        if dispatcher is None:  # UpdateQueue creates a queue that does not exist
            return self._add(queues.created(request.queue))
        queue = queues.updated(dispatcher.queue, request.queue, request.update_mask.paths)
        self._fleet.save(queue)
        return queue

    def _add(self, queue: Any) -> Any:
        if self._store.is_taken(queue.name, self._clock.time()):
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{queue.name!r} cannot be created: a queue with this name existed too recently (3 days)",
            )
        self._fleet.save(queue)
        return queue

    def _delete(self, request: Any) -> Any:
        names.check_queue_name(request.name)
        self._fleet.remove(request.name)
        return Empty()

    def _purge(self, request: Any) -> Any:
        now = self._clock.time()
        queue = self._changed(request.name)
        queue.purge_time.CopyFrom(timestamp(now))
        self._store.purge(queue.name, now + TASK_NAME_TAKEN_SECONDS)
        self._fleet.save(queue)
        return queue

    def _pause(self, request: Any) -> Any:
        return self._set_state(request.name, queues.PAUSED)

    def _resume(self, request: Any) -> Any:
        return self._set_state(request.name, queues.RUNNING)

    def _set_state(self, name: str, state: int) -> Any:
        queue = self._changed(name)
        queue.state = state
        self._fleet.save(queue)
        return queue

    def _changed(self, name: str) -> Any:
        """A copy of the queue, to be changed and saved."""
        names.check_queue_name(name)
        queue = queues.Queue()
        queue.CopyFrom(self._fleet.of(name).queue)
        return queue


class TasksApi:
    """The RPCs about tasks. Each raises ``Refusal`` where Google answers with an error."""

    def __init__(self, store: TaskStore, fleet: Fleet, clock: Clock) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock

    def methods(self) -> dict[str, Callable[[Any], Any]]:
        """The RPCs by name."""
        return {
            "CreateTask": self._create,
            "GetTask": self._get,
            "ListTasks": self._list,
            "DeleteTask": self._delete,
            "RunTask": self._run,
        }

    def _create(self, request: Any) -> Any:
        names.check_queue_name(request.parent)
        dispatcher = self._fleet.of(request.parent)
        now = self._clock.time()
        task = task_from(request.task, dispatcher.queue, now)
        if request.task.name and (self._store.is_taken(task.name, now) or self._store.task(task.name)):
            dispatcher.counters.deduplicated += 1
            raise Refusal(
                grpc.StatusCode.ALREADY_EXISTS,
                f"the task {task.name!r} exists, or existed within the last 24 hours",
            )
        self._store.save_task(TaskRecord(task), running=False)
        dispatcher.counters.created += 1
        dispatcher.wake()
        return _view(task, request.response_view)

    def _get(self, request: Any) -> Any:
        return _view(self._existing(request.name).task, request.response_view)

    def _list(self, request: Any) -> Any:
        names.check_queue_name(request.parent)
        self._fleet.of(request.parent)
        size = _page_size(request.page_size, _MAX_TASKS_PER_PAGE)
        found = self._store.tasks(request.parent, request.page_token, size + 1)
        token = found[size - 1].task.name if len(found) > size else ""
        tasks = [_view(record.task, request.response_view) for record in found[:size]]
        return _ListTasksResponse(tasks=tasks, next_page_token=token)

    def _delete(self, request: Any) -> Any:
        record = self._existing(request.name)
        self._store.end_task(record.task.name, self._clock.time() + TASK_NAME_TAKEN_SECONDS)
        self._fleet.of(names.queue_of(request.name)).wake()
        return Empty()

    def _run(self, request: Any) -> Any:
        record = self._existing(request.name)
        self._fleet.of(names.queue_of(request.name)).force(record)
        return _view(record.task, request.response_view)

    def _existing(self, name: str) -> TaskRecord:
        names.check_task_name(name)
        record = self._store.task(name)
        if record is None:
            raise not_found(f"the task {name!r} does not exist; it may have ended")
        return record


def _view(task: Any, view: int) -> Any:
    """The task as a caller asked to see it: without its body, unless in full."""
    shown = Task()
    shown.CopyFrom(task)
    shown.view = _FULL if view == _FULL else _BASIC
    if shown.view == _BASIC:
        shown.http_request.ClearField("body")
    return shown


def _page_size(requested: int, maximum: int) -> int:
    if requested < 0:
        raise invalid(f"page_size must not be negative, not {requested}")
    return min(requested or maximum, maximum)
