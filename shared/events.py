"""Events of Cloud Storage, as Eventarc delivers them to a function: at least once, in no order, for up to 24 hours.

An event is acknowledged by a 2xx; anything else and it comes again, after 10 seconds at first and 10 minutes at last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.auth import Authenticator
from shared.http import TRANSIENT, http_app, json_response, read_body
from shared.problems import Problem, validation_problem

_log = logging.getLogger(__name__)

FINALIZED = "google.cloud.storage.object.v1.finalized"
# https://cloud.google.com/eventarc/quotas: an event is at most 512 KB.
_MAX_EVENT_BYTES = 512 * 1024


class StoredObject(BaseModel):
    """The object that an event is about, as it was then. Its other fields do not matter here.

    https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/storage/v1/data.proto
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    bucket: str
    name: str
    generation: int = Field(gt=0)
    size: int = Field(ge=0)
    time_created: AwareDatetime = Field(alias="timeCreated")


class FinalizedHandler:
    """Serves a function to which each new generation of an object is announced.

    What ``run`` does decides: returning acknowledges the event; anything that it raises brings the event again.
    """

    def __init__(
        self,
        function: str,
        run: Callable[[StoredObject], Awaitable[None]],
        *,
        auth: Authenticator,
        service_account: str,
    ) -> None:
        self._function = function
        self._run = run
        self._auth = auth
        self._service_account = service_account

    def app(self) -> Response:
        """What the entry point answers every request with."""
        return http_app([Route("/", self._serve, methods=["POST"])])

    async def _serve(self, request: Request) -> Response:
        await self._auth.platform(request, self._function, self._service_account)
        event = _event(request, await read_body(request, _MAX_EVENT_BYTES))
        if event["type"] != FINALIZED:
            _log.error("event.unexpected", extra={"event": event["id"], "event_type": event["type"]})
            return json_response({"outcome": "ignored"})
        stored = _object(event)
        try:
            await self._run(stored)
        except Exception as error:
            level = logging.WARNING if isinstance(error, TRANSIENT) else logging.ERROR
            note = {"event": event["id"], "error": repr(error)}
            _log.log(level, "event.failed", extra=note, exc_info=level >= logging.ERROR)
            raise Problem(500, "event-failed", "The event will come again.") from error
        return json_response({"outcome": "done"})


class OneAtATime:
    """Works on one event at a time, however many come: the memory of an instance is measured for one object."""

    def __init__(self, run: Callable[[StoredObject], Awaitable[None]]) -> None:
        self._run = run
        self._turn = asyncio.Lock()

    async def run(self, stored: StoredObject) -> None:
        """Work on an event when its turn has come."""
        async with self._turn:
            await self._run(stored)


def _event(request: Request, body: bytes) -> CloudEvent:
    try:
        return from_http(request.headers, body)
    except GenericException as error:
        raise Problem(400, "malformed-event", f"This is no CloudEvent: {error}") from error


def _object(event: CloudEvent) -> StoredObject:
    try:
        return StoredObject.model_validate(event.data)
    except ValidationError as error:
        raise validation_problem(error) from error
