"""``/ops/schedules`` and ``/ops/queues`` over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.ops.control import (
    MAX_COUNTED,
    QueueControl,
    QueueState,
    QueueView,
    Schedules,
    ScheduleState,
    ScheduleView,
)
from functions.ops.operators import operator
from shared.auth import Authenticator
from shared.http import json_response
from shared.openapi import Answer, AnswerBody, Operation

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,500}$")]
_PATH = {"name": Name}


class ScheduleAnswer(AnswerBody):
    """A schedule."""

    name: str
    cron: str = Field(examples=["*/15 * * * *"])
    time_zone: str = Field(examples=["Etc/UTC"])
    state: ScheduleState
    next_at: datetime | None = Field(description="Null while it rests.")
    last_at: datetime | None = Field(description="When it was tried last.")
    last_error: str = Field(description="How that ended; empty if it went well, or was never tried.")


class ScheduleList(AnswerBody):
    """All schedules, by name."""

    schedules: list[ScheduleAnswer]


class QueueAnswer(AnswerBody):
    """A queue of tasks."""

    name: str
    state: QueueState = Field(description="`unknown` if it did not answer in time; nothing is counted then.")
    depth: int = Field(ge=0, le=MAX_COUNTED, description="How many tasks wait, or are being worked on.")
    has_more: bool = Field(description=f"Whether there are more than {MAX_COUNTED:,}.")
    oldest_at: datetime | None = Field(description="When the oldest of those that were counted was made.")
    retrying: int = Field(ge=0, description="How many of those that were counted have been tried before.")


class QueueList(AnswerBody):
    """All queues."""

    queues: list[QueueAnswer]


@dataclass(frozen=True)
class ControlApi:
    """Schedules and queues: for operators only."""

    auth: Authenticator
    schedules: Schedules
    queues: QueueControl

    def routes(self) -> list[Route]:
        return [
            Route("/schedules", self.list_schedules, methods=["GET"]),
            Route("/schedules/{name}:pause", self.pause_schedule, methods=["POST"]),
            Route("/schedules/{name}:resume", self.resume_schedule, methods=["POST"]),
            Route("/schedules/{name}:run", self.run_schedule, methods=["POST"]),
            Route("/queues", self.list_queues, methods=["GET"]),
            Route("/queues/{name}:pause", self.pause_queue, methods=["POST"]),
            Route("/queues/{name}:resume", self.resume_queue, methods=["POST"]),
        ]

    @Operation(roles=("ops",), answers={200: Answer(ScheduleList)})
    async def list_schedules(self, request: Request) -> Response:
        """All schedules, by name."""
        await operator(self.auth, request)
        return json_response({"schedules": [asdict(each) for each in await self.schedules.all()]})

    @Operation(
        roles=("ops",),
        path=_PATH,
        answers={200: Answer(ScheduleAnswer)},
        problems={409: {"not-possible": "It is neither enabled nor paused."}},
    )
    async def pause_schedule(self, request: Request) -> Response:
        """Let a schedule rest until it is resumed; one that rests already is left so."""
        return await self._schedule(request, self.schedules.pause)

    @Operation(
        roles=("ops",),
        path=_PATH,
        answers={200: Answer(ScheduleAnswer)},
        problems={409: {"not-possible": "It is neither enabled nor paused."}},
    )
    async def resume_schedule(self, request: Request) -> Response:
        """Let a schedule go on."""
        return await self._schedule(request, self.schedules.resume)

    @Operation(
        roles=("ops",),
        path=_PATH,
        answers={202: Answer(ScheduleAnswer)},
        problems={409: {"not-possible": "Cloud Scheduler does not run it in its state."}},
    )
    async def run_schedule(self, request: Request) -> Response:
        """Have a schedule call its function once, now. Its regular times stay as they are."""
        return await self._schedule(request, self.schedules.run_now, 202)

    @Operation(roles=("ops",), answers={200: Answer(QueueList)})
    async def list_queues(self, request: Request) -> Response:
        """All queues, with how many tasks are in them. One that does not answer holds up none of the others."""
        await operator(self.auth, request)
        return json_response({"queues": [asdict(each) for each in await self.queues.all()]})

    @Operation(roles=("ops",), path=_PATH, answers={200: Answer(QueueAnswer)})
    async def pause_queue(self, request: Request) -> Response:
        """Hold a queue's tasks back until it is resumed. They can be added all the same."""
        return await self._queue(request, self.queues.pause)

    @Operation(roles=("ops",), path=_PATH, answers={200: Answer(QueueAnswer)})
    async def resume_queue(self, request: Request) -> Response:
        """Let a queue's tasks go on."""
        return await self._queue(request, self.queues.resume)

    async def _schedule(
        self, request: Request, act: Callable[[str, str], Awaitable[ScheduleView]], status: int = 200
    ) -> Response:
        caller = await operator(self.auth, request)
        return json_response(asdict(await act(request.path_params["name"], caller.who)), status)

    async def _queue(self, request: Request, act: Callable[[str, str], Awaitable[QueueView]]) -> Response:
        caller = await operator(self.auth, request)
        return json_response(asdict(await act(request.path_params["name"], caller.who)))
