"""Resource names of Cloud Tasks, as ``Queue.name`` and ``Task.name`` document them."""

import re
import secrets

from infra.local.refusal import invalid

_LOCATION = r"projects/[A-Za-z0-9.:-]+/locations/[A-Za-z0-9-]+"
_QUEUE = rf"{_LOCATION}/queues/[A-Za-z0-9-]{{1,100}}"
_LOCATION_NAME = re.compile(_LOCATION)
_QUEUE_NAME = re.compile(_QUEUE)
_TASK_NAME = re.compile(rf"{_QUEUE}/tasks/[A-Za-z0-9_-]{{1,500}}")


def check_location(name: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT unless ``name`` is a location's."""
    if not _LOCATION_NAME.fullmatch(name):
        raise invalid(f'{name!r} is not of the form "projects/PROJECT_ID/locations/LOCATION_ID"')


def check_queue_name(name: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT unless ``name`` is a queue's."""
    if not _QUEUE_NAME.fullmatch(name):
        raise invalid(
            f'{name!r} is not of the form "projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID"; '
            "QUEUE_ID takes letters, digits and hyphens, at most 100"
        )


def check_task_name(name: str) -> None:
    """Raises Refusal: INVALID_ARGUMENT unless ``name`` is a task's."""
    if not _TASK_NAME.fullmatch(name):
        raise invalid(
            f"{name!r} is not of the form "
            '"projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID/tasks/TASK_ID"; '
            "TASK_ID takes letters, digits, hyphens and underscores, at most 500"
        )


def queue_name(project: str, location: str, queue_id: str) -> str:
    """The full name of a queue.

    Raises:
        Refusal: INVALID_ARGUMENT, a part is malformed.
    """
    name = f"projects/{project}/locations/{location}/queues/{queue_id}"
    check_queue_name(name)
    return name


def queue_of(task_name: str) -> str:
    """The full name of a task's queue."""
    return task_name.rpartition("/tasks/")[0]


def short(name: str) -> str:
    """The last part of a name: the queue's or the task's id."""
    return name.rpartition("/")[2]


def generated_task_name(queue: str) -> str:
    """A name for a task that was created without one: like Google's, a long random number."""
    return f"{queue}/tasks/{secrets.randbits(63):019d}"
