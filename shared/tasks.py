"""Cloud Tasks, both ends: enqueuing work, and the handler that every queue's function is.

A handler may be called twice for one task, late, out of order, and again after it died at any line.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import orjson
from google.api_core.exceptions import AlreadyExists
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import trace
from shared.auth import Authenticator
from shared.dead_letters import DeadLetter
from shared.errors import PermanentError, RetryAfterError
from shared.http import TRANSIENT, http_app, json_response, read_body
from shared.problems import Problem, validation_problem
from shared.settings import Settings

if TYPE_CHECKING:
    from google.cloud.tasks_v2 import CloudTasksAsyncClient

_log = logging.getLogger(__name__)

# https://cloud.google.com/tasks/docs/quotas: a task is at most 100 KB.
MAX_TASK_BYTES = 100 * 1024
# Longer than any function's timeout, so that the platform ends an attempt before the queue starts the next.
DISPATCH_DEADLINE = timedelta(minutes=10)

Payload = TypeVar("Payload", bound=BaseModel)


@dataclass(frozen=True)
class Queue(Generic[Payload]):
    """A queue, the function behind it and the shape of its tasks. Mirrors ``infra/topology.yaml``.

    ``max_attempts`` counts the first attempt, as Cloud Tasks does.
    """

    name: str
    function: str
    payload: type[Payload]
    max_attempts: int


class TaskQueues:
    """Enqueues tasks that carry the current trace and the platform's identity.

    Args:
        connect: gives the client, which takes long to import, and which most first requests of a process do not need.
    """

    def __init__(self, connect: Callable[[], "CloudTasksAsyncClient"], config: Settings) -> None:
        self._connect = connect
        self._settings = config

    async def enqueue(
        self, queue: Queue[Payload], payload: Payload, *, key: str, not_before: datetime | None = None
    ) -> bool:
        """Add a task, once per ``key``.

        Args:
            key: what makes it the same task; the queue remembers it for up to 24 hours after the task ended.
            not_before: when it is to be tried first, at most 30 days ahead; at once if it is not given.

        Returns:
            Whether it was added; ``False`` when a task of this key was there already.
        """
        body = payload.model_dump_json().encode()
        return await self._create(queue.name, queue.function, body, key, not_before)

    async def put_back(self, queue: str, function: str, body: bytes, *, key: str) -> bool:
        """As :meth:`enqueue`, for the JSON of a task that was there before, which ``function`` will judge."""
        return await self._create(queue, function, body, key, None)

    async def _create(
        self, queue: str, function: str, body: bytes, key: str, not_before: datetime | None
    ) -> bool:
        client, config = self._connect(), self._settings
        parent = client.queue_path(config.google_cloud_project, config.region, queue)
        url = config.function_url(function)
        task: Any = {
            # Hashed, since sequential names slow a queue down.
            "name": f"{parent}/tasks/{hashlib.sha256(key.encode()).hexdigest()}",
            "dispatch_deadline": DISPATCH_DEADLINE,
            "http_request": {
                "url": url,
                "headers": {"Content-Type": "application/json", "traceparent": trace.traceparent()},
                "body": body,
                "oidc_token": {"service_account_email": config.tasks_service_account, "audience": url},
            },
        }
        if not_before is not None:
            task["schedule_time"] = not_before
        try:
            await client.create_task(parent=parent, task=task)
        except AlreadyExists:
            return False
        return True


@dataclass(frozen=True)
class Attempt:
    """Which delivery of a task this is; ``number`` counts from 1."""

    task: str
    number: int
    max_attempts: int

    @property
    def is_last(self) -> bool:
        return self.number >= self.max_attempts

    @classmethod
    def of(cls, request: Request, max_attempts: int) -> "Attempt":
        """Read from the headers that Cloud Tasks sets."""
        retries = request.headers.get("x-cloudtasks-taskretrycount", "0")
        task = request.headers.get("x-cloudtasks-taskname", "")
        return cls(task, int(retries) + 1 if retries.isdecimal() else 1, max_attempts)


class LetterBox(Protocol):
    """Takes what will never succeed."""

    async def add(self, letter: DeadLetter) -> None:
        """Keep ``letter``, once however often it is added."""


class TaskHandler(Generic[Payload]):
    """Serves the function behind a queue: authorises, parses, runs, and settles how the attempt ended.

    What ``run`` does decides: returning is done (200); :class:`TransientError` and anything unexpected is a
    retry (500), and on the last attempt a dead letter; :class:`PermanentError` is a dead letter at once.
    :class:`RetryAfterError` is a retry too, and the whole queue rests as long as it says (429).
    """

    def __init__(
        self,
        queue: Queue[Payload],
        run: Callable[[Payload, Attempt], Awaitable[None]],
        *,
        auth: Authenticator,
        dead_letters: LetterBox,
        service_account: str,
    ) -> None:
        self._queue = queue
        self._run = run
        self._auth = auth
        self._dead_letters = dead_letters
        self._service_account = service_account

    def app(self) -> Response:
        """What the entry point answers every request with."""
        return http_app([Route("/", self._serve, methods=["POST"])])

    async def _serve(self, request: Request) -> Response:
        await self._auth.platform(request, self._queue.function, self._service_account)
        body = await read_body(request, MAX_TASK_BYTES)
        attempt = Attempt.of(request, self._queue.max_attempts)
        try:
            payload = self._queue.payload.model_validate_json(body)
        except ValidationError as error:
            await self._bury(attempt, body, validation_problem(error))
            return json_response({"outcome": "dead"})
        return await self._settle(attempt, body, payload)

    async def _settle(self, attempt: Attempt, body: bytes, payload: Payload) -> Response:
        try:
            await self._run(payload, attempt)
        except PermanentError as error:
            _log.warning("task.refused", extra={"task": attempt.task, "error": str(error)})
            await self._bury(attempt, body, error)
            return json_response({"outcome": "dead"})
        except Exception as error:
            level = logging.WARNING if isinstance(error, TRANSIENT) else logging.ERROR
            note = {"task": attempt.task, "attempt": attempt.number, "error": repr(error)}
            _log.log(level, "task.failed", extra=note, exc_info=level >= logging.ERROR)
            if not attempt.is_last:
                raise _retry(error) from error
            await self._bury(attempt, body, error)
            return json_response({"outcome": "dead"})
        return json_response({"outcome": "done"})

    async def _bury(self, attempt: Attempt, body: bytes, error: Exception) -> None:
        await self._dead_letters.add(
            DeadLetter(
                key=attempt.task or hashlib.sha256(body).hexdigest(),
                queue=self._queue.name,
                function=self._queue.function,
                payload=_readable(body),
                error=str(error) or repr(error),
                attempts=attempt.number,
            )
        )


def _retry(error: Exception) -> Problem:
    """The answer after which the queue tries again."""
    if isinstance(error, RetryAfterError):
        return Problem(429, "task-held", "The queue is to rest.", headers={"Retry-After": str(error.seconds)})
    # 500 and not 503 or 429: those would slow the whole queue down.
    return Problem(500, "task-failed", "The queue will try again.")


def _readable(body: bytes) -> dict[str, object]:
    """The payload of a dead letter: the task's JSON object, or its text when it is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {"text": body.decode(errors="replace")}
    return content if isinstance(content, dict) else {"text": body.decode(errors="replace")}
